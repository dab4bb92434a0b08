"""How is a file written atomically, and how is damage to it detected?

A file or folder is written under a temporary name next to its final one, with the process's number in it, and then
renamed. What a killed process left is removed by the next one that writes the same file. A single file ends with its
checksum, and a folder contains a list of checksums.
"""

import glob
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from jaxinterp.errors import InputError

SUMS = "checksums.json"  # in a folder: the checksum of each of its files, by relative path
REMEDY = "restore it from a copy, or make it again"
_TRAILER = b"\nsha256 "
_writers = count()  # of this process
_LENGTH = len(_TRAILER) + hashlib.sha256().digest_size * 2


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A new file to write to, which takes the place of an earlier one when it is whole and on the disk.

    Raises InputError, leaving the earlier one as it was, where it cannot be written.
    """
    with _told(file), _beside(file) as temporary:
        yield temporary
        _flush(temporary)
        os.replace(temporary, file)
        _flush(file.parent)


def write(file: Path, content: bytes) -> None:
    """Write a file, in place of an earlier one; see `replacing`."""
    with replacing(file) as temporary:
        temporary.write_bytes(content)


def write_summed(file: Path, content: bytes) -> None:
    """`write`, with the content's checksum after it. Readers of NetCDF and zip files ignore what comes at the end."""
    write(file, content + _TRAILER + hashlib.sha256(content).hexdigest().encode())


def read_summed(file: Path, *, required: bool = True) -> bytes:
    """What `write_summed` wrote. If it is not required, a file without a checksum is taken as it is.

    Raises OSError where it is missing, and ValueError where it is not what was written: read it in `readable`.
    """
    content = file.read_bytes()
    content, trailer = content[:-_LENGTH], content[-_LENGTH:]
    if not (required or trailer.startswith(_TRAILER)):
        return content + trailer
    if trailer.removeprefix(_TRAILER) != hashlib.sha256(content).hexdigest().encode():
        raise ValueError("its checksum does not fit its content")
    return content


def read_names(file: Path, remedy: str) -> list[str]:
    """A list of names in JSON. Raises InputError, with the remedy, where the file holds nothing of the kind."""
    with readable(file, remedy):
        names = json.loads(file.read_text())
        if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
            raise ValueError("it is no list of names")
    return names


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Write a folder, in place of an earlier one; fill: writes into an empty folder.

    Raises InputError where it cannot be written.
    """
    with _told(folder), _beside(folder) as temporary:
        temporary.mkdir(parents=True)
        fill(temporary)
        for path in (*_files(temporary), temporary):
            _flush(path)
        try:
            os.replace(temporary, folder)
        except OSError:  # an earlier one is there, which is not empty
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(temporary, folder)
        _flush(folder.parent)


def write_summed_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """`write_folder`, with the checksums of all its files."""

    def fill_and_sum(temporary: Path) -> None:
        fill(temporary)
        sums = {file.relative_to(temporary).as_posix(): _sum_of(file) for file in _files(temporary)}
        (temporary / SUMS).write_text(json.dumps(sums, indent=1))

    write_folder(folder, fill_and_sum)


def check_folder(folder: Path, *, required: bool = True) -> None:
    """Raise InputError, naming the file, unless a folder holds what `write_summed_folder` wrote.

    If they are not required, a folder without checksums, from before there were any, is taken as it is.
    """
    if not (required or (folder / SUMS).is_file()):
        return
    with readable(folder / SUMS):
        sums = json.loads((folder / SUMS).read_text())
        known = {str(name): str(value) for name, value in sums.items()}
    inside = (file.relative_to(folder) for file in _files(folder))  # systems add hidden files, such as .DS_Store
    present = {path.as_posix() for path in inside if not any(part.startswith(".") for part in path.parts)}
    for name in sorted((present | known.keys()) - {SUMS}):
        with readable(folder / name) as file:
            if _sum_of(file) != known.get(name):
                raise ValueError("its checksum does not fit its content")


@contextmanager
def readable(path: Path, remedy: str = REMEDY) -> Iterator[Path]:
    """Whatever goes wrong while a path is read becomes an InputError that names it, and what to do."""
    try:
        yield path
    except Exception as error:
        raise InputError(f"{path} is missing or damaged: {line(error)}; {remedy}") from error


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made if there is none, while it is written to; the hold ends with the process.

    A folder that is made and stays empty is removed. Raises InputError where another process holds the folder. Where
    the system has no such locks, there is no hold.
    """
    is_new = not folder.exists()
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    handle = _held(folder)
    try:
        yield
    finally:
        if is_new:
            with suppress(OSError):  # it is not empty
                folder.rmdir()
        if handle is not None:
            os.close(handle)


def line(error: BaseException) -> str:
    """An error's message in one line."""
    message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(message.split()) or type(error).__name__


def shortest_names(paths: Sequence[Path]) -> list[str]:
    """The name of each file, with as many of its folders as it takes to tell all of them apart."""
    most = max((len(path.parts) for path in paths), default=0)
    for depth in range(1, most + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(set(paths)):
            return names
    return [str(path) for path in paths]


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing, or only what killed writers left."""
    return not any(not (child.name.startswith(".") and child.suffix == ".partial") for child in folder.iterdir())


def _held(folder: Path) -> int | None:
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_lost = not os.path.samestat(os.fstat(handle), os.stat(folder))  # removed or replaced in between
    except (BlockingIOError, FileNotFoundError):
        is_lost = True
    except OSError:  # a file system without locks
        os.close(handle)
        return None
    if is_lost:
        os.close(handle)
        raise InputError(f"another process is writing to {folder}: wait until it has ended")
    return handle


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever goes wrong while a path is written becomes an InputError that names it."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} could not be written: {line(error)}") from error


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A name beside a path that no other process uses; what is left there is removed, and so is what the dead left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for other in path.parent.glob(f".{glob.escape(path.name)}.*-*.partial"):
        if not _is_running(other.name.split(".")[-2].partition("-")[0]):
            _remove(other)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_writers)}.partial")
    try:
        yield temporary
    finally:
        _remove(temporary)


def _is_running(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True


def _remove(path: Path) -> None:
    for _ in range(20):  # after an error, a library's threads may write into the folder for a moment more
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if not path.exists():
            return
        time.sleep(0.05)


def _flush(path: Path) -> None:
    with suppress(OSError):  # where folders cannot be flushed
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _sum_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
