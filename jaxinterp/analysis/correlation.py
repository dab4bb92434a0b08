"""How alike are two maps, or two rows of activations? Pearson correlation, row by row or between all rows.

It runs over the last axis, or over the entries that `where` selects. A row that is constant there gives NaN.
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
    """Correlation of every row with every other row."""
    flat = _standardised(others, where).reshape(-1, others.shape[-1])
    products = jnp.matmul(_standardised(rows, where), flat.T, precision=jax.lax.Precision.HIGHEST)
    return products.reshape(rows.shape[0], *others.shape[:-1])


def rowwise(
    rows: Float[Array | np.ndarray, "*rows entries"],
    others: Float[Array | np.ndarray, "*rows entries"],
    where: Where = True,
) -> Float[Array, "*rows"]:
    """Correlation of each row with the other at the same index."""
    return jnp.sum(_standardised(rows, where) * _standardised(others, where), axis=-1)


def _standardised(rows, where):
    """Rows centred and of length 1; 0 at entries outside `where`."""
    rows = jnp.asarray(rows)
    # Rounding may leave a constant row with small deviations from its mean.
    high = jnp.max(rows, axis=-1, where=where, initial=-jnp.inf, keepdims=True)
    low = jnp.min(rows, axis=-1, where=where, initial=jnp.inf, keepdims=True)
    centred = jnp.where(where, rows - jnp.mean(rows, axis=-1, where=where, keepdims=True), 0)
    centred = centred / jnp.where(high > low, high - low, jnp.nan)  # so that squares neither vanish nor overflow
    return centred / jnp.linalg.norm(centred, axis=-1, keepdims=True)
