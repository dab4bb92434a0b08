"""What of a layer does a measure look at? Centring, scales and ranks, with dead units and constant layers left out."""

import jax
import jax.numpy as jnp

# Accelerators would otherwise multiply with fewer bits, and similarities near 1 need them all.
EXACT = jax.lax.Precision.HIGHEST


def rounding(dtype) -> float:
    """Deviations of this size, relative to the values that they are deviations of, are taken for rounding errors."""
    return 8 * float(jnp.finfo(dtype).eps)


def finite(x):
    """The values with all of them 0 where one is not finite, and whether none was: no decomposition meets a NaN."""
    known = jnp.all(jnp.isfinite(x))
    return jnp.where(known, x, 0.0), known


def centred(x, axis: int = -2):
    """Deviations from the mean over examples (axis −2) or units (−1); exactly 0 where nothing but rounding varies."""
    # Taking away any one of them first keeps the digits of values far from 0, and makes equal values exactly 0.
    shifted = x - jax.lax.slice_in_dim(x, 0, 1, axis=axis)
    largest = jnp.max(jnp.abs(x), axis=axis, keepdims=True)
    constant = jnp.max(jnp.abs(shifted), axis=axis, keepdims=True) <= rounding(x.dtype) * largest
    shifted = jnp.where(constant, 0.0, shifted)
    return shifted - jnp.mean(shifted, axis=axis, keepdims=True)


def scaled(x, axis=None):
    """Divided by the size √Σx² over the axes, so that it is 1; 0 stays 0."""
    largest = jnp.max(jnp.abs(x), axis=axis, keepdims=True)
    x = x / jnp.where(largest > 0, largest, 1.0)  # so that squares neither vanish nor overflow
    size = jnp.sqrt(jnp.sum(x**2, axis=axis, keepdims=True))
    return x / jnp.where(size > 0, size, 1.0)


def principal(x):
    """Singular value decomposition u, s, vᵀ, and which of the s are more than rounding errors."""
    u, s, vt = jnp.linalg.svd(x, full_matrices=False)
    return u, s, vt, s > min(x.shape) * rounding(x.dtype) * s[0]


def cross(x, y):
    """XᵀY, "seeds seeds_other a b", of networks "seeds examples a" and others "seeds_other examples b"."""
    # Side by side, several networks are one matrix, and all their products one: the machine is fastest at that.
    (several, examples, a), (others, _, b) = x.shape, y.shape
    x, y = (jnp.moveaxis(z, 1, 0).reshape(examples, -1) for z in (x, y))
    return jnp.moveaxis(jnp.matmul(x.T, y, precision=EXACT).reshape(several, a, others, b), 2, 1)
