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

__all__ = ["figures_of", "from_scratch", "render", "render_pair", "write", "write_pair"]


def write(path: Path | str) -> Path:
    """Write a run's page, <run>/report/index.html, from the results that it holds, and return the file."""
    from jaxinterp.report import build

    target = Path(path) / "report" / "index.html"
    build.write(target, render(path))
    return target


def write_pair(first: Path | str, second: Path | str) -> Path:
    """Write a page of two runs, <first>/report/with-<second>.html, and return the file."""
    from jaxinterp.report import build

    target = Path(first) / "report" / f"with-{Path(second).resolve().name}.html"
    build.write(target, render_pair(first, second))
    return target


def render_pair(first: Path | str, second: Path | str) -> str:
    """A page of two runs as HTML: their findings side by side, and the networks of both, half as many bytes of each.

    Raises InputError where both are the same run.
    """
    from jaxinterp.report import explorer, pair

    if Path(first).resolve() == Path(second).resolve():
        raise InputError(f"{first} cannot be compared with itself: name two runs")
    runs = [(path, store.load(path)) for path in (first, second)]
    names = [Path(path).resolve().name for path in (first, second)]
    if names[0] == names[1]:
        names = [str(path) for path in (first, second)]
    return pair.render(
        [
            pair.Member(
                name,
                str(path),
                studies.answers(path),
                run.history,
                run.config,
                *_explored(path, run, limit=explorer.LIMIT // 2),
                store.read_sources(path),
            )
            for name, (path, run) in zip(names, runs, strict=True)
        ]
    )


def render(path: Path | str) -> str:
    """A run's page as HTML, from the results that it holds."""
    from jaxinterp.report import build, settings, tables

    run, answers = store.load(path), studies.answers(path)
    seeds = run.config.train.seeds
    with ThreadPoolExecutor(1) as beside:  # compiling and computing leave the interpreter free to draw
        explored = beside.submit(_explored, path, run)
        figures = [
            build.drawn(figure) for study, answer in answers.items() for figure in figures_of(study)(answer.results)
        ]
        payload, reason, class_names = explored.result()
    return build.render(
        f"{Path(path).resolve().name}: {seeds} network{'s' if seeds > 1 else ''}",
        [finding for answer in answers.values() for finding in answer.findings],
        folder=str(path),
        from_scratch={study: command for study in answers if (command := from_scratch(study, path))},
        summaries=[
            build.Summary(answer.study.question, answer.sentence, answer.highlights) for answer in answers.values()
        ],
        analyses=[tables.dataset_table(found, title=name) for name, found in analyses.stored(path).items()],
        figures=figures,
        history=run.history,
        config=run.config,
        made={"command": settings.command(run.config), **store.read_made(path)},
        payload=payload,
        reason=reason,
        class_names=class_names,
        sources=store.read_sources(path),
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


def _explored(path: Path | str, run: store.Run, *, limit: int | None = None) -> tuple[str, str, tuple[str, ...]]:
    """What the page's explorer reads, or why there is none, and the names of classes as far as they are known.

    limit: bytes, if less than a page of one run has. Raises InputError if the data are not the run's.
    """
    from jaxinterp.report import explorer

    try:
        splits = data.load(run.config.data)
    except InputError as error:
        return "", f"The networks cannot be looked into here: {error}.", ()
    store.check_data(Path(path) / "weights", run.config, splits)
    try:
        gathered = explorer.gather(run, splits, folder=Path(path), limit=limit or explorer.LIMIT)
        return explorer.encode(gathered), "", splits.test.class_names
    except InputError as error:
        return "", f"The networks cannot be looked into here: {error}.", splits.test.class_names
