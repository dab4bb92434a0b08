"""Which units lead a ranking, and do several rankings name the same units?"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp.errors import InputError

Values = Float[Array | np.ndarray, "*rows units"]


def highest(values: Values) -> Int[Array, "*rows"]:
    """The unit of the highest value in each row; NaN is lowest."""
    return jnp.argmax(jnp.nan_to_num(values, nan=-jnp.inf), axis=-1)


def largest(values: Values, count) -> Bool[Array, "..."]:
    """Whether each unit is among the `count` of highest value in its row; NaN is lowest, ties are in the units' order.

    count: a number, or an array that broadcasts against the values.
    """
    return jnp.argsort(jnp.argsort(-jnp.nan_to_num(values, nan=-jnp.inf), axis=-1), axis=-1) < count


def overlap(
    rankings: Float[Array | np.ndarray, "rankings classes units"], *, top: int
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Share of one ranking's top units that another names: for the same class, and for different classes.

    Means over pairs of rankings and over classes; classes for which a ranking is NaN are left out. Raises InputError
    for a top below 1.
    """
    if top < 1:
        raise InputError(f"top is {top}: use 1 or more units")
    kept = min(top, rankings.shape[-1])
    leading = largest(rankings, kept).astype(jnp.float32)
    shared = jnp.einsum("rcu,tdu->rtcd", leading, leading) / kept
    pairs = jnp.mean(shared[np.triu_indices(len(rankings), 1)], axis=0)
    known = ~jnp.isnan(rankings).any(axis=(0, 2))
    both, same = known[:, None] & known, jnp.eye(len(known), dtype=bool)
    return jnp.nanmean(pairs, where=both & same), jnp.nanmean(pairs, where=both & ~same)
