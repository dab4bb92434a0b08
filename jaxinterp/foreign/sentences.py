"""What is a user told after an import? How accurate the networks are, and what was read, assumed, or may be wrong."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxinterp.foreign.accuracy import Check
from jaxinterp.text import format_percent

_FEW = 8  # networks that are listed one by one


def sentences(weights: Sequence[Path], told: Mapping[str, Any], check: Check) -> Iterator[str]:
    """One line for each thing to be told. told: fields of ModelConfig that the files tell."""
    yield check.sentence
    if 1 < len(weights) <= _FEW:
        pairs = zip(weights, check.accuracy, strict=True)
        yield ", ".join(f"{file.name} {format_percent(float(accuracy), 1)}" for file, accuracy in pairs)
    if told:
        options = (f"--model.{field.replace('_', '-')} {value}" for field, value in told.items())
        yield f"read from the file: {' '.join(options)}"
    for what, likely in check.likely.items():
        yield f"{what} not given, {likely.taken} taken; test accuracy {likely.text}"
    if check.hint:
        yield f"were the weights made with other options? {check.hint}"
