import gzip
import re
import shutil
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp.config import DataConfig
from jaxinterp.data import load
from jaxinterp.data.idx import altered, read_idx, shipped, write_idx
from jaxinterp.errors import InputError


def write_folder(folder, *, dot="-", suffix=".gz", images=5, side=3):
    rng = np.random.default_rng(0)
    arrays = {}
    for stem, count in (("train", images), ("t10k", 2)):
        arrays[stem] = rng.integers(0, 256, (count, side, side), np.uint8), np.arange(count, dtype=np.uint8) % 2
        write_idx(folder / f"{stem}-images{dot}idx3-ubyte{suffix}", arrays[stem][0])
        write_idx(folder / f"{stem}-labels{dot}idx1-ubyte{suffix}", arrays[stem][1])
    return arrays


def test_shipped_mnist_is_the_original_and_damage_to_it_is_seen(tmp_path):
    folder = shutil.copytree(str(shipped()), tmp_path / "mnist")
    assert altered(folder) == []
    labels = folder / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(gzip.decompress(labels.read_bytes())[:-1] + b"\x07"))
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"cat")
    assert altered(folder) == ["train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]


@given(
    array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0)),
    suffix=st.sampled_from(["", ".gz"]),
)
def test_what_is_written_is_read(tmp_path_factory, array, suffix):
    path = tmp_path_factory.getbasetemp() / f"round-trip{suffix}"
    write_idx(path, array)
    np.testing.assert_array_equal(read_idx(path), array)


@pytest.mark.parametrize("dot", ["-", "."])
@pytest.mark.parametrize("suffix", [".gz", ""])
def test_a_folder_is_read_under_every_usual_name(tmp_path, dot, suffix):
    arrays = write_folder(tmp_path, dot=dot, suffix=suffix)
    train, validation, test = load(DataConfig(source=str(tmp_path)))
    for data, (images, labels) in ((train, arrays["train"]), (test, arrays["t10k"])):
        np.testing.assert_allclose(data.images, images.reshape(len(images), -1) / 255, rtol=1e-6)
        np.testing.assert_array_equal(data.labels, labels)
    assert validation.images.shape == (0, 9) and validation.labels.shape == (0,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with nothing: an IDX file of bytes starts with 000008"),
        (b"\x89PNG....", "starts with 89504e47: an IDX file of bytes starts with 000008"),
        (b"\0\0\x0d\1" + bytes(4), "starts with 00000d01: an IDX file of bytes starts with 000008"),
        (b"\0\0\x08\3" + bytes(4), "ends inside its header: download it again"),
        (b"\0\0\x08\1\0\0\0\5abc", "contains 3 bytes but its header says 5: download it again"),
        (b"\0\0\x08\1\0\0\0\2abc", "contains more than the 2 bytes of its header: download it again"),
        (
            gzip.compress(b"\0\0\x08\1\0\0\0\2abc", mtime=0),
            "contains more than the 2 bytes of its header: download it again",
        ),
        (gzip.compress(b"\0\0\x08\1\0\0\0\2ab", mtime=0) + b"more", "is a damaged gzip file"),
        (b"\0\0\x08\x41" + 65 * b"\0\0\0\1" + b"x", "says that it has 65 axes: IDX files of images have 3"),
        (
            b"\0\0\x08\4" + bytes(4) + 12 * b"\xff",
            "says that it holds 0 × 4294967295 × 4294967295 × 4294967295 bytes, which is more than the limit",
        ),
        (b"\0\0\x08\1\x3f\xff\xff\xff", "contains 0 bytes but its header says 1073741823: download it again"),
        (b"\0\0\x08\1\x40\0\0\1", "says that it holds 1073741825 bytes, which is more than the limit of 1024 MiB"),
        (gzip.compress(b"\0\0\x08\1\0\0\0\5abcde", mtime=0)[:-9], "is a damaged gzip file"),
        (b"\x1f\x8bnothing", "is a damaged gzip file"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f"{path} {message}")):
        read_idx(path)


def test_no_more_is_unpacked_than_the_header_says(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"\0\0\x08\1\0\0\0\5" + bytes(2**26), 1, mtime=0))
    tracemalloc.start()
    with pytest.raises(InputError, match="contains more than the 5 bytes of its header"):
        read_idx(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**22


def test_a_missing_file_is_named(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"has no t10k-labels-idx1-ubyte\.gz: a folder of IDX files has train-images"):
        load(DataConfig(source=str(tmp_path)))


def test_images_and_labels_must_be_as_many(tmp_path):
    write_folder(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.zeros(4, np.uint8))
    with pytest.raises(InputError, match=r"train-images.* has 5 images but labels of shape \(4,\)"):
        load(DataConfig(source=str(tmp_path)))


def test_training_needs_images(tmp_path):
    write_folder(tmp_path, images=0)
    with pytest.raises(InputError, match="there are no training images: use a source with training images"):
        load(DataConfig(source=str(tmp_path)))


def test_both_splits_need_one_size(tmp_path):
    write_folder(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(InputError, match="has training images of 3 × 3 pixels and test images of 4 × 4: use one"):
        load(DataConfig(source=str(tmp_path)))


def test_emnist_is_read_under_its_own_names_with_labels_from_1(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (26, 3, 3), np.uint8)
    for split in ("train", "test"):
        write_idx(tmp_path / f"emnist-letters-{split}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"emnist-letters-{split}-labels-idx1-ubyte.gz", np.arange(1, 27, dtype=np.uint8))
    splits = load(DataConfig(str(tmp_path), label_offset=1))
    for data in (splits.train, splits.test):
        np.testing.assert_array_equal(data.labels, np.arange(26))
        np.testing.assert_allclose(data.images, images.reshape(26, 9) / 255, rtol=1e-6)
    np.testing.assert_array_equal(load(DataConfig(str(tmp_path))).test.labels, np.arange(1, 27))
    (tmp_path / "emnist-letters-test-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"has no emnist-letters-test-labels-idx1-ubyte\.gz"):
        load(DataConfig(str(tmp_path)))


def test_several_sets_in_one_folder_are_not_chosen_between(tmp_path):
    for prefix in ("emnist-letters-", "emnist-\x1b[31mdigits-"):
        write_idx(tmp_path / f"{prefix}train-images-idx3-ubyte", np.zeros((1, 2, 2), np.uint8))
    with pytest.raises(InputError, match=r"holds 2 data sets \(emnist-\\x1b\[31mdigits-, emnist-letters-\): give each"):
        load(DataConfig(str(tmp_path)))
