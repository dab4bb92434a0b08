"""How is a .npz file read? Four arrays under either of two common sets of names; images are already in [0, 1]."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from jaxinterp.data.datasets import Splits, as_dataset, empty_like
from jaxinterp.errors import InputError

_NAMES = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
)


def load_npz(path: Path) -> Splits:
    """Train and test images of a .npz file; no validation images.

    The arrays are train_images, train_labels, test_images and test_labels, or x_train, y_train, x_test and y_test.
    Raises InputError where the file or an array is missing, and for images that are not floating-point in [0, 1].
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: give the path of a .npz file")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name in sum(_NAMES, ())}
    except (ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error):
        raise InputError(f"{path} is not a complete .npz file of plain arrays: write it with numpy.savez") from None
    names = next((names for names in _NAMES if arrays.keys() >= set(names)), None)
    if names is None:
        raise InputError(f"{path} lacks an array: it needs {', '.join(_NAMES[0])} (or {', '.join(_NAMES[1])})")
    train_images, train_labels, test_images, test_labels = (arrays[name] for name in names)
    train = as_dataset(train_images, train_labels, f"{path} {names[0]}")
    test = as_dataset(test_images, test_labels, f"{path} {names[2]}")
    return Splits(train, empty_like(train), test)
