"""How is a run described in one line? By all that makes its networks differ from those of other runs."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Set
from fractions import Fraction
from typing import Any

from jaxinterp.choices import used_by
from jaxinterp.config import RunConfig, TrainConfig
from jaxinterp.jobs import IMPORTED

# Fields that have their place in the line, and those that change no weights: the images' shape is that of the data.
_PLACED = {"source", "classes", "channels", "widths", "outputs", "activation"}
_PLACED |= {"optimizer", "learning_rate", "batch_size", "epochs"}
_WITHOUT_EFFECT = {"seeds", "chunk", "image_shape"}
_OF_CONVOLUTIONS = {"kernel_size", "stride", "padding", "pool", "pool_size"}
_OF_NORMS = {"norm_position", "norm_epsilon", "norm_momentum"}
_OF_OPTIMIZERS = {"momentum", "optimizer_epsilon"}  # weight_decay is added to the gradient of those that lack it

# How fields are worded; those without an entry are named as in the config.
_WORDS: dict[str, Callable[[Any], str]] = {
    "positive": lambda label: f"class {label} against the others",
    "transpose": lambda _: "transposed images",
    "crop": lambda side: f"cropped to {side} × {side}",
    "resize": lambda side: f"resized to {side} × {side}",
    "train_size": lambda size: f"{size} training images",
    "permute_pixels": lambda _: "permuted pixels",
    "shuffle_labels": lambda _: "shuffled labels",
    "norm": lambda norm: f"{norm} norm",
    "l1": lambda weight: f"L1 {_text(weight)}",
    "loss": lambda loss: f"{loss.replace('_', ' ')} loss",
    "data_order": lambda order: f"{order} data order",
    "patience": lambda epochs: f"early stopping with patience {epochs}",
    "snapshots": lambda epochs: f"{len(epochs)} snapshots",
}


def describe(config: RunConfig) -> str:
    """A run's data, networks and training in a line.

    Configs whose networks differ have different lines: every field that changes weights is listed unless it has
    its default. Of the snapshots only the number is given; the number of seeds is left to the caller.
    """
    data, model, train = config.data, config.model, config.train
    only = f" (only {', '.join(map(str, data.classes))})" if data.classes else ""
    widths = "-".join(map(str, (*(f"{channels}c" for channels in model.channels), *model.widths, model.outputs)))
    parts = [*_told(data), *_told(model, _unused(config))]
    if config.recipe == IMPORTED:
        parts += [*_told(TrainConfig(loss=train.loss)), IMPORTED]
    else:
        parts += [f"{train.optimizer} {_text(train.learning_rate)}", f"batch {train.batch_size}"]
        parts += [f"{train.epochs} epochs", *_told(train, _unused(config))]
    return f"{data.source}{only} {widths} {model.activation}, {', '.join(parts)}"


def _unused(config: RunConfig) -> set[str]:
    """Fields that other fields switch off."""
    unused = _OF_OPTIMIZERS - set(used_by(config.train.optimizer))
    unused |= set() if config.model.channels else _OF_CONVOLUTIONS
    return unused | (set() if config.model.norm != "none" else _OF_NORMS)


def _told(part: Any, unused: Set[str] = frozenset()) -> Iterator[str]:
    """The fields of a part of the config that differ from their defaults, in words."""
    for field in dataclasses.fields(part):
        name, value = field.name, getattr(part, field.name)
        if value != field.default and name not in _PLACED | _WITHOUT_EFFECT | unused:
            yield _WORDS[name](value) if name in _WORDS else f"{name.replace('_', ' ')} {_text(value)}"


def _text(value: Any) -> str:
    """The value, exactly: numbers of a tuple one after the other, and 5/3 instead of 1.6666666666666667."""
    if isinstance(value, tuple):
        return " ".join(map(_text, value)) or "none"
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    if not math.isfinite(value) or float(short) == value:
        return short
    ratio = Fraction(value).limit_denominator(100)
    return str(ratio) if float(ratio) == value else repr(value)
