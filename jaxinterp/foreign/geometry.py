"""Which strides, padding and pooling lead from the images to the first dense layer? Tensors tell its positions alone.

Of the values that are common, those are kept that leave as many positions of the last feature map as the first dense
kernel reads. If several are left, a user must choose.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.text import format_percent

FIELDS = ("stride", "padding", "pool_size")
_MOST_BLOCKS = 6  # up to which blocks may differ
_SHOWN = 4  # values in a message

Geometry = dict[str, tuple[int, ...]]


class UndecidedError(InputError):
    """Several geometries fit. geometries: values of FIELDS, with one number for each block."""

    def __init__(self, path: Path, geometries: Sequence[Geometry], notes: Sequence[str] = ()):
        self.path, self.geometries = path, geometries
        notes = notes or [""] * len(geometries)
        shown = [f"{options(geometry)}{note}" for geometry, note in zip(geometries, notes, strict=True)][:_SHOWN]
        more = f", or one of {len(geometries) - _SHOWN} more" if len(geometries) > _SHOWN else ""
        super().__init__(
            f"{path} does not tell its strides, padding and pooling, and several common values fit: give "
            f"{', or '.join(shown)}{more}"
        )

    def ranked(self, accuracies: Sequence[float]) -> "UndecidedError":
        """The same with the test accuracy under each, the best first."""
        pairs = sorted(zip(accuracies, self.geometries, strict=True), key=lambda pair: -pair[0])
        notes = [f" (test accuracy {format_percent(accuracy, 1)})" for accuracy, _ in pairs]
        return UndecidedError(self.path, [geometry for _, geometry in pairs], notes)


def fit(path: Path, config: ModelConfig, positions: int, given: Mapping[str, tuple[int, ...] | None]) -> Geometry:
    """Values of FIELDS for which a config with convolutions ends in so many positions.

    given: values that are known. Raises InputError where they do not fit, or no common ones, and UndecidedError where
    several do.
    """
    known = {name: value for name in FIELDS if (value := given.get(name)) is not None}
    spread = networks.per_block(replace(config, **known))
    candidates = [spread] if len(known) == len(FIELDS) else _common(config)
    wanted = {name: spread[name] for name in known}
    fitting: list[Geometry] = []
    for candidate in candidates:
        geometry = {name: wanted.get(name, candidate[name]) for name in FIELDS}
        if geometry not in fitting and _positions(replace(config, **geometry)) == positions:
            fitting.append(geometry)
    if len(fitting) > 1:
        raise UndecidedError(path, fitting)
    if not fitting:
        _refuse(path, config, positions, wanted)
    return fitting[0]


def options(fields: Mapping[str, Any]) -> str:
    """Fields of ModelConfig as the command line is given them; one number where all blocks have the same."""
    return " ".join(f"--model.{name.replace('_', '-')} {text(value, short=True)}" for name, value in fields.items())


def text(value: Any, *, short: bool = False) -> str:
    """The value of a field of ModelConfig as it is typed. short: one number where all are the same."""
    if not isinstance(value, tuple):
        return str(value)
    return " ".join(map(str, value[:1] if short and same(value[:1], value) else value)) or "none"


def same(given: Any, value: Any) -> bool:
    """Whether a given value is that of a field: one number stands for all blocks."""
    return given == value or (isinstance(given, tuple) and len(given) == 1 and value == given * len(value))


def _common(config: ModelConfig) -> list[Geometry]:
    """Maps that keep their size or lose what the window takes; each block halves them by pooling or stride, or not."""
    blocks = len(config.channels)
    halvings = itertools.product((2, 1), repeat=blocks) if blocks <= _MOST_BLOCKS else [(2,) * blocks, (1,) * blocks]
    same, ones = tuple(size // 2 for size in config.kernel_size), (1,) * blocks
    return [
        {"stride": stride, "padding": padding, "pool_size": pool_size}
        for halving in halvings
        for padding in ((0,) * blocks, same)
        for stride, pool_size in ((ones, halving), (halving, ones))
    ]


def _positions(config: ModelConfig) -> int:
    """Positions of the last feature map; 0 where the image is too small."""
    try:
        rows, columns = networks.build(config).maps[-1]
    except InputError:
        return 0
    return rows * columns


def _refuse(path: Path, config: ModelConfig, positions: int, wanted: Mapping[str, tuple[int, ...]]):
    rows, columns, _ = config.image_shape
    reads = f"{path}: the first dense layer reads {positions} positions of {config.channels[-1]} channels"
    if len(wanted) == len(FIELDS):
        maps = networks.build(replace(config, **wanted)).maps[-1]
        raise InputError(
            f"{reads}, and images of {rows} × {columns} pixels with {options(wanted)} leave {maps[0]} × {maps[1]}: "
            "correct these, or choose the data that it was trained on"
        )
    missing = ", ".join(f"--model.{name.replace('_', '-')}" for name in FIELDS if name not in wanted)
    raise InputError(
        f"{reads}, which no common values give for images of {rows} × {columns} pixels: give {missing}, or choose the "
        "data that it was trained on"
    )
