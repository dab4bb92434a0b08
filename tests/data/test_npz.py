import re
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp.config import DataConfig
from jaxinterp.data import load
from jaxinterp.data.datasets import scale_bytes
from jaxinterp.errors import InputError

ARRAYS = {
    "train_images": np.linspace(0, 1, 20).reshape(5, 4),
    "train_labels": np.array([1, 3, 1, 1, 3]),
    "test_images": np.linspace(1, 0, 8).reshape(2, 2, 2),
    "test_labels": np.array([3, 1], np.uint8),
}
KERAS = dict(zip(("x_train", "y_train", "x_test", "y_test"), ARRAYS.values(), strict=True))


def load_arrays(folder, arrays):
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return load(DataConfig(source=str(path)))


@pytest.mark.parametrize("arrays", [ARRAYS, KERAS], ids=["ours", "keras"])
def test_both_sets_of_names_are_read(tmp_path, arrays):
    train, validation, test = load_arrays(tmp_path, arrays)
    np.testing.assert_array_equal(train.images, ARRAYS["train_images"].astype(np.float32))
    np.testing.assert_array_equal(test.images, ARRAYS["test_images"].reshape(2, 4).astype(np.float32))
    np.testing.assert_array_equal(train.labels, ARRAYS["train_labels"])
    np.testing.assert_array_equal(test.labels, ARRAYS["test_labels"])
    assert validation.images.shape == (0, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_images": np.full((5, 4), 255, np.int64)}, "train_images: images are int64, .* divide by 255"),
        ({"test_images": np.full((2, 4), 255.0)}, "test_images: images reach 255, above 1: divide by 255"),
        ({"train_labels": np.arange(5.0)}, "has labels of type float64: use integers"),
        ({"train_labels": np.array([None] * 5)}, "train_labels.npy is a pickle, which can run code"),
        ({"test_images": np.full((2, 4), "1")}, "test_images: images are <U1"),
        ({"test_labels": np.zeros(2, [("\x1b[2J", "i4")])}, r"has labels of type .*\\x1b.*: use integers"),
        ({"x_train": 0, "y_train": 0, "x_test": 0, "y_test": 0}, "has both train_images and x_train: keep one set"),
    ],
)
def test_ill_formed_arrays_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        load_arrays(tmp_path, ARRAYS | change)


def test_missing_arrays_are_named(tmp_path):
    message = (
        "data.npz lacks an array: it needs train_images, train_labels, test_images, test_labels "
        "(or x_train, y_train, x_test, y_test)"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        load_arrays(tmp_path, {"images": ARRAYS["train_images"]})


def test_a_missing_file_is_refused():
    with pytest.raises(InputError, match=r"no file absent\.npz"):
        load(DataConfig(source="absent.npz"))


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "npy"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "data.npz"
    np.savez(path, **ARRAYS)
    if damage == "npy":
        with path.open("wb") as file:
            np.save(file, ARRAYS["train_images"])
    else:
        path.write_bytes({"empty": b"", "text": b"not an archive", "cut": path.read_bytes()[:100]}[damage])
    with pytest.raises(InputError, match=rf"{path} is not a readable \.npz file of plain arrays"):
        load(DataConfig(source=str(path)))


def test_keras_mnist_of_bytes_is_read(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
    labels = np.arange(6, dtype=np.uint8) % 3
    splits = load_arrays(tmp_path, dict(zip(KERAS, (images, labels, images, labels), strict=True)))
    for data in (splits.train, splits.test):
        np.testing.assert_array_equal(data.images, scale_bytes(images).reshape(6, 784))
        np.testing.assert_array_equal(data.labels, labels)


@given(
    images=hnp.arrays(np.uint8, (4, 2, 2)),
    layout=st.sampled_from([(4, 2, 2), (4, 4), (4, 1, 2, 2), (4, 2, 2, 1)]),
    as_floats=st.booleans(),
    compressed=st.booleans(),
    order=st.sampled_from("CF"),
)
def test_every_form_of_a_file_is_one_data_set(tmp_path_factory, images, layout, as_floats, compressed, order):
    stored = np.array((scale_bytes(images) if as_floats else images).reshape(layout), order=order)
    labels = np.array([0, 1, 0, 1], np.uint64)
    path = tmp_path_factory.getbasetemp() / "form.npz"
    arrays = dict(zip(KERAS, (stored, labels, stored, labels), strict=True))
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    for data in (load(DataConfig(str(path))).train, load(DataConfig(str(path))).test):
        np.testing.assert_array_equal(data.images, scale_bytes(images).reshape(4, 4))
        np.testing.assert_array_equal(data.labels, labels)


def test_classes_may_have_names(tmp_path):
    splits = load_arrays(tmp_path, ARRAYS | {"class_names": np.array(["o", "ki", "su", "ankle boot"])})
    assert {data.class_names for data in splits} == {("o", "ki", "su", "ankle boot")}
    splits = load_arrays(tmp_path, ARRAYS | {"class_names": np.array(list("0123"))})
    assert {data.class_names for data in splits} == {()}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b"], "data.npz has 2 class names and labels up to 3: name every label, from 0"),
        (["a", "b", "c", "a"], "has the class name 'a' twice: give every class a name of its own"),
        (["a", "b", " ", "d"], "has the class name ' ': use 1 to 100 printable characters"),
        (["a", "b", "\x1b[2J", "d"], r"has the class name '\x1b[2J': use 1 to 100 printable characters"),
        (["a", "b", "c", 101 * "d"], "use 1 to 100 printable characters"),
        ([[0, 1, 2, 3]], "has class_names of type int64 and shape (1, 4): use a list of text"),
        ([None] * 4, "class_names.npy is a pickle, which can run code"),
    ],
)
def test_names_that_cannot_be_used_are_refused(tmp_path, names, message):
    with pytest.raises(InputError, match=re.escape(message)):
        load_arrays(tmp_path, ARRAYS | {"class_names": np.array(names)})


def test_other_members_do_not_matter(tmp_path):
    np.savez(tmp_path / "data.npz", **ARRAYS, names=np.array([None]), notes=np.array("text"))
    with zipfile.ZipFile(tmp_path / "data.npz", "a") as archive:
        archive.writestr("README.txt", "hello")
    assert load(DataConfig(str(tmp_path / "data.npz"))).train.images.shape == (5, 4)


def member(header: str, content: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + content


def described(shape: str, dtype: str = "'|u1'") -> str:
    return f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}"


@pytest.mark.parametrize(
    "content",
    [
        member(described(f"({10**14},)")),
        member(described("(0, 18446744073709551616)")),
        member(described("(-1, -4)"), b"1234"),
        member(described("(2, 2)"), b"12345"),
        member("{'descr': '<f4', "),
        member("(" * 5000),
        member(described("(1,)", "'|O'"), b"cos\nsystem\n."),
        member(described("(1,)"), b"1", version=b"\3\0"),
        b"no array",
        b"",
    ],
)
def test_hostile_headers_are_refused_without_what_they_ask_for(tmp_path, content):
    path = tmp_path / "data.npz"
    np.savez(path, **{name: value for name, value in ARRAYS.items() if name != "train_images"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("train_images.npy", content)
    with pytest.raises(InputError, match=re.escape(f"{path} is not a readable .npz file")):
        load(DataConfig(str(path)))
