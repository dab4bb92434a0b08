"""Which strides, padding and pooling lead from the images to the first dense layer? Tensors tell its positions alone.

Of the values that are common, those are kept that leave as many positions of the last feature map as the first dense
kernel reads. If several are left, a user must choose; if one is left, it is a guess, since others may be right that are
not common.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.text import format_percent

FIELDS = ("stride", "padding", "pool_size")
_REDUCTIONS = ((1, 1), (2, 1), (1, 2))  # stride and pool_size of one block: neither, a stride of 2, or pooling by 2
_MOST_BLOCKS = 6  # up to which each block has its own padding and means of reduction: 6 choices in each
_SHOWN = 4  # values in a message

Geometry = dict[str, tuple[int, ...]]
_Choice = tuple[int, int, int]  # of one block, in the order of FIELDS


class UndecidedError(InputError):
    """Several geometries fit. geometries: values of FIELDS, with one number for each block, the plainest first."""

    def __init__(self, path: Path, geometries: Sequence[Geometry], shown: Sequence[str] = (), tested: str = ""):
        self.path, self.geometries = path, geometries
        shown = shown or [options(geometry) for geometry in geometries[:_SHOWN]]
        more = len(geometries) - len(shown)
        super().__init__(
            f"{path} does not tell its strides, padding and pooling, and several common values fit: give "
            f"{', or '.join(shown)}{f', or one of {more} more{tested}' if more > 0 else ''}"
        )

    def ranked(self, tested: Sequence[tuple[Mapping[str, Any], float]]) -> "UndecidedError":
        """The same with the best of the fields that were tested, each with its test accuracy.

        Of a geometry that was tested with several kinds of pooling, the best counts.
        """
        best: dict[str, tuple[float, str]] = {}
        for fields, accuracy in tested:
            shown = f"{options(fields)} (test accuracy {format_percent(accuracy, 1)})"
            of_geometry = options({name: fields[name] for name in FIELDS})
            best[of_geometry] = max(
                best.get(of_geometry, (accuracy, shown)), (accuracy, shown), key=lambda pair: pair[0]
            )
        shown = [text for _, text in sorted(best.values(), key=lambda pair: -pair[0])[:_SHOWN]]
        left = len(self.geometries) - len(best)
        return UndecidedError(self.path, self.geometries, shown, f", of which {left} were not tested" if left else "")


def fit(path: Path, config: ModelConfig, positions: int, given: Mapping[str, tuple[int, ...] | None]) -> Geometry:
    """Values of FIELDS for which a config with convolutions ends in so many positions.

    given: values that are known. Raises InputError where they do not fit, or no common ones, and UndecidedError where
    several do.
    """
    known = {name: value for name in FIELDS if (value := given.get(name)) is not None}
    spread = networks.per_block(replace(config, **known))
    wanted = {name: spread[name] for name in known}
    fitting = sorted(_fitting(config, positions, wanted), key=_variety)
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


def _fitting(config: ModelConfig, positions: int, wanted: Mapping[str, tuple[int, ...]]) -> list[Geometry]:
    """All common geometries that end in so many positions and have the values that are wanted."""
    found = (blocks for choices in _common(config, wanted) for blocks in _ways(config, choices, positions))
    strides_paddings_pools = dict.fromkeys(tuple(zip(*blocks, strict=True)) for blocks in found)
    return [{name: tuple(value) for name, value in zip(FIELDS, each, strict=True)} for each in strides_paddings_pools]


def _common(config: ModelConfig, wanted: Mapping[str, tuple[int, ...]]) -> Iterator[list[list[_Choice]]]:
    """The common choices in each block: a map keeps its size or loses what the window takes, then is halved or not.

    Beyond _MOST_BLOCKS these would be too many: there all blocks pad alike, and those that halve do so by one means.
    """
    few = len(config.channels) <= _MOST_BLOCKS
    for parts in [(0, 1)] if few else [(0,), (1,)]:  # of half the window
        for reductions in [_REDUCTIONS] if few else [_REDUCTIONS[:2], _REDUCTIONS[::2]]:
            plain = itertools.product(reductions, parts)
            values = [(stride, part, pool_size) for (stride, pool_size), part in plain]
            yield [_of_block(values, wanted, block, size // 2) for block, size in enumerate(config.kernel_size)]


def _of_block(values: Sequence[_Choice], wanted: Mapping[str, tuple[int, ...]], block: int, half: int) -> list[_Choice]:
    """The choices in one block whose window has this half, with what is wanted there, each once."""
    return list(
        dict.fromkeys(
            (
                wanted["stride"][block] if "stride" in wanted else stride,
                wanted["padding"][block] if "padding" in wanted else part * half,
                wanted["pool_size"][block] if "pool_size" in wanted else pool_size,
            )
            for stride, part, pool_size in values
        )
    )


def _ways(config: ModelConfig, choices: Sequence[Sequence[_Choice]], positions: int) -> list[tuple[_Choice, ...]]:
    """One choice for each block, in every way that ends in so many positions."""

    @cache  # few shapes occur, however many ways lead to them
    def ways(block: int, shape: tuple[int, int]) -> list[tuple[_Choice, ...]]:
        if block == len(choices):
            return [()] if shape[0] * shape[1] == positions else []
        return [
            (choice, *others)
            for choice in choices[block]
            if (after := _after(config, block, shape, choice)) is not None
            for others in ways(block + 1, after)
        ]

    return ways(0, config.image_shape[:2])


def _after(config: ModelConfig, block: int, shape: tuple[int, int], choice: _Choice) -> tuple[int, int] | None:
    """Rows and columns after one block, for a map of this shape before it; None where it is too small."""
    stride, padding, pool_size = ((value,) for value in choice)
    one = ModelConfig(
        channels=(1,),
        kernel_size=config.kernel_size[block : block + 1],
        stride=stride,
        padding=padding,
        pool_size=pool_size,
        image_shape=(*shape, 1),
    )
    try:
        return networks.build(one).maps[-1]
    except InputError:
        return None


def _variety(geometry: Geometry) -> int:
    """How much blocks differ: plainer geometries come first."""
    padded = {padding > 0 for padding in geometry["padding"]}
    return len(padded) + sum(len(set(geometry[name])) for name in FIELDS if name != "padding")


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
