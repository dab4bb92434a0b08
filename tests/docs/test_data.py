"""Every data set that docs/data.md names is read by its line, from tiny files in the layout of its source."""

import bz2
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from specimens import prepare_tfds
from support import documents

from jaxinterp import data
from jaxinterp.cli.commands import Train
from jaxinterp.cli.shell import parse
from jaxinterp.data.idx import write_idx

DOCUMENT = documents.ROOT / "docs" / "data.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
LINES = dict(re.findall(r"^\| (\w.*) \| `(--.*)` \|$", TEXT, re.MULTILINE))
RNG = np.random.default_rng(0)
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
GREY, COLOUR = RNG.integers(0, 256, (26, 28, 28), np.uint8), RNG.integers(0, 256, (10, 32, 32, 3), np.uint8)
TEN, LETTER_LABELS = np.arange(10, dtype=np.uint8), np.arange(1, 27, dtype=np.uint8)


def upside(images):
    return images.swapaxes(1, 2)


def write_tfds(folder, name, images, labels, names=None):
    import tensorflow_datasets as tfds

    features = {
        "image": tfds.features.Image(shape=(*images.shape[1:], 1)[:3]),
        "label": tfds.features.ClassLabel(names=names) if names else tfds.features.ClassLabel(num_classes=37),
    }
    prepare_tfds(folder, images, labels.tolist(), name=name, features=features)


def write_folder(folder: Path, images, labels, prefix=""):
    folder.mkdir()
    for split in ("train", "t10k" if not prefix else "test"):
        write_idx(folder / f"{prefix}{split}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{prefix}{split}-labels-idx1-ubyte.gz", labels)


def write_emnist(folder):
    write_folder(folder / "emnist-letters", upside(GREY), LETTER_LABELS, prefix="emnist-letters-")
    codes = [f"{label} {64 + label} {96 + label}" for label in LETTER_LABELS.tolist()]
    (folder / "emnist-letters" / "emnist-letters-mapping.txt").write_text("\n".join(codes) + "\n")


def write_usps(folder):
    pixels = GREY[:10, :16, :16].reshape(10, 256) / 127.5 - 1
    for name in ("usps.bz2", "usps.t.bz2"):
        rows = [
            f"{label + 1} {' '.join(f'{place + 1}:{value!r}' for place, value in enumerate(row))}"
            for label, row in enumerate(pixels.tolist())
        ]
        (folder / name).write_bytes(bz2.compress("\n".join(rows).encode()))


def write_cifar(folder):
    folder = folder / "cifar-10-batches-bin"
    folder.mkdir()
    planes = np.moveaxis(COLOUR, -1, 1).reshape(10, -1)  # all red, then all green, then all blue pixels
    records = np.concatenate([TEN[:, None], planes], axis=1)
    for number, batch in enumerate(np.array_split(records, 5), start=1):
        (folder / f"data_batch_{number}.bin").write_bytes(batch.tobytes())
    (folder / "test_batch.bin").write_bytes(records.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(OBJECTS) + "\n\n")


# What writes a source's files, and the images (bytes), labels and names that are to come out.
SOURCES = {
    "Fashion-MNIST, TFDS": (
        lambda folder: write_tfds(folder, "fashion_mnist", GREY[:10], TEN, list(FASHION)),
        (GREY[:10], TEN, FASHION),
    ),
    "Fashion-MNIST, IDX": (
        lambda folder: write_folder(folder / "fashion-mnist", GREY[:10], TEN),
        (GREY[:10], TEN, FASHION),
    ),
    "KMNIST, TFDS": (
        lambda folder: write_tfds(folder, "kmnist", GREY[:10], TEN, list(KUZUSHIJI)),
        (GREY[:10], TEN, KUZUSHIJI),
    ),
    "KMNIST, IDX": (lambda folder: write_folder(folder / "kmnist", GREY[:10], TEN), (GREY[:10], TEN, ())),
    "EMNIST's letters, TFDS": (
        lambda folder: write_tfds(folder, "emnist/letters", upside(GREY), LETTER_LABELS),
        (GREY, LETTER_LABELS - 1, LETTERS),
    ),
    "EMNIST's letters, IDX": (write_emnist, (GREY, LETTER_LABELS - 1, LETTERS)),
    "USPS": (write_usps, (GREY[:10, :16, :16], TEN, ())),
    "scikit-learn's digits": (
        lambda folder: None,
        (load_digits().images[1400:] * 255 / 16, load_digits().target[1400:], ()),
    ),
    "CIFAR-10, TFDS": (
        lambda folder: write_tfds(folder, "cifar10", COLOUR, TEN, list(OBJECTS)),
        (COLOUR, TEN, OBJECTS),
    ),
    "CIFAR-10, binary files": (write_cifar, (COLOUR, TEN, OBJECTS)),
}


def preparing(options: str) -> list[str]:
    """The document's programs that write files of a source, those of its folder or of its .npz file."""
    programs = [block.text for block in documents.blocks(DOCUMENT) if block.language == "python"]
    source = options.split()[1]
    return [text for text in programs if f'"{source}/class_names.txt"' in text or f'"{source}"' in text]


def test_every_line_is_tested():
    assert list(LINES) == list(SOURCES)
    used = [text for options in LINES.values() for text in preparing(options)]
    assert len(used) == len([block for block in documents.blocks(DOCUMENT) if block.language == "python"]) == 5


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_read_as_its_line_says(name, tmp_path, monkeypatch):
    write, (images, labels, names) = SOURCES[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    write(tmp_path)
    for program in preparing(LINES[name]):
        exec(compile(program, "data.md", "exec"), {})
    splits = data.load(parse(Train, LINES[name].split()).data)
    shape = (*images.shape[1:], 1)[:3]
    assert splits.test.shape == splits.train.shape == shape and splits.test.class_names == names
    np.testing.assert_allclose(splits.test.images.reshape(-1, *shape), images.reshape(-1, *shape) / 255, atol=1e-6)
    np.testing.assert_array_equal(splits.test.labels, labels)
    assert splits.test.images.shape[1] == np.prod(shape)
