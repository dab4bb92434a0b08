"""How are MNIST's files read? IDX is a magic number, big-endian sizes, then bytes; four such files make Splits."""

import gzip
import hashlib
import math
import re
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxinterp.data.class_names import named
from jaxinterp.data.datasets import Dataset, Splits, as_dataset, empty_like, size_text
from jaxinterp.data.streams import LIMIT, MAX_BYTES, read_at_most
from jaxinterp.errors import InputError

# MD5 of the original files, unzipped.
_ORIGINALS = {
    "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
}
_FILES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
_UNSIGNED_BYTE = 0x08
_MOST_AXES = 4
_CLASS_NAMES = "class_names.txt"
_MOST_TEXT = 2**16  # bytes of class names


def read_idx(path: Traversable) -> UInt8[np.ndarray, "..."]:
    """The array of bytes in one IDX file, gzipped or not.

    Raises InputError unless the file is a complete IDX file of at most MAX_BYTES. No more than its header says is read.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            return _read_array((gzip.open(file) if packed else file).read, path)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path} is a damaged gzip file ({error}): download it again") from None


def _read_array(read: Callable[[int], bytes], path: Traversable) -> UInt8[np.ndarray, "..."]:
    start = read(4)
    if len(start) < 4 or start[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise InputError(f"{path} starts with {start.hex() or 'nothing'}: an IDX file of bytes starts with 000008")
    if (axes := start[3]) > _MOST_AXES:
        raise InputError(f"{path} says that it has {axes} axes: IDX files of images have 3, of labels 1")
    sizes = read(4 * axes)
    if len(sizes) < 4 * axes:
        raise InputError(f"{path} ends inside its header: download it again")
    shape = struct.unpack(f">{axes}I", sizes)
    if math.prod(max(size, 1) for size in shape) > MAX_BYTES:  # NumPy refuses an empty array of huge sides, too
        raise InputError(f"{path} says that it holds {size_text(shape)} bytes, which is more than {LIMIT}")
    content = read_at_most(read, math.prod(shape) + 1)
    if len(content) > math.prod(shape):
        raise InputError(f"{path} contains more than the {math.prod(shape)} bytes of its header: download it again")
    if len(content) < math.prod(shape):
        raise InputError(
            f"{path} contains {len(content)} bytes but its header says {math.prod(shape)}: download it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def write_idx(path: Path, array: UInt8[np.ndarray, "..."]) -> None:
    """Write bytes as an IDX file, gzipped when the name ends in .gz."""
    content = struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def shipped() -> Traversable:
    """The folder of the MNIST that ships with the package."""
    return files("jaxinterp.data") / "mnist"


def altered(folder: Traversable) -> list[str]:
    """The names of MNIST's files that are missing in a folder, or do not hold what the original ones hold."""

    def is_original(name: str) -> bool:
        try:
            content = gzip.decompress((folder / name).read_bytes())
        except (OSError, EOFError, zlib.error):
            return False
        return hashlib.md5(content, usedforsecurity=False).hexdigest() == _ORIGINALS[name]

    return [name for name in _ORIGINALS if not is_original(name)]


def mnist() -> Splits:
    """The MNIST that ships with the package: 60,000 training and 10,000 test images, in their original order."""
    return load_folder(shipped())


def load_folder(folder: Traversable) -> Splits:
    """The four standard files of a folder in their original order; no validation images.

    Their names are {train,t10k}-{images-idx3,labels-idx1}-ubyte, with `-` or `.` before idx, with or without .gz, and
    with `test` for t10k and a prefix such as emnist-letters- (EMNIST stores its images transposed; they stay so, unless
    data.transpose is set). A file class_names.txt may name the labels from 0 on, one per line. Raises InputError where
    a file is missing or damaged, or where images, labels and names do not fit.
    """
    prefix = _prefix(folder)
    paths = [_find(folder, prefix, part) for part in _FILES]
    with ThreadPoolExecutor() as pool:  # decompressing and scaling release the interpreter lock
        train = pool.submit(_load_pair, *paths[:2])
        test = pool.submit(_load_pair, *paths[2:])
    splits = Splits(train.result(), empty_like(train.result()), test.result())
    names = folder / _CLASS_NAMES
    return named(splits, _lines(names), str(names)) if names.is_file() else splits


def _lines(path: Traversable) -> list[str]:
    with path.open("rb") as file:
        content = file.read(_MOST_TEXT + 1)
    try:
        if len(content) > _MOST_TEXT:
            raise ValueError
        return content.decode().splitlines()
    except ValueError:
        raise InputError(f"{path} is no short text in UTF-8: write one class name per line, from label 0 on") from None


def _prefix(folder: Traversable) -> str:
    """What stands before train-images in the names of the folder's only set; nothing for MNIST's own names."""
    matches = (re.fullmatch(r"(.*?)train-images[-.]idx3-ubyte(\.gz)?", file.name) for file in folder.iterdir())
    prefixes = {match[1] for match in matches if match} or {""}
    if len(prefixes) > 1 and "" not in prefixes:
        raise InputError(
            f"{folder} holds {len(prefixes)} data sets ({', '.join(sorted(prefixes))}): give each a folder of its own"
        )
    return "" if "" in prefixes else prefixes.pop()


def _find(folder: Traversable, prefix: str, part: str) -> Traversable:
    rank = 3 if part.endswith("images") else 1
    stems = [part, part.replace("t10k", "test")]
    for name in (f"{prefix}{s}{dot}idx{rank}-ubyte{suffix}" for s in stems for dot in "-." for suffix in (".gz", "")):
        if (folder / name).is_file():
            return folder / name
    part = stems[-1] if prefix else part
    raise InputError(
        f"{folder} has no {prefix}{part}-idx{rank}-ubyte.gz: a folder of IDX files has {', '.join(_FILES)}"
    )


def _load_pair(images_path: Traversable, labels_path: Traversable) -> Dataset:
    return as_dataset(read_idx(images_path), read_idx(labels_path), str(images_path))
