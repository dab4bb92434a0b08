"""How is a prepared TensorFlow Datasets set read? From disk, in array_record format, without TensorFlow."""

import contextlib
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxinterp.data.class_names import EMNIST, named
from jaxinterp.data.datasets import Dataset, Splits, as_dataset, empty_like
from jaxinterp.data.streams import LIMIT, MAX_BYTES
from jaxinterp.errors import InputError

_NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*(:\d+\.\d+\.\d+)?")
_FEATURE = re.compile(r"tensorflow_datasets\.core\.features\.\w+\.\w+")
_TRANSPOSED = "emnist/"  # stored with rows and columns swapped
_CLASS_KEYS = ("pythonClassName", "python_class_name", "type")


def load_tfds(name: str) -> Splits:
    """The train and test splits of a prepared set, in its stored (shuffled) order; no validation images.

    `name` is NAME or NAME/CONFIG, with :VERSION if it is not the newest. The set lies in the folder of the environment
    variable TFDS_DATA_DIR, by default ~/tensorflow_datasets. Labels have the names that the set gives them. EMNIST's
    images, which are stored transposed, are put upright. Nothing is downloaded, and nothing is imported but TFDS's own
    features. Raises InputError where the set is missing, with the command that prepares it, where it is damaged, and
    where its images are not bytes of one or three channels.
    """
    folder = _prepared_folder(name)
    try:
        _check_features(folder / "features.json")
        with _without_advice():
            train, test, names = _read_splits(folder, name)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # TFDS and its readers raise many kinds of errors about bytes
        line = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{folder} cannot be read ({line}): prepare the set again") from error
    return named(Splits(train, empty_like(train), test), names, f"tfds:{name}")


@contextlib.contextmanager
def _without_advice():
    """Nothing is printed: TFDS advises to install OpenCV and TensorFlow, which are not needed here."""
    from absl import logging  # comes with TFDS

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)


def _read_splits(folder: Path, name: str) -> tuple[Dataset, Dataset, Sequence[str]]:
    """Training and test images, and the names of the classes, as far as the set has them."""
    import tensorflow_datasets as tfds  # here, because it takes most of a second

    # A builder made from the folder neither runs the set's own code nor accesses the internet.
    builder: Any = tfds.builder_from_directory(folder)
    sources = builder.as_data_source()
    if not {"train", "test"} <= sources.keys():
        raise InputError(f"tfds:{name} has the splits {', '.join(sorted(sources))}: it needs train and test")
    for split in ("train", "test"):
        _check_complete(builder.info.splits[split], f"tfds:{name} {split}")
    transposed = name.startswith(_TRANSPOSED)
    train, test = (_read(sources[split], f"tfds:{name} {split}", transposed) for split in ("train", "test"))
    names = EMNIST.get(name.partition(":")[0]) or getattr(builder.info.features["label"], "names", None)
    return train, test, names or ()


def _prepared_folder(name: str) -> Path:
    base, _, version = name.partition(":")
    folder = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    root = Path(os.path.expanduser(folder))  # unlike Path.expanduser, it allows for users without a home directory
    command = f"tfds build {base} --file_format=array_record --data_dir={root}"
    versions = {}
    for path in (root / base).glob(f"{version or '*'}/dataset_info.json") if _NAME.fullmatch(name) else ():
        try:
            info = json.loads(path.read_text())
            if "array_record" in (info.get("fileFormat"), *info.get("alternativeFileFormats", ())):
                versions[tuple(int(part) for part in info["version"].split("."))] = path.parent
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(f"{path} is damaged: prepare the set again, with `{command}`") from None
    if not versions:
        raise InputError(f"tfds:{name} is not prepared as array_record in {root}: run `{command}` (needs TensorFlow)")
    return versions[max(versions)]


def _check_features(path: Path) -> None:
    """Raise InputError where the set's features name a class outside TFDS, whose module TFDS would import."""
    for name in _class_names(json.loads(path.read_text())):
        if not _FEATURE.fullmatch(name):
            raise InputError(
                f"{path} names {name}, which is not a feature of TFDS: only TFDS's own code may be imported"
            )


def _class_names(value: Any) -> list[str]:
    """All names of classes in JSON, and in JSON that it holds as text."""
    if isinstance(value, list):
        return [name for part in value for name in _class_names(part)]
    if not isinstance(value, dict):
        return []
    names = [str(value[key]) for key in _CLASS_KEYS if isinstance(value.get(key), str)]
    parts = [json.loads(part) if key == "json" and isinstance(part, str) else part for key, part in value.items()]
    return names + _class_names(parts)


def _check_complete(split: Any, name: str) -> None:
    """Raise InputError unless the split's files hold as many examples as its description says."""
    from array_record.python.array_record_module import ArrayRecordReader

    stored = 0
    for path in split.filepaths:
        reader = ArrayRecordReader(str(path))
        stored += reader.num_records()
        reader.close()
    if stored != split.num_examples:
        raise InputError(
            f"{name} has files of {stored} examples but says that it has {split.num_examples}: prepare the set again"
        )


def _read(source: Any, name: str, transposed: bool) -> Dataset:
    images, labels, size = [], [], 0
    for example in source:
        if not {"image", "label"} <= example.keys():
            raise InputError(f"{name} has the features {', '.join(sorted(example))}: it needs image and label")
        images.append(np.asarray(example["image"]))
        labels.append(example["label"])
        if (size := size + images[-1].nbytes) > MAX_BYTES:
            raise InputError(f"{name} has more bytes of images than {LIMIT}")
    if not images:
        raise InputError(f"{name} has no examples: prepare the set again")
    if len(shapes := {image.shape for image in images}) > 1:
        raise InputError(f"{name} has images of {len(shapes)} different shapes: use a set whose images have one shape")
    stacked = np.stack(images)
    return as_dataset(stacked.swapaxes(1, 2) if transposed else stacked, np.array(labels), name)
