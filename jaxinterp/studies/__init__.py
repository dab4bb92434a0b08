"""Do published claims hold over many seeds and against their controls? One module or package per write-up."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxinterp import files, jobs, networks, recipes, store
from jaxinterp.config import RunConfig
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP
from jaxinterp.studies import inputs as inputs_
from jaxinterp.studies import runner
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, Control, Finding, Rule, Verdict
from jaxinterp.studies.runner import Progress
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results, Study
from jaxinterp.text import suggestion

__all__ = [
    "QUICK",
    "STUDIES",
    "Answer",
    "Claim",
    "Control",
    "EnsembleMeasurement",
    "Finding",
    "Inputs",
    "Measurement",
    "Results",
    "Rule",
    "Study",
    "Verdict",
    "answers",
    "check_run",
    "findings_frame",
    "folder_of",
    "get",
    "run",
    "runs",
    "trainable",
]

# One line per study: the name of its module, or package, in this folder, which defines its STUDY.
_REGISTERED = (
    "one_vs_seven",
    "llm_labels",
    "instance_variation",
    "measuring_similarity",
    "bottleneck_neurons",
    "looking_for_four",
)


STUDIES: dict[str, Study] = {
    study.name: study for study in (importlib.import_module(f"{__name__}.{name}").STUDY for name in _REGISTERED)
}
# Those that are trained and answered within three minutes on two cores.
QUICK = ("instance-variation", "bottleneck-neurons")


class Answer(NamedTuple):
    """What a study says of a run: a sentence, every finding, and the measurements behind them."""

    study: Study
    sentence: str
    findings: list[Finding]
    results: Results

    @property
    def highlights(self) -> list[Finding]:
        """The findings that matter most, as far as they were judged."""
        by_id = {finding.id: finding for finding in self.findings}
        return [by_id[name] for name in self.study.highlights if name in by_id]


def get(study: str) -> Study:
    """A study by name. Raises InputError, naming the studies that exist."""
    if study not in STUDIES:
        raise InputError(f"no study {study!r}{suggestion(study, STUDIES)}; there are {', '.join(STUDIES)}")
    return STUDIES[study]


def runs(
    study: str, path: Path | str, *, seeds: int | None = None, epochs: int | None = None, optional: bool = True
) -> dict[Path, RunConfig]:
    """The runs that a study needs, by folder: its own at path, the others in path/arms.

    If there is a run at path, the others follow its config (`recipes.following`); where it has fewer seeds than the
    study's own run has by default, so have they, at most. seeds: how many of each, in place of the study's own numbers;
    epochs: likewise. optional: with those that the study can do without. Raises InputError where there is no such
    study, or where it needs more seeds.
    """
    chosen = get(study)
    path, needed = Path(path), chosen.all_recipes if optional else chosen.recipes
    own = store.read_config(path) if store.is_run(path) else None
    for given, where in ((seeds, ""), (None if own is None else own.train.seeds, f" in {path}")):
        if given is not None and given < chosen.least_seeds:
            raise InputError(f"{study} needs at least {chosen.least_seeds} seeds, got {given}{where}")
    return {
        folder_of(chosen, recipe, path): _planned(chosen, recipe, own, seeds or number, epochs)
        for recipe, number in needed.items()
    }


def _planned(study: Study, recipe: str, own: RunConfig | None, seeds: int, epochs: int | None) -> RunConfig:
    """own: the config of the run that the recipe follows, unless it is that run's own."""
    if own is None or recipe == study.own:
        return recipes.config(recipe, seeds=seeds, epochs=epochs)
    followed = recipes.following(recipe, study.own, own)
    if own.train.seeds < study.recipes[study.own]:
        seeds = min(seeds, own.train.seeds)
    return recipes.resized(followed, seeds=seeds, epochs=epochs or followed.train.epochs)


def check_run(study: str, path: Path | str) -> None:
    """Raise InputError, naming the studies that can, where a study cannot be about a run's networks.

    It reads the run's config and data alone, so that it can be asked before a study's other networks are trained.
    """
    chosen, config = get(study), store.read_config(path)
    model, test = networks.build(config.model), store.data_of(path, config).test
    if lacking := _lacking(chosen, model, test, config.train.seeds):
        able = [other.name for other in STUDIES.values() if not _lacking(other, model, test, config.train.seeds)]
        named = (
            f"studies that can: {', '.join(able)}" if able else "no study can: ask units, ablate, attribute or compare"
        )
        raise InputError(f"{study} cannot be about {path}: it needs {'; '.join(lacking)} ({named})")


def _lacking(study: Study, model: MLP, test: Dataset, seeds: int) -> list[str]:
    few = [f"{study.least_seeds} networks or more, not {seeds}"] if seeds < study.least_seeds else []
    return [*few, *study.needs.missing(model, test)]


def trainable(study: str, planned: Mapping[Path, RunConfig]) -> tuple[dict[Path, RunConfig], list[str]]:
    """Those of the planned runs that are complete or can be trained, and why the others, all optional, cannot.

    Raises InputError, before anything is trained, where a run that the study cannot do without cannot be trained.
    """
    possible, reasons = {}, []
    for path, config in planned.items():
        try:
            if not store.is_complete(path):
                jobs.check_arms({path: config}, resume=True)
        except InputError as error:
            if config.recipe not in get(study).optional:
                raise
            reasons.append(f"left out: {config.recipe}, since {error}")
        else:
            possible[path] = config
    return possible, reasons


def run(
    study: str, path: Path | str, *, again: bool = False, slow: bool = True, progress: Progress | None = None
) -> Answer:
    """Answer a study's claims on complete runs. Measurements are kept in the results of the run at path.

    Those that are stored and current are not made again, unless again is set. slow, progress: see `runner.measure`.
    Raises InputError where a run is missing, has too few seeds, or is being written by another process.
    """
    chosen, path = get(study), Path(path)
    loaded = _load(chosen, path)
    own = loaded[chosen.own]
    if lacking := chosen.needs.missing(own.model, own.splits.test):
        raise InputError(f"{study} needs {'; '.join(lacking)}")
    chosen.check(loaded)
    with files.only_writer(path):
        results = runner.measure(chosen, path, loaded, again=again, slow=slow, progress=progress)
        parts = runner.measure_parts(chosen, path, loaded, results, again=again, progress=progress)
    return _answer(chosen, results, parts)


def answers(path: Path | str) -> dict[str, Answer]:
    """The answer of every study whose results a run holds, by study."""
    stored = [(study, results) for study in STUDIES.values() if (results := runner.stored(study, path)) is not None]
    return {study.name: _answer(study, results, runner.stored_parts(study, path, results)) for study, results in stored}


def findings_frame(root: Path | str = "checkpoints"):
    """Every stored finding of the runs in root as a pandas.DataFrame, one row per claim; see `studies.frame`."""
    from jaxinterp.studies import frame

    return frame.findings_frame(root)


def _load(study: Study, path: Path) -> dict[str, Inputs]:
    loaded = {}
    for recipe in study.all_recipes:
        folder = folder_of(study, recipe, path)
        if folder != path and not store.is_complete(folder):
            if recipe in study.optional:
                continue
            raise InputError(
                f"{study.name} also needs {folder}, which does not exist: jaxinterp study {study.name} --run {path}"
            )
        own = inputs_.load(recipe, folder, loaded.values())
        if own.seeds < study.least_seeds:
            raise InputError(f"{study.name} needs at least {study.least_seeds} seeds, got {own.seeds} in {folder}")
        loaded[recipe] = own
    return loaded


def _answer(study: Study, results: Results, parts: Sequence[Results]) -> Answer:
    by_part = [runner.claims(study, part) for part in parts]
    findings = runner.findings(study, runner.claims(study, results), results, by_part)
    return Answer(study, study.answer({finding.id: finding for finding in findings}), findings, results)


def folder_of(study: Study, recipe: str, path: Path) -> Path:
    """Where a recipe's run is, of a study whose own run is at path."""
    return path if recipe == study.own else path / "arms" / recipe
