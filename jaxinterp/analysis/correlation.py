"""How alike are two maps, or two rows of activations? Pearson's correlation, row by row or every row with every row.

Over the last axis, or over those of its entries that `where` names; NaN for a row that is constant there.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

Rows = Float[Array | np.ndarray, "rows entries"]
Where = Bool[Array | np.ndarray, " entries"] | bool


def pairwise(
    rows: Rows, others: Float[Array | np.ndarray, "*batch entries"], where: Where = True
) -> Float[Array, "rows *batch"]:
    """Of every row with every other."""
    flat = _standardised(others, where).reshape(-1, others.shape[-1])
    found = jnp.matmul(_standardised(rows, where), flat.T, precision=jax.lax.Precision.HIGHEST)
    return found.reshape(rows.shape[0], *others.shape[:-1])


def rowwise(
    rows: Float[Array | np.ndarray, "*rows entries"],
    others: Float[Array | np.ndarray, "*rows entries"],
    where: Where = True,
) -> Float[Array, "*rows"]:
    """Of each row with the other in its place."""
    return jnp.sum(_standardised(rows, where) * _standardised(others, where), axis=-1)


def _standardised(rows, where):
    """Centred and of length 1; 0 where they are not asked."""
    rows = jnp.asarray(rows)
    # Of a constant row, rounding may leave something about its mean.
    high = jnp.max(rows, axis=-1, where=where, initial=-jnp.inf, keepdims=True)
    low = jnp.min(rows, axis=-1, where=where, initial=jnp.inf, keepdims=True)
    centred = jnp.where(where, rows - jnp.mean(rows, axis=-1, where=where, keepdims=True), 0)
    centred = centred / jnp.where(high > low, high - low, jnp.nan)  # so that squares neither vanish nor overflow
    return centred / jnp.linalg.norm(centred, axis=-1, keepdims=True)
