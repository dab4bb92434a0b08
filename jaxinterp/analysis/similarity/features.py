"""How are activations prepared for a measure? Centring, scaling and decompositions that exclude constant layers.

Measures compute in double precision (see `pairs`). Activations come as they are, so what a measure calls rounding is
that of the activations: a unit that varies by the last digit of a float32 is constant in double precision too.
"""

import jax
import jax.numpy as jnp

from jaxinterp.analysis import decompositions

# Accelerators multiply with fewer bits by default, and similarities near 1 need all of them.
EXACT = jax.lax.Precision.HIGHEST


def rounding(dtype) -> float:
    """Deviations of at most this size, relative to the values, are rounding errors."""
    return 8 * float(jnp.finfo(dtype).eps)


def floats(x):
    """Numbers that can be subtracted and squared: integers, such as images kept as bytes, would wrap."""
    return x if jnp.issubdtype(x.dtype, jnp.floating) else jnp.asarray(x, jnp.result_type(float))


def finite(x):
    """The values, or zeros if any is not finite, and whether all are finite. No decomposition gets a NaN."""
    known = jnp.all(jnp.isfinite(x))
    return jnp.where(known, x, 0.0), known


def centred(x, axis: int = -2):
    """Deviations from the mean over examples (axis −2) or units (−1); exactly 0 where only rounding varies.

    In double precision inside `jax.enable_x64`, whatever the precision of x, which decides what is rounding.
    """
    first = jax.lax.slice_in_dim(x, 0, 1, axis=axis)
    largest = jnp.max(jnp.abs(x), axis=axis, keepdims=True)
    constant = jnp.max(jnp.abs(x - first), axis=axis, keepdims=True) <= rounding(x.dtype) * largest
    # Subtracting one of the values first keeps the digits of values far from 0 and makes equal values exactly 0.
    x, first = (z.astype(jnp.result_type(float)) for z in (x, first))
    shifted = jnp.where(constant, 0.0, x - first)
    return shifted - jnp.mean(shifted, axis=axis, keepdims=True)


def centred_columns(x):
    """Deviations from the mean over examples, at size 1, and whether all activations are finite."""
    x, known = finite(x)
    return scaled(centred(x)), known


def scaled(x, axis=None):
    """Divided by the size √Σx² over the axes, which becomes 1; 0 stays 0."""
    largest = jnp.max(jnp.abs(x), axis=axis, keepdims=True)
    x = x / jnp.where(largest > 0, largest, 1.0)  # so that squares neither vanish nor overflow
    size = jnp.sqrt(jnp.sum(x**2, axis=axis, keepdims=True))
    return x / jnp.where(size > 0, size, 1.0)


def principal(x, noise: float):
    """Singular value decomposition u, s, vᵀ, and which of the s are larger than rounding errors of relative size noise.

    noise: `rounding` of the activations behind x, which may have fewer digits than x.
    """
    u, s, vt = decompositions.svd(x)
    return u, s, vt, s > min(x.shape) * noise * s[0]


def cross(x, y):
    """XᵀY, "seeds seeds_other a b", of networks "seeds examples a" and others "seeds_other examples b"."""
    # Several networks next to each other are one matrix, and all their products one product, which is fastest.
    (several, examples, a), (others, _, b) = x.shape, y.shape
    x, y = (jnp.moveaxis(z, 1, 0).reshape(examples, -1) for z in (x, y))
    return jnp.moveaxis(jnp.matmul(x.T, y, precision=EXACT).reshape(several, a, others, b), 2, 1)
