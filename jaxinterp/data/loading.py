"""Which images does a run use? A DataConfig becomes NumPy arrays. All data on disk is read here."""

import contextlib
import math
import pkgutil
from pathlib import Path

from jaxinterp.choices import DATASETS
from jaxinterp.config import DataConfig, check_types
from jaxinterp.data.datasets import Splits, size_text
from jaxinterp.data.idx import load_folder
from jaxinterp.data.npz import load_npz
from jaxinterp.data.options import apply_options
from jaxinterp.data.tfds import load_tfds
from jaxinterp.errors import InputError
from jaxinterp.text import suggestion


def load(config: DataConfig) -> Splits:
    """Read config.source and apply the config's options, in the order of `options.apply_options`.

    Images are float32 in [0, 1] and labels int32, both NumPy arrays. MNIST is in its original order. Raises InputError
    for an unknown source, for damaged or malformed data, and for options that the data does not allow.
    """
    check_types(config)
    try:
        return apply_options(_in_one_shape(_read(config), config.source), config)
    except OSError as error:
        place = error.filename or config.source
        raise InputError(f"{place} cannot be read ({error.strerror or error}): give files that can be read") from None
    except MemoryError:
        raise InputError(f"{config.source} does not fit into this machine's memory: use fewer images") from None


def _in_one_shape(splits: Splits, source: str) -> Splits:
    """All images with the rows and columns of those that have them. Raises InputError where two shapes contradict."""
    shape = max((data.shape for data in splits), key=lambda shape: shape[0])  # flat ones that are no squares have 1 row
    if any(data.shape not in (shape, (1, math.prod(shape), 1)) for data in splits):
        raise InputError(
            f"{source} has training images of {size_text(splits.train.shape)} pixels and test images of "
            f"{size_text(splits.test.shape)}: use one size"
        )
    return Splits(*(data.replace(shape=shape) for data in splits))


def _read(config: DataConfig) -> Splits:
    source = config.source
    if source in DATASETS:
        load = pkgutil.resolve_name(DATASETS[source].load)
        return load(config.data_seed) if DATASETS[source].seeded else load()
    if source.startswith("tfds:"):
        return load_tfds(source.removeprefix("tfds:"))
    path = Path(source)
    with contextlib.suppress(RuntimeError):  # there is no such home directory
        path = path.expanduser()
    if path.suffix == ".npz":
        return load_npz(path)
    if source and path.is_dir():
        return load_folder(path)
    raise InputError(
        f"there is no data source {source!r}{suggestion(source, DATASETS)}: "
        f"use {', '.join(DATASETS)}, tfds:NAME, a .npz file or an existing folder of IDX files"
    )
