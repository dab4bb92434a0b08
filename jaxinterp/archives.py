"""How is an .npz or another zip file from elsewhere read? With a limit on its size, and never a pickle."""

import io
import math
import warnings
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from jaxinterp import files
from jaxinterp.errors import InputError

SIZE_LIMIT = 4 * 2**30  # bytes that a file may unpack to; a damaged or hostile one can promise any number

_READ_HEADER = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_COMPRESSION = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # what numpy writes
_ENCRYPTED = 1  # bit of a member's flags


def members(path: Path | str, *, only: Collection[str] | None = None, limit: int = SIZE_LIMIT) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name, in the file's order.

    only: names to read, as far as the archive has them; others are not read. limit: bytes that all arrays together may
    take. Raises InputError, in one line that names the file, for a file that is missing, damaged, encrypted, too large
    or compressed in a way that numpy does not write, and for a member that is not an array or would have to be
    unpickled.
    """
    path = Path(path)
    with _opened(path, limit, ".npz file of plain arrays") as archive:
        infos = [info for info in archive.infolist() if only is None or info.filename.removesuffix(".npy") in only]
        for info in infos:
            if not info.filename.endswith(".npy"):
                raise InputError(f"{path} has the member {info.filename}, which is no array: write it with numpy.savez")
        _check_members(path, infos, limit, "numpy", "write it with numpy.savez or numpy.savez_compressed")
        return {info.filename.removesuffix(".npy"): _array(path, archive, info) for info in infos}


def contents(path: Path | str, names: Collection[str], *, library: str, limit: int = SIZE_LIMIT) -> dict[str, bytes]:
    """The members of a library's zip file with these names, as far as it has them, unpacked in memory.

    Raises InputError, in one line that names the file, as `members` does.
    """
    path = Path(path)
    with _opened(path, limit, "zip file") as archive:
        infos = [info for info in archive.infolist() if info.filename in names]
        _check_members(path, infos, limit, library, f"save it again with {library}")
        return {info.filename: archive.read(info) for info in infos}


@contextmanager
def _opened(path: Path, limit: int, what: str) -> Iterator[zipfile.ZipFile]:
    check_file(path, limit)
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(path) as archive:
            warnings.simplefilter("ignore")  # of Python's parser, about headers
            yield archive
    except InputError:
        raise
    except Exception as error:  # damaged bytes raise errors of many kinds
        raise InputError(f"{path} is not a readable {what}: {files.line(error)}") from error


def check_file(path: Path, limit: int = SIZE_LIMIT) -> None:
    """Raise InputError where there is no file, where it cannot be opened, and where it is larger than the limit."""
    if not path.is_file():
        raise InputError(f"no file {path}")
    try:
        with path.open("rb"):
            size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}") from error
    check_size(path, size, limit)


def check_size(path: Path, size: int, limit: int = SIZE_LIMIT) -> None:
    """Raise InputError for more bytes than the limit."""
    if size > limit:
        raise InputError(
            f"{path} holds {size / 2**30:.3g} GiB, more than the limit of {limit / 2**30:.3g} GiB "
            "(archives.SIZE_LIMIT): keep only the arrays that are needed, in a smaller type"
        )


def check_name(path: Path, name: str) -> None:
    """Raise InputError for an empty name, and for one with characters that would not print as themselves."""
    if not name or not name.isprintable():
        raise InputError(f"{path} has an array with the name {name!a}: name it in printable characters")


def _check_members(path: Path, infos: list[zipfile.ZipInfo], limit: int, library: str, remedy: str) -> None:
    check_size(path, sum(info.file_size for info in infos), limit)
    for info in infos:
        check_name(path, info.filename.removesuffix(".npy"))
        if info.flag_bits & _ENCRYPTED:
            raise InputError(f"{path} is encrypted ({info.filename}): write it without a password")
        if info.compress_type not in _COMPRESSION:
            raise InputError(
                f"{path} is compressed in a way that {library} does not write ({info.filename}, method "
                f"{info.compress_type}): {remedy}"
            )
    if len({info.filename for info in infos}) < len(infos):
        names = [info.filename for info in infos]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path} has the member {twice} twice: {remedy}")


def _array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One member as an array. Its header must describe exactly the bytes that follow it, before any memory is taken."""
    with archive.open(info) as member:
        stream = io.BytesIO(member.read())
    version = np.lib.format.read_magic(stream)
    if version not in _READ_HEADER:
        raise ValueError(f"{info.filename} has the format {version}, which only structured arrays need")
    shape, fortran, dtype = _READ_HEADER[version](stream)
    if dtype.hasobject:
        raise ValueError(f"{info.filename} is a pickle, which can run code; save it as an array of numbers")
    data = stream.read()
    if any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{info.filename} should hold {dtype} of shape {shape}, and holds {len(data)} bytes")
    array = np.ndarray(shape, dtype, data, order="F" if fortran else "C")
    return array.copy(order="K")  # writable, and without the file's bytes
