"""How is a convolution of many small networks computed? As a matrix product of patches, which vmap leaves fast.

Under vmap over networks, XLA's own convolution becomes one of as many groups as there are networks, for which CPUs have
no fast routine. Patches are slices of the padded image, so that their gradients are sums of slices.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Maps = Float[Array | np.ndarray, "*batch rows columns channels"]

POOLS = ("max", "mean")
_SQUARE = (-4, -2)  # the axes of a square in "*batch rows size columns size channels"
_FEW = 4  # channels


def convolve(
    maps: Maps, kernel: Float[Array | np.ndarray, "height width channels outputs"], *, stride: int, padding: int
) -> Float[Array, "*batch _ _ outputs"]:
    """The cross-correlation of feature maps with a kernel, between zeros on every side, as PyTorch's Conv2d has it."""
    height, width, channels, outputs = kernel.shape
    slices = _slices(jnp.asarray(maps), (height, width), stride, padding)
    # Accelerators multiply with fewer bits by default.
    product = functools.partial(jnp.tensordot, precision=jax.lax.Precision.HIGHEST)
    weights = kernel.reshape(-1, outputs)
    if channels < _FEW:
        # Numbers are copied one by one where few lie side by side, but whole maps at once where patches come last.
        patches = jnp.stack([part[..., channel] for part in slices for channel in range(channels)])
        return product(patches, weights, axes=(0, 0))
    return product(jnp.concatenate(slices, axis=-1), weights, axes=1)


def pool(maps: Maps, kind: str, size: int) -> Float[Array, "*batch _ _ channels"]:
    """The largest or the mean value in each square of size × size positions; what the edge would cut is left out.

    Where several positions share the maximum, its gradient goes to each of them in equal parts.
    """
    rows, columns = maps.shape[-3:-1]
    rows, columns = rows // size, columns // size
    maps = jnp.asarray(maps)[..., : rows * size, : columns * size, :]
    return _largest(maps, size) if kind == "max" else jnp.mean(_squares(maps, size), axis=_SQUARE)


def convolved_shape(shape: tuple[int, int], *, size: int, stride: int, padding: int) -> tuple[int, int]:
    """Rows and columns after a convolution."""
    rows, columns = ((side + 2 * padding - size) // stride + 1 for side in shape)
    return rows, columns


def _slices(maps: Array, size: tuple[int, int], stride: int, padding: int) -> list[Float[Array, "*batch _ _ channels"]]:
    """What each of the kernel's pixels sees at all positions: row by row, column by column."""
    *batch, rows, columns, _ = maps.shape
    around = [(0, 0)] * len(batch) + [(padding, padding)] * 2 + [(0, 0)]
    padded = jnp.pad(maps, around)
    down, across = (side + 2 * padding - part for side, part in zip((rows, columns), size, strict=True))
    return [
        padded[..., row : row + down + 1 : stride, column : column + across + 1 : stride, :]
        for row, column in itertools.product(*map(range, size))
    ]


def _squares(maps: Array, size: int) -> Float[Array, "*batch rows size columns size channels"]:
    *batch, rows, columns, channels = maps.shape
    return maps.reshape(*batch, rows // size, size, columns // size, size, channels)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _largest(maps: Array, size: int) -> Float[Array, "*batch _ _ channels"]:
    """The largest value in each square. XLA compares whole maps on all lanes, but reduces a short axis on one."""
    of_rows = functools.reduce(jnp.maximum, [maps[..., row::size, :, :] for row in range(size)])
    return functools.reduce(jnp.maximum, [of_rows[..., column::size, :] for column in range(size)])


@_largest.defjvp
def _largest_jvp(size, values, tangents):
    (maps,), (moved,) = values, tangents
    largest = _largest(maps, size)
    is_largest = _squares(maps, size) == jnp.expand_dims(largest, _SQUARE)
    moved = jnp.where(is_largest, _squares(moved, size), 0).sum(_SQUARE)
    return largest, moved / is_largest.sum(_SQUARE).astype(moved.dtype)
