"""How much of a unit's input do a few of its sources explain? Squared correlation of their sum with the whole sum."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxinterp.analysis.attribution.maps import Images
from jaxinterp.analysis.attribution.wiring import connections
from jaxinterp.networks import Network, folded, sites

LISTS = ("weight", "contribution", "random")
DRAWS = 10  # random lists, over which the mean is taken

# Accelerators would otherwise multiply with fewer bits.
_EXACT = jax.lax.Precision.HIGHEST


class Listed(NamedTuple):
    """What lists of each first-layer unit's most important pixels hold of it.

    rebuilt: squared correlation of what these pixels alone give with the unit's input, by each of LISTS. overlap: of
    the list by weight with that by contribution; chance: its expectation for random lists. never_inked: share of the
    list by weight whose pixels are 0 on every image.
    """

    rebuilt: Float[Array, "lists units"]
    overlap: Float[Array, " units"]
    chance: Float[Array, " units"]
    never_inked: Float[Array, " units"]


def rebuilt(
    weights: Float[Array, "units sources"],
    covariance: Float[Array, "sources sources"],
    listed: Int[Array, "lists units places"],
) -> Float[Array, "lists units"]:
    """Squared correlation of a unit's input, Σ wᵢxᵢ, with the sum over each list of its sources alone.

    It follows from the covariance of the sources. listed: the sources of each list; −1 ends a shorter one. 0 for a list
    whose sources never vary, NaN for a unit whose weights are not finite.
    """
    kept, places = listed >= 0, jnp.maximum(listed, 0)
    with_input = jnp.matmul(weights, covariance, precision=_EXACT)
    own_weights = jnp.where(kept, _taken(weights, places), 0)
    shared = jnp.sum(own_weights * _taken(with_input, places), axis=-1)
    within = covariance[places[..., :, None], places[..., None, :]]
    own = jnp.einsum("lup,lupq,luq->lu", own_weights, within, own_weights, precision=_EXACT)
    whole = jnp.sum(with_input * weights, axis=-1)
    return jnp.where(own > 0, shared**2 / (jnp.where(own > 0, own, 1) * whole), 0 * whole)


def listed(
    network: Network,
    images: Images,
    inked: Bool[Array, " pixels"],
    covariance: Float[Array, "pixels pixels"],
    key,
    *,
    k: int,
) -> Listed:
    """The k pixels of every first-layer unit with the largest weights, those that contribute most, and random ones.

    images: those by which contributions are measured (see `connections`); covariance: of the pixels over others. inked:
    pixels that are not 0 on every image. NaN for a unit whose weights are not finite.
    """
    first = sites(network.model)[1]
    weights = folded(network, site=first)[0][0].T
    places = min(k, weights.shape[1])
    found = connections(network, images, site=first, k=places)
    at_random = jax.lax.top_k(jax.random.uniform(key, (DRAWS, *weights.shape)), places)[1]
    by_weight, by_contribution = found.incoming_units, found.incoming_contribution_units
    explained = rebuilt(weights, covariance, jnp.concatenate([by_weight[None], by_contribution[None], at_random]))
    both = jnp.any((by_weight[:, :, None] == by_contribution[:, None]) & (by_weight >= 0)[:, :, None], axis=-1)
    known = 0 * explained[0]
    return Listed(
        rebuilt=jnp.concatenate([explained[:2], jnp.mean(explained[2:], axis=0, keepdims=True)]),
        overlap=jnp.mean(both, axis=1) + known,
        chance=places / weights.shape[1] + known,
        never_inked=jnp.mean(~inked[jnp.maximum(by_weight, 0)] & (by_weight >= 0), axis=1) + known,
    )


def _taken(table: Float[Array, "units sources"], places: Int[Array, "lists units places"]):
    return jnp.take_along_axis(jnp.broadcast_to(table, (len(places), *table.shape)), places, axis=-1)
