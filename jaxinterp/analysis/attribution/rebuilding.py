"""How much of what enters a unit do a few of its sources rebuild?"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

# Accelerators would otherwise multiply with fewer bits.
_EXACT = jax.lax.Precision.HIGHEST


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


def _taken(table: Float[Array, "units sources"], places: Int[Array, "lists units places"]):
    return jnp.take_along_axis(jnp.broadcast_to(table, (len(places), *table.shape)), places, axis=-1)
