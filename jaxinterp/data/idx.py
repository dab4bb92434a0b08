"""How are MNIST's files read? IDX is a magic number, big-endian sizes, then bytes; four such files make Splits."""

import gzip
import math
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxinterp.data.datasets import Dataset, Splits, as_dataset, empty_like, scale_bytes
from jaxinterp.errors import InputError

_FILES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
_UNSIGNED_BYTE = 0x08


def read_idx(path: Traversable) -> UInt8[np.ndarray, "..."]:
    """The array of bytes in one IDX file, gzipped or not. Raises InputError unless the file is a complete IDX file."""
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{path} is a damaged gzip file ({error}): download it again") from None
    if len(content) < 4 or content[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise InputError(
            f"{path} starts with {content[:4].hex() or 'nothing'}: an IDX file of bytes starts with 000008"
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise InputError(f"{path} ends inside its header: download it again")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise InputError(
            f"{path} contains {len(content) - start} bytes but its header says {math.prod(shape)}: download it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def write_idx(path: Path, array: UInt8[np.ndarray, "..."]) -> None:
    """Write bytes as an IDX file, gzipped when the name ends in .gz."""
    content = struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def mnist() -> Splits:
    """The MNIST that ships with the package: 60,000 training and 10,000 test images, in their original order."""
    return load_folder(files("jaxinterp.data") / "mnist")


def load_folder(folder: Traversable) -> Splits:
    """The four standard files of a folder in their original order, bytes scaled to [0, 1]; no validation images.

    Their names are {train,t10k}-{images-idx3,labels-idx1}-ubyte, with `-` or `.` before idx, with or without .gz.
    Raises InputError where one is missing or damaged, or where images and labels do not fit.
    """
    paths = [_find(folder, stem) for stem in _FILES]
    with ThreadPoolExecutor() as pool:  # decompressing and scaling release the interpreter lock
        train = pool.submit(_load_pair, *paths[:2])
        test = pool.submit(_load_pair, *paths[2:])
    return Splits(train.result(), empty_like(train.result()), test.result())


def _find(folder: Traversable, stem: str) -> Traversable:
    rank = 3 if stem.endswith("images") else 1
    for name in (f"{stem}{dot}idx{rank}-ubyte{suffix}" for dot in "-." for suffix in (".gz", "")):
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder} has no {stem}-idx{rank}-ubyte.gz: a folder of IDX files has {', '.join(_FILES)}")


def _load_pair(images_path: Traversable, labels_path: Traversable) -> Dataset:
    images, labels = read_idx(images_path), read_idx(labels_path)
    return as_dataset(scale_bytes(images), labels, str(images_path))
