"""How is a .npz file read? Four arrays under either of two common sets of names."""

import io
import math
import warnings
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from jaxinterp.data.datasets import Splits, as_dataset, empty_like
from jaxinterp.data.streams import LIMIT, MAX_BYTES, read_at_most
from jaxinterp.errors import InputError

_NAMES = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
)
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}  # 3.0 is for structured arrays


def load_npz(path: Path) -> Splits:
    """Train and test images of a .npz file; no validation images.

    The arrays are train_images, train_labels, test_images and test_labels, or x_train, y_train, x_test and y_test.
    Raises InputError where the file or an array is missing, and for images that are neither bytes nor in [0, 1].
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: give the path of a .npz file")
    arrays = _members(path)
    complete = [names for names in _NAMES if arrays.keys() >= set(names)]
    if not complete:
        raise InputError(f"{path} lacks an array: it needs {', '.join(_NAMES[0])} (or {', '.join(_NAMES[1])})")
    if len(complete) > 1:
        raise InputError(f"{path} has both {_NAMES[0][0]} and {_NAMES[1][0]}: keep one set of arrays")
    names = complete[0]
    train_images, train_labels, test_images, test_labels = (arrays[name] for name in names)
    train = as_dataset(train_images, train_labels, f"{path} {names[0]}")
    test = as_dataset(test_images, test_labels, f"{path} {names[2]}")
    return Splits(train, empty_like(train), test)


def _members(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the file that `_NAMES` knows. No pickle is loaded, and no more than MAX_BYTES is unpacked."""
    with path.open("rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of headers from Python 2
                return _read(archive, path)
        except (InputError, MemoryError):
            raise
        except Exception:  # zipfile and numpy raise many kinds of errors about bytes
            raise InputError(f"{path} is not a complete .npz file of plain arrays: write it with numpy.savez") from None


def _read(archive: zipfile.ZipFile, path: Path) -> dict[str, np.ndarray]:
    infos = {info.filename: info for info in archive.infolist()}
    wanted = [name for name in sum(_NAMES, ()) if f"{name}.npy" in infos]
    if (size := sum(infos[f"{name}.npy"].file_size for name in wanted)) > MAX_BYTES:
        raise InputError(f"{path} unpacks to {size >> 20} MiB, which is more than {LIMIT}")
    return {name: _array(archive, infos[f"{name}.npy"], f"{path} {name}") for name in wanted}


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    if info.flag_bits & 1:
        raise InputError(f"{name} is encrypted: write the file with numpy.savez")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{name} is compressed in a way that NumPy does not use: write the file with numpy.savez")
    with archive.open(info) as file:  # zipfile checks the checksum at the end
        content = read_at_most(file.read, info.file_size)
    stream = io.BytesIO(content)
    if (version := npy.read_magic(stream)) not in _HEADERS:
        raise InputError(f"{name} has the .npy version {version}: use a plain array of numbers")
    shape, by_columns, dtype = _HEADERS[version](stream)
    if dtype.kind not in "biufc":
        raise InputError(f"{name} is an array of {dtype}: use numbers (text and Python objects are not loaded)")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise InputError(f"{name} has {len(content) - stream.tell()} bytes, which do not fill {shape}: write it again")
    flat = np.frombuffer(content, dtype, offset=stream.tell())
    return flat.reshape(shape, order="F" if by_columns else "C")
