"""Which images does a run use? A DataConfig becomes NumPy arrays. All data on disk is read here."""

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
    """Read config.source and apply the config's options, in the order of `options.apply_options`.

    Images are float32 in [0, 1] and labels int32, both NumPy arrays. MNIST is in its original order. Raises InputError
    for an unknown source, for damaged or malformed data, and for options that the data does not allow.
    """
    splits = _read(config)
    pixels, test_pixels = splits.train.images.shape[1], splits.test.images.shape[1]
    if pixels != test_pixels:
        raise InputError(
            f"{config.source} has training images of {pixels} pixels and test images of {test_pixels}: use one size"
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
