"""How are results shown? Figures, tables, and one web page per run.

Drawing loads when a page is written, since every command reads this package for its tables.
"""

import importlib
import shlex
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from jaxinterp import data, store, studies
from jaxinterp.errors import InputError
from jaxinterp.studies import analyses


def write(path: Path | str) -> Path:
    """Write a run's page, <run>/report/index.html, from the results that it holds, and return the file."""
    from jaxinterp.report import build

    target = Path(path) / "report" / "index.html"
    build.write(target, render(path))
    return target


def render(path: Path | str) -> str:
    """A run's page as HTML, from the results that it holds."""
    from jaxinterp.report import build, tables

    run, answers = store.load(path), studies.answers(path)
    seeds = run.config.train.seeds
    with ThreadPoolExecutor(1) as beside:  # compiling and computing leave the interpreter free to draw
        explored = beside.submit(_explored, path, run)
        figures = [
            build.drawn(figure) for study, answer in answers.items() for figure in figures_of(study)(answer.results)
        ]
        payload, reason = explored.result()
    return build.render(
        f"{Path(path).resolve().name}: {seeds} network{'s' if seeds > 1 else ''}",
        [finding for answer in answers.values() for finding in answer.findings],
        folder=str(path),
        from_scratch={study: command for study in answers if (command := from_scratch(study, path))},
        sentences=[(answer.study.question, answer.sentence) for answer in answers.values()],
        analyses=[tables.dataset_table(found, title=name) for name, found in analyses.stored(path).items()],
        figures=figures,
        history=run.history,
        config=run.config,
        payload=payload,
        reason=reason,
    )


def figures_of(study: str):
    """The function from a study's results to its figures, in the module of report/figures that has its name."""
    return importlib.import_module(f"jaxinterp.report.figures.{study.replace('-', '_')}").figures


def from_scratch(study: str, path: Path | str) -> str | None:
    """The command that trains a study's networks as those of a run were, and answers it; None where none does."""
    there = store.read_config(path).train
    for seeds, epochs in product((None, there.seeds), (None, there.epochs)):
        asked = studies.runs(study, path, seeds=seeds, epochs=epochs)
        if all(store.read_config(run) == config for run, config in asked.items() if store.is_complete(run)):
            numbers = {"--seeds": seeds, "--epochs": epochs}
            options = [text for name, value in numbers.items() if value for text in (name, str(value))]
            return shlex.join(["jaxinterp", "run", "--study", study, *options])
    return None


def _explored(path: Path | str, run: store.Run) -> tuple[str, str]:
    """What the page's explorer reads, or why there is none. Raises InputError if the data are not the run's."""
    from jaxinterp.report import explorer

    try:
        splits = data.load(run.config.data)
    except InputError as error:
        return "", f"The networks cannot be looked into here: {error}."
    store.check_data(Path(path) / "weights", run.config, splits)
    try:
        return explorer.encode(explorer.gather(run, splits, folder=Path(path))), ""
    except InputError as error:
        return "", f"The networks cannot be looked into here: {error}."
