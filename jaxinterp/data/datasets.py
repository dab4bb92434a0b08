"""What is a data set? Flat images in [0, 1] with one integer label each, and the checks that guarantee this."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Shaped, UInt8

from jaxinterp.errors import InputError

_ROUNDING = 1e-6  # pixels may leave [0, 1] by this much, as sums and products of floats do


class Dataset(NamedTuple):
    """Labelled images: float32 in [0, 1], flattened row by row, and int32 labels from 0.

    A loader leaves images that have rows and columns unflattened, and labels as the source has them. `data.load` then
    crops and resizes by the true shape, flattens, and shifts the labels.
    """

    images: Float[Array | np.ndarray, "examples pixels"]
    labels: Int[Array | np.ndarray, " examples"]

    def take(self, rows) -> "Dataset":
        """The examples at the given rows: a slice, a mask or indices."""
        return Dataset(self.images[rows], self.labels[rows])


class Splits(NamedTuple):
    """Images for training, for choosing and for reporting. Validation may have no examples."""

    train: Dataset
    validation: Dataset
    test: Dataset


def fingerprint(splits: Splits) -> str:
    """A hash of all images and labels: other data have another one."""
    return hash_arrays(array for part in splits for array in part)


def hash_arrays(arrays: Iterable[Any]) -> str:
    """A hash of arrays with their types and shapes."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def image_shape(pixels: int) -> tuple[int, int]:
    """Rows and columns of a square image with this many pixels. Raises InputError where no square has that many."""
    side = math.isqrt(pixels)
    if side * side != pixels:
        raise InputError(f"images of {pixels} pixels are not square: use images with as many rows as columns")
    return side, side


def check_images(images: Any) -> None:
    """Raise InputError, with the remedy, unless the images are floating-point numbers in [0, 1], but for rounding."""
    if images.dtype.kind != "f":
        raise InputError(
            f"images are {images.dtype}, not floating-point numbers in [0, 1]: divide by 255 if they are bytes"
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
        raise InputError(f"images reach {high:.7g}, above 1: divide by 255 if they range from 0 to 255")


def scale_bytes(images: UInt8[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Convert bytes 0–255 to float32 in [0, 1]."""
    return np.divide(images, np.float32(255), dtype=np.float32)


def as_dataset(images: np.ndarray, labels: np.ndarray, name: str = "the data") -> Dataset:
    """A Dataset from arrays in memory. `name` stands for the data in error messages.

    Images have the axes "examples pixels" (squares, row by row), "examples rows columns", or the latter with a channel
    axis of size 1 before or after. They are bytes, which are divided by 255, or floating-point in [0, 1]; labels are
    integers of 32 bits. Nothing is flattened yet: see `Dataset`. Raises InputError for anything else. Colour images are
    refused, because the conversion to greyscale is a choice about the data: convert them first.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim == 4:
        images = _without_channels(images, name)
    if images.ndim not in (2, 3) or 0 in images.shape[1:]:
        raise InputError(
            f"{name} has images of shape {images.shape}: use (examples, pixels) or (examples, rows, columns)"
        )
    if labels.dtype.kind not in "iu":
        raise InputError(f"{name} has labels of type {labels.dtype}: use integers, one per image")
    if labels.shape != images.shape[:1]:
        raise InputError(f"{name} has {len(images)} images but labels of shape {labels.shape}: use one label per image")
    for label in (int(labels.min()), int(labels.max())) if labels.size else ():
        if not -(2**31) <= label < 2**31:
            raise InputError(f"{name} has the label {label}: use labels from 0 to {2**31 - 1}")
    if images.dtype == np.uint8:
        return Dataset(scale_bytes(images), labels.astype(np.int32))
    try:
        check_images(images)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return Dataset(np.clip(images.astype(np.float32, copy=False), 0, 1), labels.astype(np.int32))


def _without_channels(images: Shaped[np.ndarray, "examples _ _ _"], name: str) -> Shaped[np.ndarray, "examples _ _"]:
    """Images without the one axis, first or last, that can only be a channel axis of size 1."""
    _, first, rows, last = images.shape
    if first == last == 1 and rows > 1:
        raise InputError(
            f"{name} has images of shape {images.shape}, whose channels may be first or last: "
            "use (examples, rows, columns)"
        )
    if last == 1:
        return images[..., 0]
    if first == 1:
        return images[:, 0]
    channels = last if first == rows else first if rows == last else min(first, last)  # rows and columns are alike
    raise InputError(
        f"{name} has images of {channels} channels: convert them to greyscale (one channel) first; "
        f"their shape is {images.shape}"
    )


def flatten(
    images: Float[np.ndarray, "examples *shape"], name: str = "the data"
) -> Float[np.ndarray, "examples pixels"]:
    """Images row by row. Refuses those that would then be taken for squares of as many pixels, such as 8 × 32."""
    count, *shape = images.shape
    pixels = math.prod(shape)
    if shape != [pixels] and shape[0] != shape[-1] and math.isqrt(pixels) ** 2 == pixels:
        raise InputError(
            f"{name} has images of {size_text(shape)} pixels, as many as {size_text(image_shape(pixels))}, for which "
            "analyses would take them: pad them to squares, or set data.crop or data.resize"
        )
    return images.reshape(count, pixels)


def size_text(shape: Sequence[int]) -> str:
    """The shape of one image for a message, such as 8 × 32; flat images have one number."""
    return " × ".join(map(str, shape))


def empty_like(data: Dataset) -> Dataset:
    """A Dataset of no examples with the same shape of images."""
    return Dataset(data.images[:0], data.labels[:0])
