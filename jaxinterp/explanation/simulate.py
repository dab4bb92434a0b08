"""What does a label predict? Its text, compiled by rules to classes and regions of the image, predicts activations.

Rules read names of classes ("3", "threes", "Sandal") and regions on a grid of thirds ("the upper left", "top", "the
middle"), what the label denies ("no ink in …") and what it says less of ("weakly", "some"). What a label says of
anything else is left out, and named; a label that names neither is refused. On an image, a class counts by the image's
true label and a region by the mean of its pixels.
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

DEAD = "Dead neuron"
WEAK = 0.5  # what counts half: "weakly for 5", "some ink", and "little ink" of what is denied
ROWS = ("upper", "middle", "lower")
COLUMNS = ("left", "middle", "right")

_DENIED = re.compile(
    r"\b(no|none|not|never|without|nothing|absent|absence|lack|lacks|except|inhibit\w*|suppress\w*|inactive|"
    r"dark|blank|empty|little|hardly|low)\b"
)
_SAID = re.compile(
    r"\b(ink\w*|activ\w*|respond\w*|fires?|strong\w*|high\w*|bright\w*|strokes?|lines?|curves?|loops?)\b"
)
_LESS = re.compile(r"\b(weak\w*|slight\w*|some|somewhat|sometimes|moderate\w*|partly|partial\w*|little|hardly)\b")
_SEPARATE = re.compile(r"[.;:!?\n]+(?=\s|$)|\bbut\b|\bwhile\b|\bwhereas\b")
_ROW_WORDS = {"upper": 0, "top": 0, "above": 0, "lower": 2, "bottom": 2, "below": 2}
_COLUMN_WORDS = {"left": 0, "right": 2}
_MIDDLE = r"middle|center|centre|central"
_CELL = re.compile(rf"\b({'|'.join(_ROW_WORDS)}|{_MIDDLE})[\s-]*(left|right|{_MIDDLE})\b")
_BAND = re.compile(rf"\b({'|'.join((*_ROW_WORDS, *_COLUMN_WORDS))}|{_MIDDLE})\b")
_WHOLE = re.compile(r"\b(everywhere|anywhere|overall|whole image)\b")
_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# A number that counts something else is no class.
_COUNTED = r"\s*(?:°|%|degrees?\b|percent\b|pixels?\b|to \d+ ?(?:°|degrees?\b|pixels?\b))"
_NUMBERED = r"(?<!neuron )(?<!unit )(?<!layer )(?<!row )(?<!column )(?<!pixel )(?<!output )(?<![\d.−-])"
_MARK = "\ue000{}\ue001"  # in place of a class's name
_MARKED = re.compile("\ue000(\\d+)\ue001")


class Compiled(NamedTuple):
    """What a label predicts, up to a scale: Σ weights of the image's class, and of its pixels.

    left_out: parts of the text that name neither a class nor a region. A dead unit's label has no weights.
    """

    text: str
    classes: Float[np.ndarray, " classes"]
    pixels: Float[np.ndarray, " pixels"]
    left_out: tuple[str, ...] = ()


class Refused(NamedTuple):
    """A label that rules cannot compile, and why."""

    text: str
    reason: str


def compile_label(text: str, class_names: Sequence[str], shape: tuple[int, int, int]) -> Compiled | Refused:
    """A label as weights of classes and pixels, or why it has none. shape: rows, columns and channels of the images."""
    nothing = Compiled(text, np.zeros(len(class_names)), np.zeros(math.prod(shape)))
    if re.fullmatch(r"dead( neuron| unit)?", text.strip(" .").lower()):
        return nothing
    found, left_out = nothing, []
    for part in _SEPARATE.split(_marked(text, class_names)):
        weight = 1.0
        for clause in filter(None, (piece.strip() for piece in part.split(","))):
            weight = _weight(clause, weight)
            classes, pixels = _classes(clause, len(class_names)), _pixels(clause, shape)
            if not classes.any() and not pixels.any():
                left_out.append(_unmarked(clause, class_names))
            found = found._replace(classes=found.classes + weight * classes, pixels=found.pixels + weight * pixels)
    if not found.classes.any() and not found.pixels.any():
        return Refused(text, "it names no class and no region of the image" if text.strip() else "it is empty")
    return found._replace(left_out=tuple(left_out))


def predictions(
    labels: Sequence[Compiled | Refused],
    images: Float[Array | np.ndarray, "examples pixels"],
    classes: Int[Array | np.ndarray, " examples"],
) -> Float[np.ndarray, "labels examples"]:
    """What each label predicts for each image; 0 for all images from a label that was refused.

    classes: the images' true labels. Where a label names both classes and regions, the two parts are added after each
    was divided by its standard deviation over the images.
    """
    known = [label if isinstance(label, Compiled) else None for label in labels]
    count = max((len(label.classes) for label in known if label is not None), default=int(np.max(classes)) + 1)
    pixels = images.shape[-1]
    of_classes = np.stack([np.zeros(count) if label is None else label.classes for label in known])
    of_pixels = np.stack([np.zeros(pixels) if label is None else label.pixels for label in known])
    return combined(of_classes.astype(np.float32), of_pixels.astype(np.float32), images, classes)


def combined(
    of_classes: Float[np.ndarray, "labels classes"],
    of_pixels: Float[np.ndarray, "labels pixels"],
    images: Float[Array | np.ndarray, "examples pixels"],
    classes: Int[Array | np.ndarray, " examples"],
) -> Float[np.ndarray, "labels examples"]:
    """`predictions` of weights of classes and pixels."""
    by_class = of_classes[:, np.asarray(classes)]
    by_pixel = np.zeros_like(by_class)
    regional = of_pixels.any(axis=1)
    by_pixel[regional] = of_pixels[regional] @ np.asarray(images).T
    both = regional & of_classes.any(axis=1)
    for part in (by_class, by_pixel):
        spread = part[both].std(axis=1, keepdims=True)
        part[both] /= np.where(spread > 0, spread, 1)
    return by_class + by_pixel


def cells(shape: tuple[int, int, int]) -> Float[np.ndarray, "cells pixels"]:
    """1 for the pixels in each of nine cells, row by row: the image cut into thirds; all channels of a pixel together.

    Cells of images with fewer than three rows or columns may have no pixel.
    """
    rows, columns, channels = shape
    row, column = np.arange(rows) * 3 // rows, np.arange(columns) * 3 // columns
    cell = np.repeat((3 * row[:, None] + column).ravel(), channels)
    return (cell == np.arange(9)[:, None]).astype(np.float32)


def cell_name(cell: int) -> str:
    """The words for one of the nine cells."""
    row, column = divmod(cell, 3)
    return "middle" if row == column == 1 else f"{ROWS[row]} {COLUMNS[column]}"


def _weight(clause: str, before: float) -> float:
    """What a clause makes of the classes and regions that it names; without a word about it, what those before do."""
    clause = clause.replace("a little", "some")
    denied, less = _DENIED.search(clause), _LESS.search(clause)
    if not (denied or less or _SAID.search(clause)):
        return before
    return (-1.0 if denied else 1.0) * (WEAK if less else 1.0)


def _marked(text: str, class_names: Sequence[str]) -> str:
    """The text in small letters, with a mark in place of each name of a class; longer names first."""
    marked = text.lower()
    for label in sorted(range(len(class_names)), key=lambda label: -len(class_names[label])):
        name = class_names[label].lower()
        plain = rf"{re.escape(name)}(?:'?s|es)?"
        if name.isdigit():
            pattern = rf"{_NUMBERED}\b{plain}(?![\w.]*\d)(?!{_COUNTED})\b"
            if int(name) < len(_NUMBER_WORDS):
                word = _NUMBER_WORDS[int(name)]
                plural = "sixes" if word == "six" else f"{word}e?s"
                pattern += rf"|\b{plural}\b" if word == "one" else rf"|\b(?:{word}|{plural})\b"
        else:
            pattern = rf"(?<!\w){plain}(?!\w)"
        marked = re.sub(pattern, _MARK.format(label), marked)
    return marked


def _unmarked(clause: str, class_names: Sequence[str]) -> str:
    return _MARKED.sub(lambda found: class_names[int(found[1])], clause)


def _classes(clause: str, classes: int) -> Float[np.ndarray, " classes"]:
    """1 for each class that a clause names."""
    found = np.zeros(classes)
    found[[int(label) for label in _MARKED.findall(clause)]] = 1
    return found


def _pixels(clause: str, shape: tuple[int, int, int]) -> Float[np.ndarray, " pixels"]:
    """The mean over the pixels of each region that a clause names, added up."""
    grid, found = cells(shape).reshape(3, 3, -1), np.zeros(math.prod(shape))
    for words in _CELL.findall(clause):
        row, column = _ROW_WORDS.get(words[0], 1), _COLUMN_WORDS.get(words[1], 1)
        found += _mean(grid[row, column])
    rest = _CELL.sub(" ", clause)
    for word in _BAND.findall(rest):
        if word in _ROW_WORDS:
            found += _mean(grid[_ROW_WORDS[word]].sum(axis=0))
        elif word in _COLUMN_WORDS:
            found += _mean(grid[:, _COLUMN_WORDS[word]].sum(axis=0))
        else:
            found += _mean(grid[1, 1])
    for _ in _WHOLE.findall(rest):
        found += _mean(np.ones(len(found)))
    return found


def _mean(mask: np.ndarray) -> np.ndarray:
    return mask / max(mask.sum(), 1)
