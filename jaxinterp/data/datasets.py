"""What is a data set? Flat images in [0, 1] with one integer label each, and the checks that guarantee this."""

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from jaxinterp.errors import InputError


class Dataset(NamedTuple):
    """Labelled images: float32 in [0, 1], flattened row by row, and int32 labels from 0."""

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
    digest = hashlib.blake2b(digest_size=16)
    for part in splits:
        for array in part:
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
    """Raise InputError, with the remedy, unless the images are floating-point numbers in [0, 1]."""
    if images.dtype.kind != "f":
        raise InputError(
            f"images are {images.dtype}, not floating-point numbers in [0, 1]: divide by 255 if they are bytes"
        )
    if images.size == 0:
        return
    low, high = float(images.min()), float(images.max())  # a NaN anywhere makes both NaN
    if math.isnan(low):
        raise InputError("images contain NaN: replace it with numbers in [0, 1]")
    if low < 0:
        raise InputError(
            f"images go down to {low:g}, below 0: undo their normalisation (use the model's input_mean and input_std)"
        )
    if high > 1:
        raise InputError(f"images reach {high:g}, above 1: divide by 255 if they range from 0 to 255")


def scale_bytes(images: UInt8[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Convert bytes 0–255 to float32 in [0, 1]."""
    return np.divide(images, np.float32(255), dtype=np.float32)


def as_dataset(images: np.ndarray, labels: np.ndarray, name: str = "the data") -> Dataset:
    """A Dataset from arrays in memory. `name` stands for the data in error messages.

    Images have the axes "examples pixels", "examples rows columns", or the latter with a channel axis of size 1 at the
    end, and are floating-point in [0, 1]; labels are integers from 0. Raises InputError for anything else. Colour
    images are refused, because the conversion to greyscale is a choice about the data: convert them first.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim == 4:
        raise InputError(
            f"{name} has images of {images.shape[-1]} channels: convert them to greyscale (one channel) first"
        )
    if images.ndim not in (2, 3) or 0 in images.shape[1:]:
        raise InputError(
            f"{name} has images of shape {images.shape}: use (examples, pixels) or (examples, rows, columns)"
        )
    if labels.dtype.kind not in "iu":
        raise InputError(f"{name} has labels of type {labels.dtype}: use integers, one per image")
    if labels.shape != images.shape[:1]:
        raise InputError(f"{name} has {len(images)} images but labels of shape {labels.shape}: use one label per image")
    if labels.size and labels.min() < 0:
        raise InputError(f"{name} has the label {labels.min()}: use labels from 0")
    try:
        check_images(images)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    flat = images.reshape(len(images), math.prod(images.shape[1:]))
    return Dataset(flat.astype(np.float32, copy=False), labels.astype(np.int32))


def empty_like(data: Dataset) -> Dataset:
    """A Dataset of no examples with the same number of pixels."""
    return Dataset(data.images[:0], data.labels[:0])
