"""Do two layers span the same directions? Measures that need only two networks' cross-covariance XᵀY.

X and Y are centred activations, examples × units; |X| is the root of the sum of squares, ‖·‖_* the sum of singular
values. One product gives XᵀY for all pairs, at a cost of examples × units² multiplications per pair.
"""

import math

import jax
import jax.numpy as jnp

from jaxinterp.analysis import decompositions
from jaxinterp.analysis.similarity.features import (
    EXACT,
    centred,
    centred_columns,
    cross,
    finite,
    principal,
    rounding,
    scaled,
)
from jaxinterp.analysis.similarity.measure import ANY_BASIS, MOVED, ROTATED, Measure, Prepared

# Fraction of the variance that SVCCA keeps.
_VARIANCE = 0.99
# f(X, X)/|X|⁴, the difference of terms up to 1, has errors of some 1e-15 in double precision: here 3 digits are left.
_LEAST = 1e-12


def _prepare_cka(x) -> Prepared:
    """Centred columns, scaled so that ‖XᵀX‖_F is 1."""
    columns, known = centred_columns(x)
    size = jnp.sqrt(jnp.linalg.norm(_product(columns.T, columns)))
    return Prepared(columns / jnp.where(size > 0, size, 1.0), None, known & (size > 0))


def _compare_cka(x: Prepared, y: Prepared):
    """‖XᵀY‖²_F/(‖XᵀX‖_F ‖YᵀY‖_F)."""
    return jnp.sum(cross(x.rows, y.rows) ** 2, (-1, -2))


def _prepare_debiased_cka(x) -> Prepared:
    """Centred columns, scaled so that f(X, X) is 1, and each example's squared length; undefined where f(X, X) is 0.

    f(X, X) is the small difference of large terms where few images carry the layer, and 0 where one image does.
    """
    columns, known = centred_columns(x)
    squares = jnp.sum(columns**2, -1)
    size = _unbiased(jnp.sum(_product(columns.T, columns) ** 2), jnp.sum(squares**2), jnp.sum(squares) ** 2, len(x))
    known &= size > _LEAST
    scale = jnp.where(known, size, 1.0) ** 0.25
    return Prepared((columns / scale, squares / scale**2), None, known)


def _compare_debiased_cka(x: Prepared, y: Prepared):
    """f(X, Y)/√(f(X, X) f(Y, Y)), f being n (n − 3) times the unbiased HSIC."""
    (x_columns, x_squares), (y_columns, y_squares) = x.rows, y.rows
    spread = _product(x_squares, y_squares.T)
    sizes = jnp.outer(jnp.sum(x_squares, -1), jnp.sum(y_squares, -1))
    return _unbiased(jnp.sum(cross(x_columns, y_columns) ** 2, (-1, -2)), spread, sizes, x_squares.shape[1])


def _prepare_cca(x) -> Prepared:
    """An orthonormal basis of the span of the units, and its dimension."""
    columns, known = centred_columns(x)
    # The span does not depend on the units' scales. At equal scales a small unit is not mistaken for rounding.
    return _basis(scaled(columns, axis=0), known, rounding(x.dtype))


def _compare_cca(x: Prepared, y: Prepared):
    """Mean canonical correlation: the mean singular value of the product of the bases."""
    return _nuclear(x.rows, y.rows) / jnp.minimum(x.about[:, None], y.about)


def _prepare_svcca(x) -> Prepared:
    """Only the principal components that carry 99 % of the variance, and their number."""
    columns, known = centred_columns(x)
    u, s, _, real = principal(columns, rounding(x.dtype))
    variance = s**2
    kept = real & (jnp.cumsum(variance) - variance < _VARIANCE * jnp.sum(variance))
    return Prepared(u * kept, jnp.maximum(jnp.sum(kept), 1), known & kept[0])


def _prepare_pwcca(x) -> Prepared:
    """CCA's basis and dimension, and the units' coordinates in that basis."""
    columns, known = centred_columns(x)
    basis, dimension, known = _basis(scaled(columns, axis=0), known, rounding(x.dtype))
    return Prepared(basis, (dimension, _product(basis.T, columns)), known)


def _compare_pwcca(x: Prepared, y: Prepared):
    """Σαᵢρᵢ/Σαᵢ, with αᵢ = Σⱼ|⟨hᵢ, xⱼ⟩|, xⱼ the units of X and hᵢ its canonical variates of length 1."""
    (x_dimension, units), (y_dimension, _) = x.about, y.about
    variates, correlations, _ = jax.vmap(jax.vmap(decompositions.svd))(cross(x.rows, y.rows))
    weights = jnp.sum(jnp.abs(jnp.einsum("stac,sau->stcu", variates, units, precision=EXACT)), -1)
    among = jnp.arange(correlations.shape[-1]) < jnp.minimum(x_dimension[:, None], y_dimension)[..., None]
    weights = jnp.where(among, weights, 0.0)
    return jnp.sum(weights * correlations, -1) / jnp.sum(weights, -1)


def _prepare_shape(x) -> Prepared:
    """Centred columns at size |X| = 1."""
    columns, known = centred_columns(x)
    return Prepared(columns, None, known & jnp.any(columns != 0))


def _compare_shape(x: Prepared, y: Prepared):
    """Angle arccos(‖XᵀY‖_*/(|X||Y|)), in radians, that remains between the two after one is rotated onto the other.

    The cosine is rounded, so angles below some 1e-7 cannot be distinguished from 0.
    """
    return jnp.arccos(jnp.minimum(_nuclear(x.rows, y.rows), 1.0))


def _prepare_size_and_shape(x) -> Prepared:
    """Centred columns and |X|²."""
    x, known = finite(x)
    columns = centred(x)
    return Prepared(columns, jnp.sum(columns**2), known)


def _compare_size_and_shape(x: Prepared, y: Prepared):
    """Distance min |X − YQ| = √(|X|² + |Y|² − 2‖XᵀY‖_*) over rotations Q, in units of activation."""
    return jnp.sqrt(jnp.maximum(x.about[:, None] + y.about - 2 * _nuclear(x.rows, y.rows), 0.0))


def participation(x):
    """b = tr(S)²/tr(S²) of one network's covariance S: effective number of directions; NaN for a constant layer."""
    columns, known = centred_columns(x)
    squares = jnp.sum(_product(columns.T, columns) ** 2)
    return jnp.where(known & (squares > 0), 1 / squares, jnp.nan)


def _basis(columns, known, noise: float):
    u, _, _, kept = principal(columns, noise)
    return Prepared(u * kept, jnp.maximum(jnp.sum(kept), 1), known & kept[0])


def _nuclear(x, y):
    return jnp.sum(jax.vmap(jax.vmap(decompositions.singular_values))(cross(x, y)), -1)


def _product(x, y):
    return jnp.matmul(x, y, precision=EXACT)


def _unbiased(products, spread, sizes, examples: int):
    """n (n − 3) times the unbiased HSIC of Song et al. 2012, eq. 5, of linear kernels, in feature space."""
    return products - examples / (examples - 2) * spread + sizes / ((examples - 1) * (examples - 2))


MEASURES = (
    Measure("cka", _prepare_cka, _compare_cka, "higher", (0.0, 1.0), True, ROTATED, 3),
    Measure("debiased_cka", _prepare_debiased_cka, _compare_debiased_cka, "higher", (-1.0, 1.0), True, ROTATED, 4),
    Measure("cca", _prepare_cca, _compare_cca, "higher", (0.0, 1.0), True, ANY_BASIS, 3),
    Measure("svcca", _prepare_svcca, _compare_cca, "higher", (0.0, 1.0), True, ROTATED, 3),
    Measure("pwcca", _prepare_pwcca, _compare_pwcca, "higher", (0.0, 1.0), False, MOVED, 3),
    Measure("procrustes", _prepare_shape, _compare_shape, "lower", (0.0, math.pi / 2), True, ROTATED, 3),
    Measure(
        "size_and_shape",
        _prepare_size_and_shape,
        _compare_size_and_shape,
        "lower",
        (0.0, math.inf),
        True,
        ROTATED - {"isotropic scaling"},
        2,
    ),
)
