"""What is a user told after an import? How accurate the networks are, and what was read, assumed, or may be wrong."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxinterp.foreign.accuracy import Check
from jaxinterp.foreign.geometry import options
from jaxinterp.text import format_percent

_FEW = 8  # networks that are listed one by one


def sentences(
    weights: Sequence[Path], told: Mapping[str, Any], check: Check, fitted: Mapping[str, Any]
) -> Iterator[str]:
    """One line for each thing to be told.

    told: fields of ModelConfig that the files tell. fitted: those that have only one common value with their shapes.
    """
    yield check.sentence
    if 1 < len(weights) <= _FEW:
        pairs = zip(weights, check.accuracy, strict=True)
        yield ", ".join(f"{file.name} {format_percent(float(accuracy), 1)}" for file, accuracy in pairs)
    if told:
        yield f"read from the file: {options(told)}"
    if fitted:
        yield f"of common values only these fit the first dense layer: {options(fitted)}"
    for what, likely in check.likely.items():
        yield f"{what} not given, {likely.taken} taken; test accuracy {likely.text}"
    if check.hint:
        yield f"were the weights made with other options? {check.hint}"
