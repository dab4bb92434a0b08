"""What is a user told after an import? How accurate the networks are, and what was read, assumed, or may be wrong."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxinterp.foreign.accuracy import Check
from jaxinterp.foreign.geometry import options
from jaxinterp.text import format_percent

_FEW = 8  # networks that are listed one by one


def sentences(
    weights: Sequence[Path], told: Mapping[str, Any], check: Check, fitted: Mapping[str, Any]
) -> Iterator[str]:
    """One line for each thing to be told.

    told: fields of ModelConfig that the files tell. fitted: guesses, of those with one common value that fits.
    """
    yield check.sentence
    if 1 < len(weights) <= _FEW:
        pairs = zip(weights, check.accuracy, strict=True)
        yield ", ".join(f"{file.name} {format_percent(float(accuracy), 1)}" for file, accuracy in pairs)
    if told:
        yield f"read from the file: {options(told)}"
    if fitted:
        names = " ".join(f"--model.{name.replace('_', '-')}" for name in fitted)
        mean = format_percent(float(np.mean(check.accuracy)), 1)
        yield (
            f"a guess: {options(fitted)}, of common values the only ones that fit the first dense layer (test accuracy "
            f"{mean}); if the network was trained with others, give {names}"
        )
    for what, likely in check.likely.items():
        yield f"{what} not given, {likely.taken} taken; test accuracy {likely.text}"
    if check.hint:
        yield f"were the weights made with other options? {check.hint}"
