"""Do published claims hold over many seeds and beside their controls? One module a write-up.

A study's module has `measure(run, data)`, which returns a Record, and `findings(record)`, which judges claims on it.
Its networks are those of the recipe of its own name.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

from jaxinterp import data, records, store
from jaxinterp.errors import InputError
from jaxinterp.studies import instance_variation
from jaxinterp.studies.claims import Claim, Control, Finding, Rule, Verdict

__all__ = ["STUDIES", "Claim", "Control", "Finding", "Rule", "Verdict", "answers", "get", "run"]

STUDIES: dict[str, ModuleType] = {"instance-variation": instance_variation}


def get(study: str) -> ModuleType:
    """A study's module. Raises InputError, naming the studies that exist."""
    if study not in STUDIES:
        raise InputError(f"no study {study!r}; there are {', '.join(STUDIES)}")
    return STUDIES[study]


def check_seeds(study: str, seeds: int) -> None:
    """Raise InputError where there is no such study, or where it needs more seeds."""
    if seeds < get(study).LEAST_SEEDS:
        raise InputError(f"{study} needs at least {get(study).LEAST_SEEDS} seeds, got {seeds}")


def run(study: str, path: Path | str) -> list[Finding]:
    """Answer a study's claims on a complete run, and keep the record in the run's results."""
    module = get(study)
    stored = store.load(path)
    check_seeds(study, stored.config.train.seeds)
    record = module.measure(stored, data.load(stored.config.data).test)
    store.save_result(path, study, record, study=study, seeds=stored.config.train.seeds)
    return module.findings(record)


def answers(path: Path | str) -> dict[str, tuple[list[Finding], Any]]:
    """The findings and the record of every study that was run on a run, by study."""
    found = {}
    for study, module in STUDIES.items():
        if study in store.results(path):
            record = records.from_xarray(module.Record, store.load_result(path, study))
            found[study] = module.findings(record), record
    return found
