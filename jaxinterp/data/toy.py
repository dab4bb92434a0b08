"""What if we knew the answer? Data sets with a ground truth: XOR, and two classes that differ by exactly one stroke."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxinterp.data.datasets import Dataset, Splits, empty_like
from jaxinterp.errors import InputError

SIDE = 28
_BAR_ROWS = slice(5, 8)
_BAR_COLUMNS = slice(5, 20)


class Strokes(NamedTuple):
    """One-factor data: class 1 has a horizontal bar that class 0 lacks, and nothing else separates the classes."""

    splits: Splits
    """label 1 with the bar, label 0 without it; no validation images"""
    twins: Splits
    """the same images in the same order, each with its bar removed or added, and therefore with the other label"""
    mask: Bool[np.ndarray, " pixels"]
    """the bar's pixels; outside them, an image and its twin are equal"""


def xor() -> Splits:
    """The four corners of the unit square as images of two pixels, labelled by exclusive or; all splits are equal."""
    points = Dataset(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0], np.int32))
    return Splits(points, points, points)


def strokes(seed: int = 0, *, train: int = 8000, test: int = 2000) -> Strokes:
    """Images of 28 × 28 pixels in which one stroke, the bar of a 7, is all that separates two classes of equal size.

    Every image has a slanted stem like that of a 1 or a 7, two short strokes anywhere, and pixel noise. Positions,
    directions, thicknesses and intensities have the same distribution in both classes. Class 1 then gets the bar,
    always in the same position, with a random intensity. Overlapping strokes do not add up: each pixel takes the
    strongest. Raises InputError for a negative seed and for fewer than two images in a split.
    """
    if seed < 0:
        raise InputError(f"the seed of strokes is {seed}: use 0 or more")
    if min(train, test) < 2:
        raise InputError(f"strokes has {train} training and {test} test images: use 2 or more of each")
    mask = np.zeros((SIDE, SIDE), bool)
    mask[_BAR_ROWS, _BAR_COLUMNS] = True
    mask = mask.reshape(-1)
    # One stream per split, so that the test images do not depend on the number of training images.
    (train_data, train_twins), (test_data, test_twins) = (
        _draw_split(np.random.default_rng([seed, stream]), count, mask) for stream, count in enumerate((train, test))
    )
    none = empty_like(train_data)
    return Strokes(Splits(train_data, none, test_data), Splits(train_twins, none, test_twins), mask)


def strokes_splits(seed: int) -> Splits:
    """The splits of `strokes` at its usual sizes, without the twins."""
    return strokes(seed).splits


def _draw_split(rng: np.random.Generator, count: int, mask: Bool[np.ndarray, " pixels"]) -> tuple[Dataset, Dataset]:
    labels = rng.permutation(np.arange(count, dtype=np.int32) % 2)
    ink = np.maximum(_stem(rng, count), np.maximum(_short_stroke(rng, count), _short_stroke(rng, count)))
    bar = rng.uniform(0.5, 1, (count, 1)).astype(np.float32) * mask
    noise = rng.normal(0, 0.05, ink.shape).astype(np.float32)
    without, with_bar = (np.clip(drawn + noise, 0, 1) for drawn in (ink, np.maximum(ink, bar)))
    is_bar = labels[:, None] == 1
    return (
        Dataset(np.where(is_bar, with_bar, without), labels),
        Dataset(np.where(is_bar, without, with_bar), 1 - labels),
    )


def _stem(rng: np.random.Generator, count: int) -> Float[np.ndarray, "examples pixels"]:
    top = rng.uniform((4, 14), (8, 22), (count, 2))
    bottom = rng.uniform((20, 8), (25, 18), (count, 2))
    return _segments(rng, top, bottom)


def _short_stroke(rng: np.random.Generator, count: int) -> Float[np.ndarray, "examples pixels"]:
    centre = rng.uniform(2, SIDE - 3, (count, 2))
    angle = rng.uniform(0, np.pi, count)
    half = rng.uniform(2, 5, (count, 1)) * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return _segments(rng, centre - half, centre + half)


def _segments(
    rng: np.random.Generator, start: Float[np.ndarray, "examples 2"], end: Float[np.ndarray, "examples 2"]
) -> Float[np.ndarray, "examples pixels"]:
    """One straight stroke per image, from start to end (row, column), with random thickness and intensity."""
    thickness = rng.uniform(1.5, 3, (len(start), 1)).astype(np.float32)
    intensity = rng.uniform(0.5, 1, (len(start), 1)).astype(np.float32)
    start, along = start.astype(np.float32), (end - start).astype(np.float32)
    row, column = np.divmod(np.arange(SIDE * SIDE, dtype=np.float32), SIDE)
    down, right = row - start[:, :1], column - start[:, 1:]
    share = (down * along[:, :1] + right * along[:, 1:]) / np.sum(along**2, axis=1, keepdims=True)
    share = np.clip(share, 0, 1)
    distance = np.hypot(down - share * along[:, :1], right - share * along[:, 1:])
    return intensity * np.clip((thickness + 1) / 2 - distance, 0, 1)
