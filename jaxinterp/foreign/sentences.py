"""What is a user told after an import? How accurate the networks are, and what was read, assumed, or may be wrong."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxinterp.foreign.accuracy import Check, Likely
from jaxinterp.text import format_percent

_FEW = 8  # networks that are listed one by one
_ANSWERS = 4  # likely answers that are listed


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
        yield f"{what} not given, {likely.taken} taken; test accuracy {_listed(likely)}"
    if check.hint:
        yield f"were the weights made with other options? {check.hint}"


def _listed(likely: Likely) -> str:
    """The accuracies under the answer that was taken and under the best others."""
    others = sorted(likely.accuracy.items(), key=lambda pair: -pair[1])
    best = [(answer, accuracy) for answer, accuracy in others if answer != likely.taken]
    shown = [(likely.taken, likely.accuracy[likely.taken]), *best[: _ANSWERS - 1]]
    more = [f"no other more than {format_percent(best[_ANSWERS - 1][1], 1)}"] if len(best) >= _ANSWERS else []
    return ", ".join([*(f"{answer} {format_percent(accuracy, 1)}" for answer, accuracy in shown), *more])
