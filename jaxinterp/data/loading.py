"""Which images does a run use? DataConfig in, NumPy arrays out: the one door from disk to the rest of the package."""

import pkgutil
from pathlib import Path

from jaxinterp.choices import DATASETS
from jaxinterp.config import DataConfig
from jaxinterp.data.datasets import Splits
from jaxinterp.data.idx import load_folder
from jaxinterp.data.npz import load_npz
from jaxinterp.data.options import apply_options
from jaxinterp.data.tfds import load_tfds
from jaxinterp.errors import InputError


def load(config: DataConfig) -> Splits:
    """Read config.source and apply config's options, in the order that `options.apply_options` gives.

    Images are float32 in [0, 1], labels int32, both NumPy arrays. MNIST comes in its original order. Raises InputError
    for an unknown source, for damaged or ill-formed data, and for options that the data cannot meet.
    """
    splits = _read(config)
    pixels, test_pixels = splits.train.images.shape[1], splits.test.images.shape[1]
    if pixels != test_pixels:
        raise InputError(
            f"{config.source} trains on images of {pixels} pixels and tests on {test_pixels}: use one size for both"
        )
    return apply_options(splits, config)


def _read(config: DataConfig) -> Splits:
    source = config.source
    path = Path(source).expanduser()
    if source in DATASETS:
        load = pkgutil.resolve_name(DATASETS[source].load)
        return load(config.data_seed) if DATASETS[source].seeded else load()
    if source.startswith("tfds:"):
        return load_tfds(source.removeprefix("tfds:"))
    if path.suffix == ".npz":
        return load_npz(path)
    if source and path.is_dir():
        return load_folder(path)
    raise InputError(
        f"there is no data source {source!r}: "
        f"use {', '.join(DATASETS)}, tfds:NAME, a .npz file or an existing folder of IDX files"
    )
