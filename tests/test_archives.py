import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from jaxinterp import archives
from jaxinterp.errors import InputError

ARRAYS = {
    "kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "a/b": np.array(7),
    "none": np.zeros((0, 3)),
    "swapped": np.arange(3, dtype=">f8"),
    "text": np.array(["one", "three"]),
}


def npy(array, **header):
    """The bytes of an array with another header: shape, dtype or fortran_order that are not its own."""
    stream = io.BytesIO()
    described = np.lib.format.header_data_from_array_1_0(array) | header
    np.lib.format.write_array_header_1_0(stream, described)
    return stream.getvalue() + array.tobytes()


def archive(folder, members, compression=zipfile.ZIP_STORED):
    file = folder / "weights.npz"
    with zipfile.ZipFile(file, "w", compression) as stored:
        for name, content in members.items():
            stored.writestr(name, content)
    return file


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_they_were_in_their_order(tmp_path, save):
    save(tmp_path / "weights.npz", allow_pickle=False, **ARRAYS)
    found = archives.members(tmp_path / "weights.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
        assert found[name].flags.writeable


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was loaded",))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.npy": npy(np.zeros(3), shape=(10**15,))}, "a.npy should hold float64 of shape .*, and holds 24 bytes"),
        ({"a.npy": npy(np.zeros(3), shape=(-3,))}, "a.npy should hold float64"),
        ({"a.npy": npy(np.zeros(4), shape=(3,))}, "a.npy should hold float64"),
        ({"a.npy": npy(np.zeros(3), descr="|O") + pickle.dumps(Trap())}, "a.npy is a pickle, which can run code"),
        ({"a.npy": pickle.dumps(Trap())}, "is not a readable .npz file"),
        ({"a.npy": b""}, "is not a readable .npz file"),
        ({"a.npy": b"\x93NUMPY\x09\x00"}, "is not a readable .npz file"),
        ({"a.npy": b"\x93NUMPY\x01\x00\x09\x00" + b"(" * 9}, "is not a readable .npz file"),
        ({"read.me": b"text"}, "has the member read.me, which is no array: write it with numpy.savez"),
        ({"\x1b[31m.npy": npy(np.zeros(3))}, r"has an array with the name '\\x1b\[31m'"),
        ({".npy": npy(np.zeros(3))}, "has an array with the name ''"),
        ({"folder/": b""}, "which is no array"),
    ],
)
def test_what_is_no_plain_array_is_refused(tmp_path, members, message):
    file = archive(tmp_path, members)
    with pytest.raises(InputError, match=message) as caught:
        archives.members(file)
    assert str(file) in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_write_is_refused(tmp_path, compression):
    file = archive(tmp_path, {"a.npy": npy(np.zeros(3))}, compression)
    with pytest.raises(InputError, match=r"compressed in a way that numpy does not write \(a.npy, method \d+\)"):
        archives.members(file)


def test_an_encrypted_file_is_refused(tmp_path):
    file = archive(tmp_path, {"a.npy": npy(np.zeros(3))})
    content = bytearray(file.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"weights.npz is encrypted \(a.npy\): write it without a password"):
        archives.members(file)


def test_two_members_of_one_name_are_refused(tmp_path):
    file = archive(tmp_path, {"a.npy": npy(np.zeros(3))})
    with zipfile.ZipFile(file, "a") as stored, pytest.warns(UserWarning, match="Duplicate name"):
        stored.writestr("a.npy", npy(np.ones(3)))
    with pytest.raises(InputError, match=r"has the member a.npy twice"):
        archives.members(file)


def test_the_limit_holds_for_what_is_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(1 << 17), b=np.zeros(1 << 17))  # 2 MiB in few bytes
    assert (tmp_path / "bomb.npz").stat().st_size < 1 << 14
    message = r"bomb.npz holds 0.00195 GiB, more than the limit of 0.00146 GiB \(archives.SIZE_LIMIT\)"
    with pytest.raises(InputError, match=message):
        archives.members(tmp_path / "bomb.npz", limit=3 << 19)
    assert archives.members(tmp_path / "bomb.npz", limit=3 << 20).keys() == {"a", "b"}


def test_a_member_that_promises_terabytes_is_refused_by_the_limit(tmp_path):
    file = archive(tmp_path, {"a.npy": npy(np.zeros(3))})
    content = bytearray(file.read_bytes())
    place = content.index(b"PK\x01\x02") + 24  # the size that the directory tells
    content[place : place + 4] = struct.pack("<I", 0xFFFFFFF0)
    file.write_bytes(content)
    with pytest.raises(InputError, match="more than the limit of 1 GiB"):
        archives.members(file, limit=1 << 30)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04N.", b"PK\x03\x04 and then nothing", b"\xff" * 100])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "weights.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"weights\.npz is not a readable .npz file of plain arrays"):
        archives.members(tmp_path / "weights.npz")


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path / "absent.npz", tmp_path):
        with pytest.raises(InputError, match=f"no file {path}"):
            archives.members(path)


def test_the_members_of_other_archives_are_read_by_name(tmp_path):
    file = archive(tmp_path, {"a.json": b"{}", "b.h5": b"123", "c": b""}, zipfile.ZIP_DEFLATED)
    assert archives.contents(file, ("b.h5", "a.json", "none"), library="Keras") == {"a.json": b"{}", "b.h5": b"123"}
    with pytest.raises(InputError, match=r"holds .* GiB, more than the limit"):
        archives.contents(file, ("a.json", "b.h5"), library="Keras", limit=4)


def test_an_archive_that_its_library_would_not_write_is_refused(tmp_path):
    file = archive(tmp_path, {"a": b"text"}, zipfile.ZIP_LZMA)
    message = r"compressed in a way that Keras does not write \(a, method 14\): save it again with Keras"
    with pytest.raises(InputError, match=message):
        archives.contents(file, ("a",), library="Keras")
    assert archives.contents(file, ("b",), library="Keras") == {}
