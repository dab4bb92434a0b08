"""Which unit of another network corresponds to this unit, and do other networks have such a unit at all?"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import controls
from jaxinterp.analysis import matching, similarity


class Counterparts(NamedTuple):
    """unit: matched one to one on half of the images. r: the pair's correlation on the other half, with its sign.

    universality: see `matching.universality`. cka: debiased, linear.
    """

    unit: Int[Array, "seeds seeds units"]
    r: Float[Array, "seeds seeds units"]
    universality: Float[Array, "seeds units"]
    cka: Float[Array, "seeds seeds"]


def orders(
    key, labels: Int[Array | np.ndarray, " examples"], *, draws: int
) -> tuple[
    Int[Array, "draws fitted"], Int[Array, "draws fitted"], Int[Array, "draws scored"], Int[Array, "draws scored"]
]:
    """Which images to match on and then to score on: of the networks, and of the others that they are compared with.

    The first row is the truth, where both are the same. In the other `draws` the others' are shuffled within classes.
    """
    labels = jnp.asarray(labels)
    split_key, null_key = jax.random.split(key)
    order = jax.random.permutation(split_key, labels.shape[0])
    halves = order[: labels.shape[0] // 2], order[labels.shape[0] // 2 :]

    def both(half, key):
        shuffled = jax.vmap(lambda key: controls.shuffled_within_class(key, half, labels[half]))
        own = jnp.broadcast_to(half, (1 + draws, *half.shape))
        return own, own.at[1:].set(shuffled(jax.random.split(key, draws)))

    return *both(halves[0], jax.random.fold_in(null_key, 0)), *both(halves[1], jax.random.fold_in(null_key, 1))


def counterparts(
    activations: Float[Array | np.ndarray, "seeds examples units"],
    orders: tuple[Array, Array, Array, Array],
    *,
    absolute: bool,
    chunk: int = 8,
) -> Counterparts:
    """Counterparts of every unit in every other network, and what shuffling images within their class makes of them.

    orders: from `orders`. absolute: a mirror image counts as a counterpart, too. chunk: networks compared at once, each
    with all others: chunk × seeds × units² numbers. Raises InputError for fewer than four images.
    """
    activations = jnp.asarray(activations)

    def compare(rows):
        own_fitted, fitted, own_scored, scored = (activations[:, order] for order in rows)

        def one(own):
            fitted_on, scored_on = (part[None] for part in own)
            pairs = matching.match(matching.correlations(fitted_on, fitted), absolute=absolute)
            correlations = matching.correlations(scored_on, scored)
            r = jnp.take_along_axis(correlations, pairs.order[..., None], axis=-1)[..., 0]
            return pairs.order[0], r[0], (r * jnp.sign(pairs.value))[0]

        return jax.lax.map(one, (own_fitted, own_scored), batch_size=chunk)

    # One loop for the truth and its null, since compiling takes longer than running.
    unit, r, strength = jax.lax.map(compare, orders)
    universality = matching.universality(strength[0], strength[1:])
    return Counterparts(unit[0], r[0], universality, similarity.linear_cka(activations))
