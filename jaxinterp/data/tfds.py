"""How is a prepared TensorFlow Datasets set read? From disk, in array_record format, without TensorFlow."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from jaxinterp.data.datasets import Dataset, Splits, as_dataset, empty_like, scale_bytes
from jaxinterp.errors import InputError


def load_tfds(name: str) -> Splits:
    """The train and test splits of a prepared set, in its stored (shuffled) order; no validation images.

    `name` is NAME or NAME/CONFIG, with :VERSION if it is not the newest. The set lies in the folder of the environment
    variable TFDS_DATA_DIR, by default ~/tensorflow_datasets. Nothing is downloaded. Raises InputError where the set is
    missing, with the command that prepares it, and where its images are not bytes of one channel.
    """
    folder = _prepared_folder(name)
    import tensorflow_datasets as tfds  # here, because it takes most of a second

    # A builder made from the folder neither runs the set's own code nor accesses the internet.
    sources: Any = tfds.builder_from_directory(folder).as_data_source()
    if not {"train", "test"} <= sources.keys():
        raise InputError(f"tfds:{name} has the splits {', '.join(sorted(sources))}: it needs train and test")
    train, test = (_read(sources[split], f"tfds:{name} {split}") for split in ("train", "test"))
    return Splits(train, empty_like(train), test)


def _prepared_folder(name: str) -> Path:
    base, _, version = name.partition(":")
    root = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    command = f"tfds build {base} --file_format=array_record --data_dir={root}"
    versions = {}
    for path in (root / base).glob(f"{version or '*'}/dataset_info.json"):
        info = json.loads(path.read_text())
        if "array_record" in (info.get("fileFormat"), *info.get("alternativeFileFormats", ())):
            versions[tuple(int(part) for part in info["version"].split("."))] = path.parent
    if not base or not versions:
        raise InputError(f"tfds:{name} is not prepared as array_record in {root}: run `{command}` (needs TensorFlow)")
    return versions[max(versions)]


def _read(source: Any, name: str) -> Dataset:
    examples = list(source)
    if not examples:
        raise InputError(f"{name} has no examples: prepare the set again")
    if not {"image", "label"} <= examples[0].keys():
        raise InputError(f"{name} has the features {', '.join(sorted(examples[0]))}: it needs image and label")
    if len(shapes := {example["image"].shape for example in examples}) > 1:
        raise InputError(f"{name} has images of {len(shapes)} different shapes: use a set whose images have one shape")
    images = np.stack([example["image"] for example in examples])
    if images.dtype != np.uint8:
        raise InputError(f"{name} has images of type {images.dtype}: use a set whose images are bytes (uint8)")
    return as_dataset(scale_bytes(images), np.array([example["label"] for example in examples]), name)
