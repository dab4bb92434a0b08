"""How are thousands of images read without all their feature maps in memory? Some at a time.

The activations of neurons are few numbers, and are read of all images at once.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from jaxinterp.networks import MLP, convolves

# So that the patches of some units' maps stay in cache.
_IMAGES = 50


def over_chunks(
    function: Callable[[Int[Array, " chunk"], Bool[Array, " chunk"]], Any], model: MLP, *, examples: int
) -> Any:
    """function(rows, new) of some images at a time, by their numbers: every leaf gets a leading axis of chunks.

    new: False for rows that fill up the last chunk, which were in an earlier one.
    """
    size = min(_IMAGES, examples) if convolves(model) else examples
    rows = jnp.arange(-(-examples // size) * size).reshape(-1, size)
    return jax.lax.map(lambda own: function(own % examples, own < examples), rows)


def joined(leaf: Array, *, examples: int, axis: int = 0) -> Array:
    """A leaf of `over_chunks` with one axis of all images: axis is theirs in what the function returned."""
    moved = jnp.moveaxis(leaf, 0, axis)
    shape = (*moved.shape[:axis], -1, *moved.shape[axis + 2 :])
    return jax.lax.slice_in_dim(moved.reshape(shape), 0, examples, axis=axis)
