"""Along how many directions does something vary? Counts of the variances along principal components."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import decompositions
from jaxinterp.analysis.similarity.features import centred_columns, rounding


def variances(activations: Float[Array | np.ndarray, "examples units"]) -> Float[Array, " units"]:
    """A layer's variances along its principal components, largest first and with sum 1; NaN for a constant layer.

    Those that rounding of the activations may have left are 0.
    """
    columns, known = centred_columns(activations)
    # Those of the triangle: squaring the activations would lose half of the digits of small ones.
    sizes = decompositions.singular_values(decompositions.triangle(columns))
    sizes = jnp.where(sizes > rounding(columns.dtype) * len(sizes) * sizes[0], sizes, 0.0)
    found = jnp.pad(sizes**2, (0, columns.shape[1] - len(sizes)))
    return jnp.where(known & (sizes[0] > 0), found, jnp.nan)


def participation_ratio(variances: Float[Array | np.ndarray, "*many units"]) -> Float[Array, "*many"]:
    """(Σλ)²/Σλ² of variances λ: n where n of them are equal and the rest 0; NaN where all are."""
    return jnp.sum(variances, axis=-1) ** 2 / jnp.sum(variances**2, axis=-1)


def effective_rank(variances: Float[Array | np.ndarray, "*many units"]) -> Float[Array, "*many"]:
    """exp of the entropy of p = σ/Σσ, with σ = √λ the singular values of centred activations of variances λ.

    It is n where n variances are equal and the rest 0, and NaN where all are (Roy and Vetterli 2007, The effective
    rank). Small directions count for more than in `participation_ratio`.
    """
    sizes = jnp.sqrt(jnp.asarray(variances))
    shares = sizes / jnp.sum(sizes, axis=-1, keepdims=True)
    return jnp.exp(-jnp.sum(jax.scipy.special.xlogy(shares, shares), axis=-1))
