import os
import random
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxinterp.config import DataConfig
from jaxinterp.data import load, strokes, xor
from jaxinterp.data.idx import write_idx
from jaxinterp.errors import InputError


def test_mnist_is_whole_and_in_its_original_order(mnist):
    assert mnist.train.images.shape == (60_000, 784)
    assert mnist.validation.images.shape == (0, 784)
    assert mnist.test.images.shape == (10_000, 784)
    assert mnist.train.images.dtype == np.float32 and mnist.train.labels.dtype == np.int32
    assert mnist.train.images.min() == 0 and mnist.train.images.max() == 1
    np.testing.assert_array_equal(mnist.train.labels[:10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    np.testing.assert_array_equal(mnist.test.labels[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])


def test_mnist_has_its_known_mean_and_spread(mnist):
    assert round(float(mnist.train.images.mean(dtype=np.float64)), 4) == 0.1307
    assert round(float(mnist.train.images.std(dtype=np.float64)), 4) == 0.3081


def test_toys_are_sources():
    for loaded, made in (
        (load(DataConfig(source="xor")), xor()),
        (load(DataConfig("strokes", data_seed=3)), strokes(3)[0]),
    ):
        for a, b in zip(loaded, made, strict=True):
            np.testing.assert_array_equal(a.images, b.images)
            np.testing.assert_array_equal(a.labels, b.labels)


@pytest.mark.parametrize("source", ["minst", "", "/no/such/folder"])
def test_an_unknown_source_lists_what_exists(source):
    message = (
        f"there is no data source {source!r}{' (did you mean mnist?)' * (source == 'minst')}: "
        "use mnist, xor, strokes, tfds:NAME, a .npz file or an existing folder of IDX files"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        load(DataConfig(source=source))


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def save(path, train, test, **more):
    labels = {"y_train": np.arange(len(train)) % 2, "y_test": np.arange(len(test)) % 2}
    np.savez(path, x_train=train, x_test=test, **labels | more)
    return DataConfig(str(path))


@pytest.mark.parametrize(
    ("train", "test"),
    [
        *[((8, 32), (16, 16)), ((8, 32), (32, 8)), ((8, 32), (1, 255)), ((28, 28), (14, 14)), ((2, 3), (3, 2))],
        *[((8, 8, 3), (8, 8)), ((8, 8, 3), (8, 7, 3))],
    ],
)
def test_shapes_that_contradict_each_other_are_refused(tmp_path, train, test):
    sizes = (" × ".join(map(str, shape)) for shape in (train, test))
    message = "has training images of {} pixels and test images of {}: use one size".format(*sizes)
    with pytest.raises(InputError, match=re.escape(message)):
        load(save(tmp_path / "d.npz", np.zeros((4, *train), "f4"), np.zeros((4, *test), "f4")))


@pytest.mark.parametrize("flat", ["train", "test"])
@pytest.mark.parametrize("shape", [(3, 5), (4, 5, 3)])
def test_flat_images_have_the_shape_of_the_others(tmp_path, flat, shape):
    images = {name: np.random.default_rng(0).uniform(size=(4, *shape)).astype("f4") for name in ("train", "test")}
    config = save(tmp_path / "d.npz", **images)
    expected = load(DataConfig(config.source, crop=3))
    save(tmp_path / "d.npz", **images | {flat: images[flat].reshape(4, -1)})
    assert equal(load(DataConfig(config.source, crop=3)), expected)


@pytest.mark.parametrize(
    "name", ["no-such-user", "~no-such-user/data", "~no-such-user/d.npz", "\0", "\0.npz", "a" * 5000]
)
def test_a_path_that_cannot_be_is_refused(name):
    with pytest.raises(InputError, match=r"there is no data source|no file|cannot be read \(File name too long\)"):
        load(DataConfig(name))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_named(tmp_path):
    config = save(tmp_path / "d.npz", np.zeros((4, 4), "f4"), np.zeros((4, 4), "f4"))
    (tmp_path / "d.npz").chmod(0)
    with pytest.raises(InputError, match=r"d\.npz cannot be read \(Permission denied\)"):
        load(config)


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied", "/x/y"), OSError("the disk"), MemoryError()]
)
def test_failures_to_read_are_told_in_a_line(monkeypatch, error):
    def fail(path):
        raise error

    monkeypatch.setattr("jaxinterp.data.loading.load_npz", fail)
    with pytest.raises(
        InputError, match=r"(/x/y|d\.npz) (cannot be read \(.*\)|does not fit into .* memory): (give|use)"
    ):
        load(DataConfig("d.npz"))


# One change of a file, at a place drawn by a random.Random: what disks and networks do, and what attackers try first.
DAMAGE = {
    "flip": lambda r, b, i: b[:i] + bytes([b[i] ^ 1 << r.randrange(8)]) + b[i + 1 :],
    "cut": lambda r, b, i: b[:i],
    "lose": lambda r, b, i: b[:i] + b[i + r.randrange(1, 9) :],
    "insert": lambda r, b, i: b[:i] + r.randbytes(r.randrange(1, 9)) + b[i:],
    "maximum": lambda r, b, i: b[:i] + b"\xff\xff\xff\xff" + b[i + 4 :],
    "append": lambda r, b, i: b + r.randbytes(r.randrange(1, 40)),
}
IDX_HEADER = {"images": 16, "labels": 8}  # bytes; in a file that is not compressed, nothing protects the rest


def data_files(folder: Path, kind: str) -> tuple[DataConfig, dict[Path, int]]:
    """A small data set, and how many bytes of each of its files are protected."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (6, 3, 3), np.uint8), np.arange(6, dtype=np.uint8) % 2
    if kind.startswith("npz"):
        write = np.savez if kind == "npz" else np.savez_compressed
        write(folder / "d.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
        return DataConfig(str(folder / "d.npz")), {folder / "d.npz": (folder / "d.npz").stat().st_size}
    suffix = ".gz" if kind == "gz" else ""
    protected = {}
    for split in ("train", "t10k"):
        for part, array in (("images", images), ("labels", labels)):
            path = folder / f"{split}-{part}-idx{array.ndim}-ubyte{suffix}"
            write_idx(path, array)
            protected[path] = path.stat().st_size if suffix else IDX_HEADER[part]
    return DataConfig(str(folder)), protected


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", ["npz", "npz compressed", "gz", "idx"])
def test_a_damaged_file_gives_one_line_or_the_same_data(tmp_path, kind, damage):
    config, protected = data_files(tmp_path, kind)
    expected, refused = load(config), 0
    for path, size in protected.items():
        content = path.read_bytes()
        for seed in range(40 // len(protected)):
            draw = random.Random(seed)
            path.write_bytes(DAMAGE[damage](draw, content, draw.randrange(size)))
            try:
                assert equal(load(config), expected)
            except InputError as error:
                refused += 1
                assert str(error).isprintable()
        path.write_bytes(content)
    assert refused or (kind[:3], damage) == ("npz", "append")  # zip allows for text after the archive
    assert equal(load(config), expected)
    assert set(tmp_path.iterdir()) == set(protected)
