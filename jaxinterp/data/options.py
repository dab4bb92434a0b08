"""How are the images changed before training? Each option of DataConfig, in one fixed order."""

import math
import warnings

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxinterp import machine
from jaxinterp.config import DataConfig
from jaxinterp.data.datasets import Dataset, Splits, flatten, image_shape
from jaxinterp.errors import InputError, InputWarning

_DRAWS = ("validation_share", "train_size", "permute_pixels", "shuffle_labels")
_MOST_NAMES = 30  # of classes in a message


def apply_options(splits: Splits, config: DataConfig) -> Splits:
    """Apply the options in order: classes, positive, label_offset, crop, resize, validation_share, train_size, pixels,
    labels. Images are flat from then on.

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
    if config.crop is not None or config.resize is not None:
        splits = _map_images(lambda images: _resize(_crop(_with_rows(images), config.crop), config.resize), splits)
    splits = _map_images(lambda images: flatten(images, config.source), splits)
    if config.validation_share != 0:
        splits = _hold_out(splits, config)
    if config.train_size is not None:
        splits = splits._replace(train=_draw(splits.train, config.train_size, _rng(config, "train_size")))
    if config.permute_pixels:
        order = pixel_permutation(config, splits.train.images.shape[1])
        splits = _map_images(lambda images: images[:, order], splits)
    if config.shuffle_labels:
        shuffled = _rng(config, "shuffle_labels").permutation(splits.train.labels)
        splits = splits._replace(train=splits.train._replace(labels=shuffled))
    return splits


def pixel_permutation(config: DataConfig, pixels: int) -> Int[np.ndarray, " pixels"]:
    """The order that `permute_pixels` applies: permuted = images[:, order]. np.argsort(order) inverts it."""
    return _rng(config, "permute_pixels").permutation(pixels)


def _rng(config: DataConfig, draw: str) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(config.data_seed, spawn_key=(_DRAWS.index(draw),)))


def _map_images(fn, splits: Splits) -> Splits:
    return Splits(*(data._replace(images=fn(data.images)) for data in splits))


def _select_classes(splits: Splits, classes: tuple[int, ...]) -> Splits:
    if not classes:
        return splits
    _check_classes(splits, classes)
    return Splits(*(data.take(np.flatnonzero(np.isin(data.labels, classes))) for data in splits))


def _one_against_rest(splits: Splits, positive: int) -> Splits:
    _check_classes(splits, (positive,))
    return Splits(*(data._replace(labels=(data.labels == positive).astype(np.int32)) for data in splits))


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
    return Splits(*(data._replace(labels=(data.labels - np.int64(offset)).astype(np.int32)) for data in splits))


def _with_rows(images: Float[np.ndarray, "n *shape"]) -> Float[np.ndarray, "n h w"]:
    """Flat images are the rows of squares."""
    return images if images.ndim == 3 else images.reshape(len(images), *image_shape(images.shape[1]))


def _crop(images: Float[np.ndarray, "n h w"], crop: int | None) -> Float[np.ndarray, "n _ _"]:
    if crop is None:
        return images
    _, rows, columns = images.shape
    if not 1 <= crop <= min(rows, columns):
        raise InputError(f"crop is {crop} but images are {rows} × {columns} pixels: use 1 to {min(rows, columns)}")
    top, left = (rows - crop) // 2, (columns - crop) // 2
    return images[:, top : top + crop, left : left + crop]


def _resize(images: Float[np.ndarray, "n h w"], size: int | None) -> Float[np.ndarray, "n _ _"]:
    if size is None:
        return images
    if size < 1:
        raise InputError(f"resize is {size}: use 1 or more")
    if size > (most := math.isqrt(machine.memory() // (4 * max(len(images), 1)))):
        raise InputError(
            f"resize is {size}: this machine's memory holds {len(images)} images of {most} × {most} pixels"
        )
    # Antialiased linear resizing is one matrix per axis. Building it once is faster than resizing image by image.
    down, right = (
        np.asarray(jax.image.resize(np.eye(side, dtype=np.float32), (size, side), "linear"))
        for side in images.shape[1:]
    )
    return np.clip(down @ images @ right.T, 0, 1)


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
