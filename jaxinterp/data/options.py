"""How are the images changed before training? Each option of DataConfig, in one fixed order."""

import math
import warnings
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxinterp import machine
from jaxinterp.config import DataConfig
from jaxinterp.data.datasets import Dataset, Splits, image_shape, size_text
from jaxinterp.errors import InputError, InputWarning

_DRAWS = ("validation_share", "train_size", "permute_pixels", "shuffle_labels")
_MOST_NAMES = 30  # of classes in a message


def apply_options(splits: Splits, config: DataConfig) -> Splits:
    """Apply the options in order: classes, positive, label_offset, transpose, crop, resize, validation_share,
    train_size, pixels, labels. Names of classes follow their labels.

    - `classes` and `positive` are labels of the source.
    - Validation images are held out before `train_size` draws from the rest. They are therefore the same for every
      training size, and a larger draw contains every smaller one. Both keep the order of the source.
    - `shuffle_labels` shuffles the training labels only, and keeps the frequency of each class. Validation and test
      labels stay correct, so their accuracies are comparable with those of other runs.
    - Every draw has its own random stream of `data_seed`: switching one option on does not change the other draws.

    Raises InputError for a value that the data does not allow, and without training or test images. Warns, with an
    InputWarning, of classes without test images.
    """
    if config.data_seed < 0:
        raise InputError(f"data_seed is {config.data_seed}: use 0 or more")
    for name, data in (("training", splits.train), ("test", splits.test)):
        if not len(data.labels):
            raise InputError(f"there are no {name} images: use a source with {name} images")
    splits = _select_classes(splits, config.classes)
    _check_tested(splits)
    if config.positive is not None:
        splits = _one_against_rest(splits, config.positive)
    else:
        splits = _shift_labels(splits, config.label_offset)
    if config.transpose:
        splits = _map_grids(lambda images: images.swapaxes(1, 2), splits)
    if config.crop is not None or config.resize is not None:
        splits = _map_grids(lambda images: _resize(_crop(images, config.crop), config.resize), splits)
    if config.validation_share != 0:
        splits = _hold_out(splits, config)
    if config.train_size is not None:
        splits = splits._replace(train=_draw(splits.train, config.train_size, _rng(config, "train_size")))
    if config.permute_pixels:
        order = pixel_permutation(config, splits.train.images.shape[1])
        splits = Splits(*(data.replace(images=data.images[:, order]) for data in splits))
    if config.shuffle_labels:
        shuffled = _rng(config, "shuffle_labels").permutation(splits.train.labels)
        splits = splits._replace(train=splits.train.replace(labels=shuffled))
    return splits


def pixel_permutation(config: DataConfig, pixels: int) -> Int[np.ndarray, " pixels"]:
    """The order that `permute_pixels` applies: permuted = images[:, order]. np.argsort(order) inverts it.

    It moves the channels of a pixel independently of each other.
    """
    return _rng(config, "permute_pixels").permutation(pixels)


def _rng(config: DataConfig, draw: str) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(config.data_seed, spawn_key=(_DRAWS.index(draw),)))


def _map_grids(fn: Callable[[np.ndarray], np.ndarray], splits: Splits) -> Splits:
    """fn of images "n h w c" instead of flat ones. Raises InputError where images have no rows."""

    def mapped(data: Dataset) -> Dataset:
        if data.shape[0] == 1:
            image_shape(data.images.shape[1])
        images = fn(np.asarray(data.images).reshape(-1, *data.shape))
        flat = images.reshape(len(images), math.prod(images.shape[1:]))
        return data.replace(images=flat, shape=images.shape[1:])

    return Splits(*map(mapped, splits))


def _select_classes(splits: Splits, classes: tuple[int, ...]) -> Splits:
    if not classes:
        return splits
    _check_classes(splits, classes)
    return Splits(*(data.take(np.flatnonzero(np.isin(data.labels, classes))) for data in splits))


def _one_against_rest(splits: Splits, positive: int) -> Splits:
    _check_classes(splits, (positive,))
    name = splits.train.name(positive)
    names = (f"not {name}", name) if splits.train.class_names else ()
    return Splits(
        *(data.replace(labels=(data.labels == positive).astype(np.int32), class_names=names) for data in splits)
    )


def _check_classes(splits: Splits, classes: tuple[int, ...]) -> None:
    present = np.unique(splits.train.labels)
    for label in classes:
        if label not in present:
            raise InputError(f"class {label} is not in the data: use some of {_names(present)}")


def _names(classes: Int[np.ndarray, " classes"]) -> str:
    """The classes for a message, which stays short where a source takes every number for a class."""
    return ", ".join(map(str, classes[:_MOST_NAMES])) + (", …" if len(classes) > _MOST_NAMES else "")


def _check_tested(splits: Splits) -> None:
    trained = np.unique(splits.train.labels)
    untested = _names(np.setdiff1d(trained, splits.test.labels))
    if not np.isin(trained, splits.test.labels).any():
        raise InputError(f"there are no test images of the classes {untested}: use a source that tests what it trains")
    if untested:
        warnings.warn(f"no test image is of class {untested}: its accuracy stays unknown", InputWarning, stacklevel=2)


def _shift_labels(splits: Splits, offset: int) -> Splits:
    labels = np.concatenate([data.labels for data in splits])
    least, most = int(labels.min()), int(labels.max())
    if not 0 <= least - offset <= most - offset < 2**31:
        raise InputError(
            f"labels start at {least} and label_offset is {offset}: --data.label-offset {least} makes them start at 0"
        )
    names = splits.train.class_names[offset:] if offset >= 0 else ()  # label 0 has none where labels are moved up
    return Splits(
        *(data.replace(labels=(data.labels - np.int64(offset)).astype(np.int32), class_names=names) for data in splits)
    )


def _crop(images: Float[np.ndarray, "n h w c"], crop: int | None) -> Float[np.ndarray, "n _ _ c"]:
    if crop is None:
        return images
    _, rows, columns, _ = images.shape
    if not 1 <= crop <= min(rows, columns):
        raise InputError(f"crop is {crop} but images are {rows} × {columns} pixels: use 1 to {min(rows, columns)}")
    top, left = (rows - crop) // 2, (columns - crop) // 2
    return images[:, top : top + crop, left : left + crop]


def _resize(images: Float[np.ndarray, "n h w c"], size: int | None) -> Float[np.ndarray, "n _ _ c"]:
    if size is None:
        return images
    if size < 1:
        raise InputError(f"resize is {size}: use 1 or more")
    count, *sides, channels = images.shape
    if size > (most := math.isqrt(machine.memory() // (4 * max(count * channels, 1)))):
        largest = size_text((most, most, channels))
        raise InputError(f"resize is {size}: this machine's memory holds {count} images of {largest} pixels")
    # Antialiased linear resizing is one matrix per axis. Building it once is faster than resizing image by image.
    down, right = (
        np.asarray(jax.image.resize(np.eye(side, dtype=np.float32), (size, side), "linear")) for side in sides
    )
    resized = np.empty((count, size, size, channels), np.float32)
    for channel in range(channels):
        resized[..., channel] = np.clip(down @ images[..., channel] @ right.T, 0, 1)
    return resized


def _hold_out(splits: Splits, config: DataConfig) -> Splits:
    share, count = config.validation_share, len(splits.train.labels)
    if not 0 < share < 1:
        raise InputError(f"validation_share is {share}: use at least 0 and less than 1")
    if len(splits.validation.labels):
        raise InputError(f"validation_share is {share} but {config.source} has its own validation images: use 0")
    held_out = max(1, round(share * count))
    if held_out == count:
        raise InputError(f"validation_share {share} of {count} images leaves no training image: use a smaller share")
    order = _rng(config, "validation_share").permutation(count)
    return splits._replace(train=splits.train.take(order[held_out:]), validation=splits.train.take(order[:held_out]))


def _draw(train: Dataset, size: int, rng: np.random.Generator) -> Dataset:
    count = len(train.labels)
    if not 1 <= size <= count:
        raise InputError(f"train_size is {size} but there are {count} training images: use 1 to {count}")
    return train.take(rng.permutation(count)[:size])
