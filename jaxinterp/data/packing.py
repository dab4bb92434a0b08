"""How do images lie in a device's memory? As bytes, four to a word, where they are exact multiples of 1/255.

Where every network has its own data order, gathering float images takes as long as a layer's matrix product. Bytes are
a quarter of the memory, and words of four bytes a quarter of the elements to gather.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from jaxinterp.data.datasets import scale_bytes

_ROWS = 4096  # images that are converted at once, to bound the memory
# 1/255 in two parts. The first has so few bits that its product with a byte is exact, so that the sum of both products
# is rounded once, as a division is. (XLA replaces a division by 255 by a product with 1/255, rounded twice.)
_FIRST = np.float32(257 / 2**16)
_REST = np.float32(1 / 255 - 257 / 2**16)


def pack(images: Float[Array | np.ndarray, "examples pixels"]) -> Shaped[np.ndarray, "examples _"]:
    """Images as `unpack` takes them: uint32 words of four bytes, or bytes if the pixels do not fill words.

    Images that `scale_bytes` did not make of bytes, to the last bit, are returned as they are.
    """
    images = np.asarray(images)
    pixels = images.shape[1]
    packed = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _ROWS):
        block = images[start : start + _ROWS]
        with np.errstate(invalid="ignore", over="ignore"):  # no byte: NaN, infinite, or too large
            packed[start : start + _ROWS] = np.rint(block * np.float32(255)).astype(np.uint8)
        if block.tobytes() != scale_bytes(packed[start : start + _ROWS]).tobytes():
            return images
    return packed.view(np.uint32) if pixels % 4 == 0 and sys.byteorder == "little" else packed


def unpack(images: Shaped[Array | np.ndarray, "*batch _"]) -> Float[Array, "*batch pixels"]:
    """The images that `pack` packed, bit for bit, inside a compiled program; floats are returned as they are."""
    images = jnp.asarray(images)
    if images.dtype == jnp.uint32:
        *batch, words = images.shape
        images = jax.lax.bitcast_convert_type(images, jnp.uint8).reshape(*batch, 4 * words)
    if images.dtype == jnp.uint8:
        images = images.astype(jnp.float32)
        return images * _FIRST + images * _REST
    return images
