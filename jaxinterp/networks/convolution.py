"""How is a convolution of many small networks computed? As a matrix product of patches, which vmap leaves fast.

Under vmap over networks, XLA's own convolution becomes one of as many groups as there are networks, for which CPUs have
no fast routine. Patches are slices of the padded image, so that their gradients are sums of slices.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Maps = Float[Array | np.ndarray, "*batch rows columns channels"]

POOLS = ("max", "mean")


def convolve(
    maps: Maps, kernel: Float[Array | np.ndarray, "height width channels outputs"], *, stride: int, padding: int
) -> Float[Array, "*batch _ _ outputs"]:
    """The cross-correlation of feature maps with a kernel, between zeros on every side, as PyTorch's Conv2d has it."""
    height, width, channels, outputs = kernel.shape
    patches = _patches(jnp.asarray(maps), (height, width), stride, padding)
    # Accelerators multiply with fewer bits by default.
    return jnp.matmul(
        patches, jnp.reshape(kernel, (height * width * channels, outputs)), precision=jax.lax.Precision.HIGHEST
    )


def pool(maps: Maps, kind: str, size: int) -> Float[Array, "*batch _ _ channels"]:
    """The largest or the mean value in each square of size × size positions; what the edge would cut is left out.

    Where several positions share the maximum, its gradient goes to each of them in equal parts.
    """
    *batch, rows, columns, channels = maps.shape
    rows, columns = rows // size, columns // size
    squares = maps[..., : rows * size, : columns * size, :].reshape(*batch, rows, size, columns, size, channels)
    return (jnp.max if kind == "max" else jnp.mean)(squares, axis=(-4, -2))


def convolved_shape(shape: tuple[int, int], *, size: int, stride: int, padding: int) -> tuple[int, int]:
    """Rows and columns after a convolution."""
    rows, columns = ((side + 2 * padding - size) // stride + 1 for side in shape)
    return rows, columns


def _patches(maps: Array, size: tuple[int, int], stride: int, padding: int) -> Float[Array, "*batch _ _ inputs"]:
    """What the kernel sees at each position: row by row, column by column, channels last."""
    *batch, rows, columns, _ = maps.shape
    around = [(0, 0)] * len(batch) + [(padding, padding)] * 2 + [(0, 0)]
    padded = jnp.pad(maps, around)
    down, across = (side + 2 * padding - part for side, part in zip((rows, columns), size, strict=True))
    return jnp.concatenate(
        [
            padded[..., row : row + down + 1 : stride, column : column + across + 1 : stride, :]
            for row in range(size[0])
            for column in range(size[1])
        ],
        axis=-1,
    )
