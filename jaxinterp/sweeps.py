"""What does a setting change? A grid of configurations (arms), each compared with the first arm, seed by seed.

A sweep is a folder with one run per arm. All arms have the same seeds. Arms that differ only in hyperparameters train
in one compiled program.
"""

import contextlib
import dataclasses
import io
import itertools
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro

from jaxinterp import files, jobs, store
from jaxinterp.config import RunConfig, type_name
from jaxinterp.errors import InputError
from jaxinterp.stats import SHARE, SIGNED, Estimate, over_seeds_estimate, paired_estimate
from jaxinterp.text import suggestion
from jaxinterp.train import SPLITS, Checkpoint, kept_accuracy

__all__ = ["Comparison", "compare", "grid", "load", "parse_axis", "train"]

# Arms are compared seed by seed, so all have the same seeds.
_SHARED = ("train.seeds", "train.base_seed")


class Comparison(NamedTuple):
    """One arm compared with the first: its accuracy, and the difference from the first arm's, paired by seed."""

    arm: str
    accuracy: Estimate
    difference: Estimate
    diverged: int


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """One axis of a grid, such as "train.learning_rate=0.01,0.1", as the field's name and its values.

    Where one value has several parts, they are joined by x, as in "model.widths=32x16,64x32"; "none" stands for None,
    or for no parts. Raises InputError for an unknown field and for a value of the wrong type.
    """
    name, _, values = text.partition("=")
    fields = _field_types()
    if name not in fields:
        raise InputError(f"no config field {name!r}{suggestion(name, fields)}; there are {', '.join(fields)}")
    if name in _SHARED:
        raise InputError(f"{name} must be the same in all arms, which are paired by seed; set it with --{name}")
    if not values:
        raise InputError(f"{name} has no values; write {name}=VALUE,VALUE")
    return name, [_parse_value(name, fields[name], value) for value in values.split(",")]


def _field_types() -> dict[str, Any]:
    parts = {name: typing.get_type_hints(RunConfig)[name] for name in ("data", "model", "train")}
    return {
        f"{part}.{name}": hint for part, kind in parts.items() for name, hint in typing.get_type_hints(kind).items()
    }


def _parse_value(name: str, hint: Any, text: str) -> Any:
    several = typing.get_origin(hint) is tuple
    if several and text == "none":
        return ()
    words = (
        text.split("x") if several else [text.replace("none", "None") if type(None) in typing.get_args(hint) else text]
    )
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return tyro.cli(hint, args=[word.capitalize() if hint is bool else word for word in words])
    except SystemExit:
        raise InputError(f"{name} must be {type_name(hint)}, got {text!r}") from None


def grid(base: RunConfig, axes: Mapping[str, Sequence[Any]]) -> dict[str, RunConfig]:
    """Every combination of the values, as configs by the arm's name, such as "activation=tanh,l1=0.001".

    Raises InputError where two arms have the same name.
    """
    arms = {}
    for values in itertools.product(*axes.values()):
        config = base
        for name, value in zip(axes, values, strict=True):
            part, _, field = name.partition(".")
            config = dataclasses.replace(config, **{part: dataclasses.replace(getattr(config, part), **{field: value})})
        words = (f"{name.partition('.')[2]}={_word(value)}" for name, value in zip(axes, values, strict=True))
        arm = ",".join(words)
        if arm in arms:
            raise InputError(f"the grid has the arm {arm} twice; list each value once")
        arms[arm] = config
    return arms


def _word(value: Any) -> str:
    text = "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return (text or "none").replace("/", "_")


def train(
    folder: Path | str,
    arms: Mapping[str, RunConfig],
    *,
    resume: bool = False,
    progress: Callable[[str, Checkpoint], None] | None = None,
) -> None:
    """Train every arm into its run in the folder. Arms that differ only in hyperparameters train in one program.

    resume: continue an interrupted call. progress: called with the names of the arms in training, after every epoch.
    """
    programs: dict[RunConfig, dict[Path, RunConfig]] = {}
    for name, config in arms.items():
        programs.setdefault(jobs.program_of(config), {})[Path(folder) / name] = config
    for group in programs.values():  # check all before training the first, so that bad input leaves no files
        jobs.check_arms(group, resume=resume)
    _add_to_order(Path(folder), list(arms))
    for group in programs.values():
        names = " + ".join(path.name for path in group if not store.is_complete(path))
        update = None if progress is None else lambda checkpoint, names=names: progress(names, checkpoint)
        jobs.train_arms(group, resume=resume, progress=update)


def load(folder: Path | str) -> dict[str, store.Run]:
    """The trained arms of a sweep by name, in the order in which they started. Raises InputError if there are none."""
    names = _order(Path(folder))
    if not names:
        raise InputError(f"no sweep in {folder}; train one with jaxinterp-sweep")
    return {name: store.load(Path(folder) / name) for name in names}


def _order(folder: Path) -> list[str]:
    file = folder / "arms.json"
    return files.read_names(file, "remove it, and train the sweep again with --resume") if file.is_file() else []


def _add_to_order(folder: Path, names: list[str]) -> None:
    with files.only_writer(folder):  # or the names of two sweeps that start at once are lost
        known = _order(folder)
        order = [*known, *(name for name in names if name not in known)]
        files.write(folder / "arms.json", json.dumps(order, indent=2).encode())


def compare(runs: Mapping[str, store.Run], *, split: str = "test") -> list[Comparison]:
    """Every arm's accuracy and its difference from the first arm's, paired by seed. Diverged seeds are excluded."""
    accuracies = {name: kept_accuracy(run.history)[:, SPLITS.index(split)] for name, run in runs.items()}
    first = next(iter(accuracies.values()))
    return [
        Comparison(
            arm=name,
            accuracy=over_seeds_estimate(values, bounds=SHARE),
            difference=paired_estimate(values, first, bounds=SIGNED),
            diverged=int(np.count_nonzero(runs[name].history.diverged)),
        )
        for name, values in accuracies.items()
    ]
