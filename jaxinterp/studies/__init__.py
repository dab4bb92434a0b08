"""Do published claims hold over many seeds and beside their controls? One module a write-up.

A study's module has `RECIPES`, the networks that it asks and how many of each by default, its own recipe first, and
perhaps `OPTIONAL`, further ones that it can do without; `measure(subjects)`, which returns a `Record`;
`findings(record)`, which judges claims on it; and `answer(record)`, one sentence.
"""

from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from jaxinterp import data, recipes, records, store
from jaxinterp.config import RunConfig
from jaxinterp.errors import InputError
from jaxinterp.studies import (
    bottleneck_neurons,
    instance_variation,
    llm_labels,
    looking_for_four,
    measuring_similarity,
    one_vs_seven,
)
from jaxinterp.studies.claims import Claim, Control, Finding, Rule, Verdict
from jaxinterp.studies.subjects import Subject

__all__ = ["STUDIES", "Claim", "Control", "Finding", "Rule", "Subject", "Verdict", "answers", "get", "run", "runs"]

STUDIES: dict[str, ModuleType] = {
    "one-vs-seven": one_vs_seven,
    "llm-labels": llm_labels,
    "instance-variation": instance_variation,
    "measuring-similarity": measuring_similarity,
    "bottleneck-neurons": bottleneck_neurons,
    "looking-for-four": looking_for_four,
}
# Those that are trained and answered within three minutes on two cores.
QUICK = ("instance-variation", "bottleneck-neurons")


class Answer(NamedTuple):
    """What a study says of a run."""

    sentence: str
    findings: list[Finding]
    record: Any


def get(study: str) -> ModuleType:
    """A study's module. Raises InputError, naming the studies that exist."""
    if study not in STUDIES:
        raise InputError(f"no study {study!r}; there are {', '.join(STUDIES)}")
    return STUDIES[study]


def runs(
    study: str, path: Path | str, *, seeds: int | None = None, epochs: int | None = None, optional: bool = True
) -> dict[Path, RunConfig]:
    """The runs that a study asks, by folder: its own at path, the others in path/arms.

    seeds: how many of each, where the study's own numbers shall not do; epochs: likewise. optional: with those that the
    study can do without. Raises InputError where there is no such study, or where it needs more seeds.
    """
    module = get(study)
    if seeds is not None and seeds < module.LEAST_SEEDS:
        raise InputError(f"{study} needs at least {module.LEAST_SEEDS} seeds, got {seeds}")
    asked = module.RECIPES | (_optional(module) if optional else {})
    return {
        _folder(module, recipe, Path(path)): recipes.config(recipe, seeds=seeds or number, epochs=epochs)
        for recipe, number in asked.items()
    }


def optional(study: str) -> list[str]:
    """The recipes that a study can do without, and is quicker without."""
    return list(_optional(get(study)))


def run(study: str, path: Path | str) -> Answer:
    """Answer a study's claims on complete runs, and keep the record in the results of the run at path."""
    module = get(study)
    subjects = {}
    for recipe in [*module.RECIPES, *_optional(module)]:
        folder = _folder(module, recipe, Path(path))
        if folder != Path(path) and not store.is_complete(folder):
            if recipe in _optional(module):
                continue
            raise InputError(f"{study} also asks {folder}, which is not there: jaxinterp study {study} --run {path}")
        stored = store.load(folder)
        if stored.config.train.seeds < module.LEAST_SEEDS:
            raise InputError(
                f"{study} needs at least {module.LEAST_SEEDS} seeds, got {stored.config.train.seeds} in {folder}"
            )
        subjects[recipe] = Subject(folder, stored, data.load(stored.config.data))
    record = module.measure(subjects)
    store.save_result(path, study, record, study=study, seeds=subjects[study].run.config.train.seeds)
    return Answer(module.answer(record), module.findings(record), record)


def answers(path: Path | str) -> dict[str, Answer]:
    """The answer of every study that was run on a run, by study."""
    found = {}
    for study, module in STUDIES.items():
        if study in store.results(path):
            record = records.from_xarray(module.Record, store.load_result(path, study))
            found[study] = Answer(module.answer(record), module.findings(record), record)
    return found


def _optional(module: ModuleType) -> dict[str, int]:
    return getattr(module, "OPTIONAL", {})


def _folder(module: ModuleType, recipe: str, path: Path) -> Path:
    return path if recipe == module.STUDY else path / "arms" / recipe
