"""What is a data set? Flat images in [0, 1] with one integer label each, and the checks that guarantee this."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import flax.struct
import numpy as np
from jaxtyping import Array, Float, Int, Shaped, UInt8

from jaxinterp.errors import InputError

if TYPE_CHECKING:
    Images = Float[Array | np.ndarray, "examples pixels"]
    Labels = Int[Array | np.ndarray, " examples"]
else:  # JAX fills a pytree with placeholders at times, which a check of types at run time would refuse
    Images = Labels = Any

Shape = tuple[int, int, int]

_CHANNELS = (1, 3)  # grey; red, green, blue
_ROUNDING = 1e-6  # pixels may leave [0, 1] by this much, as sums and products of floats do
_FEW_LEVELS = 16  # the highest value of images that count from 0 to 16, such as scikit-learn's digits


class Dataset(flax.struct.PyTreeNode):
    """Labelled images: float32 in [0, 1], "examples pixels", and int32 labels from 0, " examples".

    Images are flattened row by row, channels last, so that pixels = rows · columns · channels. `data.load` shifts
    labels that do not start at 0. Images and labels are the leaves of the pytree; what follows is static.
    """

    images: Images
    labels: Labels
    shape: Shape = flax.struct.field(pytree_node=False, default=None)
    """rows, columns and channels; by default those of a square of one channel, or 1 row where pixels are no square"""
    class_names: tuple[str, ...] = flax.struct.field(pytree_node=False, default=())
    """what the labels stand for, from label 0 on; empty where no names are known"""

    def __post_init__(self):
        if self.shape is None:
            object.__setattr__(self, "shape", default_shape(self.images.shape[-1]))

    def take(self, rows) -> "Dataset":
        """The examples at the given rows: a slice, a mask or indices."""
        return self.replace(images=self.images[rows], labels=self.labels[rows])

    def spaced(self, number: int) -> "Dataset":
        """At most so many of the examples, evenly spaced."""
        return self.take(spaced_rows(len(self.labels), number))

    def name(self, label: int) -> str:
        """What a label stands for: its name, or the number where no name is known."""
        return self.class_names[label] if 0 <= label < len(self.class_names) else str(label)


class Splits(NamedTuple):
    """Images for training, for choosing and for reporting. Validation may have no examples."""

    train: Dataset
    validation: Dataset
    test: Dataset


def fingerprint(splits: Splits) -> str:
    """A hash of all images, labels and their shape: other data have another one."""
    arrays = [array for part in splits for array in (part.images, part.labels)]
    shape, pixels = splits.train.shape, splits.train.images.shape[-1]
    # Runs that were stored before there were shapes keep their hash.
    implied = shape[-1] == 1 and default_shape(pixels) in (shape, _one_row(pixels))
    return hash_arrays(arrays if implied else [*arrays, np.array(shape)])


def hash_arrays(arrays: Iterable[Any]) -> str:
    """A hash of arrays with their types and shapes."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def image_shape(pixels: int) -> tuple[int, int]:
    """Rows and columns of a square image of one channel with this many pixels, for analyses that know no other shape.

    Raises InputError where no square has that many, as for every square of three channels.
    """
    side = math.isqrt(pixels)
    if side * side != pixels:
        raise InputError(
            f"images of {pixels} pixels are not square: use images of one channel with as many rows as columns"
        )
    return side, side


def spaced_rows(count: int, number: int) -> Int[np.ndarray, " rows"]:
    """At most so many of `count` rows, evenly spaced, from the first to the last."""
    return np.linspace(0, count - 1, min(number, count)).astype(int)


def default_shape(pixels: int) -> Shape:
    """The shape of images of which only the number of pixels is known: a square of one channel, or else one row."""
    side = math.isqrt(pixels)
    return (side, side, 1) if side * side == pixels else _one_row(pixels)


def _one_row(pixels: int) -> Shape:
    return 1, pixels, 1


def check_images(images: Any) -> None:
    """Raise InputError, with the remedy, unless the images are floating-point numbers in [0, 1], but for rounding."""
    if images.dtype.kind != "f":
        divisor = f"{_FEW_LEVELS} if they range from 0 to {_FEW_LEVELS}" if _has_few_levels(images) else ""
        raise InputError(
            f"images are {images.dtype}, not floating-point numbers in [0, 1]: "
            f"divide by {divisor or '255 if they are bytes'}"
        )
    if images.size == 0:
        return
    low, high = float(images.min()), float(images.max())  # a NaN anywhere makes both NaN
    if math.isnan(low):
        raise InputError("images contain NaN: replace it with numbers in [0, 1]")
    if low < -_ROUNDING:
        raise InputError(
            f"images go down to {low:.7g}, below 0: undo their normalisation (use the model's input_mean and input_std)"
        )
    if high > 1 + _ROUNDING:
        divisor = _FEW_LEVELS if _has_few_levels(images) else 255
        raise InputError(f"images reach {high:.7g}, above 1: divide by {divisor} if they range from 0 to {divisor}")


def _has_few_levels(images: Any) -> bool:
    """Whether images are whole numbers up to _FEW_LEVELS, with more than one level above 0."""
    known = images.dtype.kind in "iuf" and images.size > 0
    return known and bool(1 < images.max() <= _FEW_LEVELS) and bool((images % 1 == 0).all())


def scale_bytes(images: UInt8[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Convert bytes 0–255 to float32 in [0, 1]."""
    return np.divide(images, np.float32(255), dtype=np.float32)


def as_dataset(images: np.ndarray, labels: np.ndarray, name: str = "the data") -> Dataset:
    """A Dataset from arrays in memory. `name` stands for the data in error messages.

    Images have the axes "examples pixels" (squares of one channel, row by row), "examples rows columns", or the latter
    with an axis of 1 or 3 channels before or after. They are bytes, which are divided by 255, or floating-point in
    [0, 1]; labels are integers of 32 bits. Raises InputError for anything else.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim not in (2, 3, 4) or 0 in images.shape[1:]:
        raise InputError(
            f"{name} has images of shape {images.shape}: use (examples, pixels) or (examples, rows, columns), or the "
            "latter with an axis of channels"
        )
    if images.ndim == 4:
        images = _channels_last(images, name)
    if labels.dtype.kind not in "iu":
        raise InputError(f"{name} has labels of type {labels.dtype}: use integers, one per image")
    if labels.shape != images.shape[:1]:
        raise InputError(f"{name} has {len(images)} images but labels of shape {labels.shape}: use one label per image")
    for label in (int(labels.min()), int(labels.max())) if labels.size else ():
        if not -(2**31) <= label < 2**31:
            raise InputError(f"{name} has the label {label}: use labels from 0 to {2**31 - 1}")
    if images.ndim == 2:
        shape = default_shape(images.shape[1])
    else:
        rows, columns, channels = (*images.shape[1:], 1)[:3]
        shape = (rows, columns, channels)
    flat = images.reshape(len(images), math.prod(shape))
    if flat.dtype == np.uint8:
        return Dataset(scale_bytes(flat), labels.astype(np.int32), shape)
    try:
        check_images(flat)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return Dataset(np.clip(flat.astype(np.float32, copy=False), 0, 1), labels.astype(np.int32), shape)


def _channels_last(images: Shaped[np.ndarray, "examples _ _ _"], name: str) -> Shaped[np.ndarray, "examples _ _ _"]:
    """Images with the one axis, first or last, that can only be the channels at the end."""
    first, rows, last = images.shape[1:]
    if first in _CHANNELS and last in _CHANNELS and (first, rows, last) != (1, 1, 1):
        raise InputError(
            f"{name} has images of shape {images.shape}, whose channels may be first or last: use "
            "(examples, rows, columns) for one channel, and 4 rows and columns or more for three"
        )
    if last in _CHANNELS:
        return images
    if first in _CHANNELS:
        return np.moveaxis(images, 1, -1)
    channels = last if first == rows else first if rows == last else min(first, last)  # rows and columns are alike
    raise InputError(
        f"{name} has images of {channels} channels: use 1 (grey) or 3 (red, green, blue); their shape is {images.shape}"
    )


def size_text(shape: Sequence[int]) -> str:
    """The shape of one image for a message, such as 8 × 32; a channel of 1 is left out."""
    return " × ".join(map(str, shape[:2] if shape[2:] == (1,) else shape))


def empty_like(data: Dataset) -> Dataset:
    """A Dataset of no examples with the same shape of images."""
    return data.take(slice(0))
