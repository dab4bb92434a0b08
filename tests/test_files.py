"""Files are written atomically; damage is detected; one process writes at a time; nothing is left behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxinterp import files
from jaxinterp.errors import InputError

OLD, NEW = b"old", b"new and longer"


@given(st.binary(max_size=300))
def test_what_is_read_is_what_was_written(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("files") / "x"
    files.write_summed(file, content)
    assert files.read_summed(file) == content
    assert file.read_bytes().startswith(content)


@given(st.data())
def test_no_flipped_bit_passes_for_the_content(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("files") / "x"
    content = data.draw(st.binary(min_size=1, max_size=50))
    files.write_summed(file, content)
    stored = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(stored) - 1))
    stored[place] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(stored)
    with pytest.raises(ValueError, match="checksum does not fit"):
        files.read_summed(file)


def test_a_file_without_a_checksum_is_taken_only_if_none_is_required(tmp_path):
    (tmp_path / "x").write_bytes(OLD)
    assert files.read_summed(tmp_path / "x", required=False) == OLD
    with pytest.raises(ValueError, match="checksum does not fit"):
        files.read_summed(tmp_path / "x")


def test_whatever_goes_wrong_in_reading_names_the_file_and_what_to_do(tmp_path):
    file = tmp_path / "x"
    with pytest.raises(InputError, match=f"^{file} is missing or damaged: No such file or directory; restore it"):
        with files.readable(file):
            files.read_summed(file)
    with pytest.raises(InputError, match=f"^{file} is missing or damaged: odd; remove it$"):
        with files.readable(file, "remove it"):
            raise ValueError("odd")


def test_two_writers_of_one_file_never_mix(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(OLD)
    with files.replacing(file) as first, files.replacing(file) as second:
        assert first != second and file.read_bytes() == OLD
        first.write_bytes(b"1" * 10)
        second.write_bytes(b"2" * 5)
    assert file.read_bytes() == b"1" * 10  # the outer one ended last
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    file = tmp_path / "x"
    file.write_bytes(OLD)
    with pytest.raises((InputError, KeyboardInterrupt)) as caught, files.replacing(file) as new:
        new.write_bytes(NEW[:3])
        raise error
    assert file.read_bytes() == OLD and os.listdir(tmp_path) == ["x"]
    if isinstance(error, OSError):
        assert str(caught.value) == f"{file} could not be written: No space left on device"


DIE = """
import os, signal, sys
from pathlib import Path
from jaxinterp import files
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
{}
"""
WAYS = {
    "file": "files.write(Path(sys.argv[1]), b'new')",
    "folder": "files.write_summed_folder(Path(sys.argv[1]), lambda new: (new / 'a').write_text('new'))",
}


@pytest.mark.parametrize("way", WAYS)
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path, way):
    path = tmp_path / "x[1]*"
    subprocess.run([sys.executable, "-c", DIE.format(WAYS[way]), path], check=False)
    assert len(os.listdir(tmp_path)) == 1 and not path.exists()
    assert files.is_empty(tmp_path)
    files.write(path, NEW)
    assert os.listdir(tmp_path) == [path.name] and path.read_bytes() == NEW


def filled(folder):
    (folder / "a").write_bytes(OLD)
    (folder / "b").mkdir()
    (folder / "b" / "c").write_bytes(NEW)


def test_a_folder_is_replaced_as_a_whole_and_checked_file_by_file(tmp_path):
    folder = tmp_path / "x"
    files.write_folder(folder, lambda new: (new / "gone").write_text("old"))
    files.check_folder(folder, required=False)
    with pytest.raises(InputError, match="is missing or damaged"):
        files.check_folder(folder)
    files.write_summed_folder(folder, filled)
    assert sorted(os.listdir(folder)) == ["a", "b", "checksums.json"]
    files.check_folder(folder)
    for name, change in {"a": b"odd", "b/c": b"", "checksums.json": b"{"}.items():
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(change)
        with pytest.raises(InputError, match=f"{folder / name} is missing or damaged"):
            files.check_folder(folder)
        (folder / name).write_bytes(before)
    (folder / ".DS_Store").write_bytes(b"a file of the system")
    files.check_folder(folder)
    (folder / "checksums.json").write_text("{}")
    with pytest.raises(InputError, match=f"{folder / 'a'} is missing or damaged"):
        files.check_folder(folder)
    files.write_summed_folder(folder, filled)
    (folder / "b" / "c").unlink()
    with pytest.raises(InputError, match=f"{folder / 'b' / 'c'} is missing"):
        files.check_folder(folder)


def test_a_folder_that_cannot_be_filled_leaves_the_old_one(tmp_path):
    folder = tmp_path / "x"
    files.write_folder(folder, filled)

    def fill(new):
        (new / "half").write_text("…")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="x could not be written: No space left"):
        files.write_folder(folder, fill)
    assert os.listdir(tmp_path) == ["x"] and sorted(os.listdir(folder)) == ["a", "b"]


HOLD = """
import sys
from pathlib import Path
from pathlib import Path
from jaxinterp import files
with files.only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_told_until_the_first_has_gone(tmp_path):
    folder = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout and first.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"another process is writing to {folder}"), files.only_writer(folder):
            pass
        first.kill()
    with files.only_writer(folder):
        (folder / "a").write_text("kept")
    with files.only_writer(folder):
        pass
    assert os.listdir(folder) == ["a"]


def test_a_folder_that_is_held_and_stays_empty_is_removed(tmp_path):
    with files.only_writer(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    with files.only_writer(tmp_path / "old"):
        pass
    assert (tmp_path / "old").exists()


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_folder_that_went_while_it_was_taken_is_not_held(tmp_path, monkeypatch, change):
    folder, open_ = tmp_path / "run", os.open

    def late(path, *arguments):
        handle = open_(path, *arguments)
        folder.rmdir()
        if change == "replaced":
            folder.mkdir()
        return handle

    folder.mkdir()
    monkeypatch.setattr(os, "open", late)
    with pytest.raises(InputError, match=f"another process is writing to {folder}"), files.only_writer(folder):
        pytest.fail("it was held")


def test_a_read_only_folder_is_told_in_one_line(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(InputError, match="could not be written: Read-only file system"):
        files.write(tmp_path / "x", NEW)
    with pytest.raises(InputError, match="could not be written: Read-only file system"), files.only_writer(tmp_path):
        pass


def test_names_have_as_many_folders_as_tell_them_apart():
    paths = [Path(name) for name in ("/a/one/net.npz", "/a/two/net.npz", "/a/two/other.npz")]
    assert files.shortest_names(paths) == ["one/net.npz", "two/net.npz", "two/other.npz"]
    assert files.shortest_names([Path("x/seed0.npz"), Path("x/seed1.npz")]) == ["seed0.npz", "seed1.npz"]
    assert files.shortest_names([Path("x/net.npz")] * 2) == ["net.npz"] * 2
    assert files.shortest_names([]) == []


def test_a_folder_that_is_still_written_to_is_removed(tmp_path, monkeypatch):
    remove, calls = shutil.rmtree, []

    def with_a_late_writer(folder, **options):
        calls.append(folder)
        remove(folder, **options)
        if len(calls) < 3:
            (folder / "late").mkdir(parents=True)

    def fill(folder):
        raise ValueError("no room")

    monkeypatch.setattr(files.shutil, "rmtree", with_a_late_writer)
    with pytest.raises(InputError, match="could not be written: no room"):
        files.write_folder(tmp_path / "run", fill)
    assert len(calls) == 3 and not list(tmp_path.iterdir())
