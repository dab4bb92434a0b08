"""How is a .npz file read? Four arrays under either of two common sets of names, and names of the classes."""

from pathlib import Path

import numpy as np

from jaxinterp import archives
from jaxinterp.data.class_names import named
from jaxinterp.data.datasets import Splits, as_dataset, empty_like
from jaxinterp.data.streams import MAX_BYTES
from jaxinterp.errors import InputError

_NAMES = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
)
_CLASS_NAMES = "class_names"


def load_npz(path: Path) -> Splits:
    """Train and test images of a .npz file; no validation images.

    The arrays are train_images, train_labels, test_images and test_labels, or x_train, y_train, x_test and y_test. An
    array of text, class_names, may name the labels from 0 on. Raises InputError where the file or an array is missing,
    and for images that are neither bytes nor in [0, 1].
    """
    arrays = archives.members(path, only=(*sum(_NAMES, ()), _CLASS_NAMES), limit=MAX_BYTES)
    complete = [names for names in _NAMES if arrays.keys() >= set(names)]
    if not complete:
        raise InputError(f"{path} lacks an array: it needs {', '.join(_NAMES[0])} (or {', '.join(_NAMES[1])})")
    if len(complete) > 1:
        raise InputError(f"{path} has both {_NAMES[0][0]} and {_NAMES[1][0]}: keep one set of arrays")
    names = complete[0]
    train_images, train_labels, test_images, test_labels = (arrays[name] for name in names)
    train = as_dataset(train_images, train_labels, f"{path} {names[0]}")
    test = as_dataset(test_images, test_labels, f"{path} {names[2]}")
    splits = Splits(train, empty_like(train), test)
    return splits if _CLASS_NAMES not in arrays else named(splits, _text(arrays[_CLASS_NAMES], path), str(path))


def _text(array: np.ndarray, path: Path) -> list[str]:
    if array.dtype.kind != "U" or array.ndim != 1:
        raise InputError(f"{path} has {_CLASS_NAMES} of type {array.dtype} and shape {array.shape}: use a list of text")
    return array.tolist()
