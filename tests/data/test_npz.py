import re

import numpy as np
import pytest

from jaxinterp.config import DataConfig
from jaxinterp.data import load
from jaxinterp.errors import InputError

ARRAYS = {
    "train_images": np.linspace(0, 1, 20).reshape(5, 4),
    "train_labels": np.arange(5),
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
        ({"train_images": np.full((5, 4), 255, np.uint8)}, "train_images: images are uint8, .* divide by 255"),
        ({"test_images": np.full((2, 4), 255.0)}, "test_images: images reach 255, above 1: divide by 255"),
        ({"train_labels": np.arange(5.0)}, "has labels of type float64: use integers"),
        ({"train_labels": np.array([None] * 5)}, "not a complete .npz file of plain arrays: write it with numpy.savez"),
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
    with pytest.raises(InputError, match=r"absent\.npz does not exist: give the path of a \.npz file"):
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
    with pytest.raises(InputError, match=r"is not a complete \.npz file of plain arrays: write it with numpy\.savez"):
        load(DataConfig(source=str(path)))
