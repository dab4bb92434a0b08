"""What does a digit look like with a stroke added or erased? Masks of pixels, edited images, and control edits.

The strokes are whole rows of pixels and the top bar of a 7; a control edit adds or erases as much ink elsewhere. Images
are square, in [0, 1], bright on black. The amount of ink of an image is the sum of its pixels; an ink pixel is one
brighter than INK. Every random edit takes a key, so vmap over keys gives many draws.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.data import image_shape
from jaxinterp.errors import InputError

INK = 0.25

# A bar must start in the top third of the digit and end above three fifths of its height.
_BAR_NARROWS_TO, _DEEPEST_BAR = 0.5, 0.6

Images = Float[Array | np.ndarray, "examples pixels"]
Masks = Bool[Array | np.ndarray, "examples pixels"]


def rows(side: int, first: int, last: int, *, columns: tuple[int, int] | None = None) -> Bool[np.ndarray, " pixels"]:
    """The mask of rows first to last, both included, of a side × side image; of all columns, or of a range of columns.

    Raises InputError for rows or columns outside the image.
    """
    left, right = (0, side - 1) if columns is None else columns
    for name, low, high in (("rows", first, last), ("columns", left, right)):
        if not 0 <= low <= high < side:
            raise InputError(f"no {name} {low} to {high}: the image has {name} 0 to {side - 1}")
    index = np.arange(side)
    return np.outer((first <= index) & (index <= last), (left <= index) & (index <= right)).reshape(-1)


def top_bars(images: Images) -> Bool[Array, "examples pixels"]:
    """The mask of the top bar of each 7, such that a stroke like a 1 remains without it.

    The extent of a row is its last minus its first ink column, plus 1. The widest row in the top third of the digit
    belongs to the bar, and the first row below it with less than half of its extent belongs to the stem alone. The bar
    consists of the pixels above 0 left of the stem's left edge in that row, in this row and above it; in the row itself
    that is only the faint edge of the bar. A digit without such a row, or with one below three fifths of its height,
    has no bar and an empty mask, as have 2 % of MNIST's 7s. A crossbar is not part of the bar.
    """
    side = image_shape(images.shape[-1])[0]
    index = jnp.arange(side)
    picture = jnp.asarray(images).reshape(-1, side, side)
    ink = picture > INK
    inked = jnp.any(ink, axis=-1)
    left = jnp.argmax(ink, axis=-1)
    extent = jnp.where(inked, side - jnp.argmax(ink[:, :, ::-1], axis=-1) - left, 0)
    top = jnp.argmax(inked, axis=-1, keepdims=True)
    height = side - jnp.argmax(inked[:, ::-1], axis=-1, keepdims=True) - top
    upper = (index >= top) & (index < top + (height + 2) // 3)
    widest = jnp.argmax(jnp.where(upper, extent, -1), axis=-1, keepdims=True)
    narrow = (index > widest) & (extent < _BAR_NARROWS_TO * jnp.take_along_axis(extent, widest, axis=-1))
    stem = jnp.argmax(narrow, axis=-1, keepdims=True)
    has_bar = jnp.any(narrow, axis=-1, keepdims=True) & jnp.take_along_axis(inked, stem, axis=-1)
    has_bar &= stem - top <= _DEEPEST_BAR * height
    block = (index <= stem)[:, :, None] & (index < jnp.take_along_axis(left, stem, axis=-1))[:, None, :]
    return (block & has_bar[:, :, None] & (picture > 0)).reshape(images.shape)


def transplant(
    key,
    sevens: Float[Array | np.ndarray, "sevens pixels"],
    masks: Bool[Array | np.ndarray, "sevens pixels"],
    ones: Images,
) -> Float[Array, "examples pixels"]:
    """Each 1 with the bar of a 7 drawn at random, in the bar's own length, thickness and slant.

    masks: the bars, as `top_bars` returns them; sevens with an empty mask are never drawn. The bar is moved by whole
    pixels so that the upper end of its rightmost column touches the topmost ink of the 1 from the left. Each pixel
    takes the brighter of bar and 1, and ink outside the image is lost. A 1 without ink stays unchanged, and so do all
    1s if every mask is empty.
    """
    side = image_shape(ones.shape[-1])[0]
    bars = jnp.where(masks, sevens, 0.0).reshape(-1, side, side)
    usable = jnp.where(jnp.any(bars > INK, axis=(1, 2)), 0.0, -jnp.inf)
    drawn = jax.random.categorical(key, usable, shape=ones.shape[:1])

    def paste(bar, one):
        right = side - 1 - jnp.argmax(jnp.any(bar > INK, axis=0)[::-1])
        upper = jnp.argmax(bar[:, right] > INK)
        top = jnp.argmax(jnp.any(one > INK, axis=1))
        down, along = top - upper, jnp.argmax(one[top] > INK) - 1 - right
        row, column = jnp.arange(side)[:, None] - down, jnp.arange(side) - along
        inside = (row >= 0) & (row < side) & (column >= 0) & (column < side)
        moved = jnp.where(inside, bar[row % side, column % side], 0.0)
        return jnp.where(jnp.any(one > INK), jnp.maximum(one, moved), one)

    return jax.vmap(paste)(bars[drawn], jnp.asarray(ones).reshape(-1, side, side)).reshape(ones.shape)


def blend(
    first: Images, second: Images, share: float | Float[Array | np.ndarray, "..."]
) -> Float[Array, "examples pixels"]:
    """(1 − share) · first + share · second, pixel by pixel."""
    return (1 - jnp.asarray(share)) * first + share * second


def erase_equal_ink(key, images: Images, masks: Masks) -> Float[Array, "examples pixels"]:
    """Control for erasing a mask: erase the same amount of ink from pixels outside the mask, in random order.

    The last pixel is only dimmed, so that the amount is the same. Where there is less ink outside the mask, all of it
    is erased.
    """
    held = jnp.sum(jnp.where(masks, images, 0.0), axis=-1)
    return jnp.asarray(images) - _spread(key, held, jnp.where(masks, 0.0, images))


def draw_equal_ink(key, images: Images, edited: Images) -> Float[Array, "examples pixels"]:
    """Control for drawing: draw the ink that the edit added as white pixels, where the image was dark and not edited.

    Pixels are taken in random order, and the last one is only grey, so that the amount is the same. Where there is less
    room, all of it is filled.
    """
    free = (images <= INK) & (edited == images)
    added = jnp.sum(jnp.maximum(edited - images, 0.0), axis=-1)
    return jnp.asarray(images) + _spread(key, added, jnp.where(free, 1.0 - images, 0.0))


def _spread(key, amount: Float[Array, " examples"], room: Float[Array, "examples pixels"]):
    """The amount, distributed over pixels in random order, each filled up to its room before the next."""
    order = jnp.argsort(jax.random.uniform(key, room.shape), axis=-1)
    ordered = jnp.take_along_axis(room, order, axis=-1)
    before = jnp.cumsum(ordered, axis=-1) - ordered
    filled = jnp.clip(amount[:, None] - before, 0.0, ordered)
    return jnp.take_along_axis(filled, jnp.argsort(order, axis=-1), axis=-1)
