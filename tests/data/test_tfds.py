import json
import re
import socket
import subprocess
import sys

import numpy as np
import pytest
from specimens import prepare_tfds as prepare

from jaxinterp.config import DataConfig
from jaxinterp.data import load
from jaxinterp.errors import InputError


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    return tmp_path


IMAGES = np.random.default_rng(0).integers(0, 256, (3, 4, 4), np.uint8)
LABELS = [7, 1, 3]


def test_a_prepared_set_is_read_without_tensorflow_or_network(root, monkeypatch):
    prepare(root, IMAGES, LABELS)
    calls = []
    for method in ("connect", "sendto"):
        monkeypatch.setattr(socket.socket, method, lambda *args: calls.append(args))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: calls.append(args))
    train, validation, test = load(DataConfig(source="tfds:tiny"))
    for data in (train, test):
        np.testing.assert_allclose(data.images, IMAGES.reshape(3, 16) / 255, rtol=1e-6)
        np.testing.assert_array_equal(data.labels, LABELS)
        assert data.images.dtype == np.float32 and data.labels.dtype == np.int32
    assert validation.images.shape == (0, 16)
    assert "tensorflow" not in sys.modules
    assert not calls


def test_reading_prints_nothing(root, tmp_path):
    prepare(root, IMAGES, LABELS)
    program = "from jaxinterp import data; from jaxinterp.config import DataConfig; data.load(DataConfig('tfds:tiny'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_the_newest_version_is_read_unless_one_is_named(root):
    prepare(root, IMAGES, LABELS, version="9.0.0")
    prepare(root, IMAGES[:2], LABELS[:2], version="10.0.0")
    assert len(load(DataConfig(source="tfds:tiny")).train.labels) == 2
    assert len(load(DataConfig(source="tfds:tiny:9.0.0")).train.labels) == 3


def test_a_set_that_is_not_there_is_refused_at_once_with_the_command(root):
    message = (
        f"tfds:mnist is not prepared as array_record in {root}: "
        f"run `tfds build mnist --file_format=array_record --data_dir={root}` (needs TensorFlow)"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        load(DataConfig(source="tfds:mnist"))


def test_the_usual_folder_is_searched_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match=re.escape(f"array_record in {tmp_path / 'tensorflow_datasets'}:")):
        load(DataConfig(source="tfds:mnist"))


@pytest.mark.parametrize("name", ["", ":1.0.0", "tiny:2.0.0"])
def test_only_the_named_set_is_read(root, name):
    prepare(root, IMAGES, LABELS)
    with pytest.raises(InputError, match=f"tfds:{name} is not prepared as array_record"):
        load(DataConfig(source=f"tfds:{name}"))


def test_another_file_format_is_refused(root):
    prepare(root, IMAGES, LABELS, file_format="tfrecord")
    with pytest.raises(InputError, match="tfds:tiny is not prepared as array_record"):
        load(DataConfig(source="tfds:tiny"))


def test_train_and_test_are_needed(root):
    prepare(root, IMAGES, LABELS, splits=("train", "extra"))
    with pytest.raises(InputError, match="tfds:tiny has the splits extra, train: it needs train and test"):
        load(DataConfig(source="tfds:tiny"))


def test_image_and_label_are_needed(root):
    import tensorflow_datasets as tfds

    prepare(root, IMAGES, LABELS, features={"picture": tfds.features.Image(shape=(4, 4, 1))})
    with pytest.raises(InputError, match="tfds:tiny train has the features picture: it needs image and label"):
        load(DataConfig(source="tfds:tiny"))


def test_colour_is_kept(root):
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    prepare(root, images, [0, 1])
    test = load(DataConfig(source="tfds:tiny")).test
    assert test.shape == (4, 5, 3)
    np.testing.assert_allclose(test.images, images.reshape(2, 60) / 255, rtol=1e-6)


def test_images_of_several_sizes_are_refused(root):
    prepare(root, [np.zeros((4, 4), np.uint8), np.zeros((5, 5), np.uint8)], [0, 1])
    with pytest.raises(InputError, match="tfds:tiny train has images of 2 different shapes: use a set whose images"):
        load(DataConfig(source="tfds:tiny"))


@pytest.mark.parametrize("key", ["pythonClassName", "python_class_name", "type"])
@pytest.mark.parametrize("as_text", [False, True])
def test_nothing_is_imported_that_a_folder_names(root, monkeypatch, key, as_text):
    prepare(root, IMAGES, LABELS)
    (root / "planted.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(root)
    path = root / "tiny/1.0.0/features.json"
    features = json.loads(path.read_text())
    hostile = {key: "planted.Feature", "content": {}, "jsonFeature": {"json": "{}"}}
    value = {"jsonFeature": {"json": json.dumps({"feature": hostile})}} if as_text else hostile
    features["featuresDict"]["features"]["image"] = value
    path.write_text(json.dumps(features))
    with pytest.raises(InputError, match=r"features\.json names planted\.Feature, which is not a feature of TFDS"):
        load(DataConfig(source="tfds:tiny"))
    assert "planted" not in sys.modules


@pytest.mark.parametrize(
    "name", ["../tiny", "tiny/../tiny", "/tiny", "tiny:*", "tiny:1.0.*", "ti\0ny", "tiny:1.0.0/.."]
)
def test_a_name_stays_in_the_folder_of_sets(root, name):
    prepare(root, IMAGES, LABELS)
    with pytest.raises(InputError, match="is not prepared as array_record"):
        load(DataConfig(source=f"tfds:{name}"))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("dataset_info.json", b"{"),
        ("dataset_info.json", b"[]"),
        ("dataset_info.json", b'{"fileFormat": "array_record"}'),
        ("dataset_info.json", b'{"fileFormat": "array_record", "version": "one"}'),
        ("dataset_info.json", 100_000 * b"["),
        ("dataset_info.json", b"\xff"),
        ("features.json", b"{"),
        ("features.json", b"{}"),
        ("features.json", 100_000 * b"["),
        ("features.json", b"\xff"),
        ("tiny-train.array_record-00000-of-00001", b""),
        ("tiny-train.array_record-00000-of-00001", 100_000 * b"\xff"),
    ],
)
def test_a_damaged_set_is_refused(root, file, content):
    prepare(root, IMAGES, LABELS)
    (root / "tiny/1.0.0" / file).write_bytes(content)
    with pytest.raises(InputError, match=r"tiny/1\.0\.0.* (is damaged|cannot be read).*: prepare the set again"):
        load(DataConfig(source="tfds:tiny"))


def test_a_set_has_a_limit(root, monkeypatch):
    prepare(root, IMAGES, LABELS)
    monkeypatch.setattr("jaxinterp.data.tfds.MAX_BYTES", IMAGES.nbytes - 1)
    with pytest.raises(InputError, match="tfds:tiny train has more bytes of images than the limit"):
        load(DataConfig(source="tfds:tiny"))


@pytest.mark.parametrize("count", ["2", "4", "30"])
def test_a_description_of_another_number_of_examples_is_refused(root, count):
    prepare(root, IMAGES, LABELS)
    path = root / "tiny/1.0.0/dataset_info.json"
    info = json.loads(path.read_text())
    info["splits"][1]["shardLengths"] = [count]
    path.write_text(json.dumps(info))
    with pytest.raises(InputError, match=f"tfds:tiny test has files of 3 examples but says that it has {count}"):
        load(DataConfig(source="tfds:tiny"))
