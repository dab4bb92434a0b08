"""Which commands are there, what do they take, and what do they do?"""

import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg, subcommand

from jaxinterp.cli.shell import Format, config_to_start_from, parse, progress_bar, say, show
from jaxinterp.config import DataConfig, Loss, ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError

Name = Annotated[str | None, arg(metavar="NAME")]
Seeds = Annotated[int | None, arg(metavar="INT")]
Folder = Annotated[Path, arg(metavar="FOLDER")]


@dataclass(frozen=True)
class Run:
    """The main job: train a study's networks, answer its claims, write the page. Goes on where it was interrupted."""

    study: Annotated[str | None, arg(metavar="STUDY")] = None
    """the study to answer; by default those that fit into three minutes on two cores"""
    seeds: Seeds = None
    """how many networks; the study's own number by default"""
    name: Name = None
    """the run's folder in root, for one study; the study's name by default"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""
    epochs: Annotated[int | None, arg(metavar="INT")] = None
    """train for fewer or more epochs than the recipe does"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown, all else then on stderr"""


@dataclass(frozen=True)
class Train:
    """Train many seeds of one network in one compiled program.

    Start from a study's recipe with --recipe, and change any field by its option.
    """

    recipe: str = ""
    """start from this recipe: see jaxinterp recipes"""
    name: Name = None
    """the run's folder in root; the recipe's name by default"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""
    resume: Annotated[Path | None, arg(metavar="RUN")] = None
    """go on with this unfinished run; its own config is used"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown, all else then on stderr"""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class Study:
    """Answer a study's claims on a trained run; train what it asks first, where that is not there yet."""

    study: Positional[Annotated[str, arg(metavar="STUDY")]]
    """the study, such as instance-variation, or all"""
    run: Annotated[Path | None, arg(metavar="RUN")] = None
    """a run's folder; checkpoints/STUDY by default"""
    seeds: Seeds = None
    """how many networks to train where there is no run yet; the study's own number by default"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown, all else then on stderr"""


@dataclass(frozen=True)
class Report:
    """Write a run's page, RUN/report/index.html, from the results that are there."""

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """a run's folder"""


@dataclass(frozen=True)
class Runs:
    """List the runs, or show every seed of one of them."""

    run: Positional[Annotated[Path | None, arg(metavar="[RUN]")]] = None
    """a run's folder, to show its seeds: accuracy, dead units, divergence"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown, all else then on stderr"""


@dataclass(frozen=True)
class Recipes:
    """List the recipes of the five write-ups."""

    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown, all else then on stderr"""


@dataclass(frozen=True)
class Import:
    """Make a run of weights that were trained elsewhere, and print which tensor went where.

    The file is a PyTorch state_dict saved as .safetensors, or an .npz of plain arrays; pickles are refused.
    """

    file: Positional[Annotated[Path, arg(metavar="FILE")]]
    """the weights"""
    name: Annotated[str, arg(metavar="NAME")]
    """the run's folder in root"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""
    loss: Loss = "cross_entropy"
    """what the outputs mean: logits of classes, one logit (binary_cross_entropy) or values (squared_error)"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown, all else then on stderr"""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)


def command(arguments: list[str]) -> None:
    """Do what the arguments say."""
    start = config_to_start_from(arguments)
    train = Train(start.recipe, data=start.data, model=start.model, train=start.train)
    commands = (
        Annotated[Run, subcommand("run")]
        | Annotated[Train, subcommand("train", default=train)]
        | Annotated[Study, subcommand("study")]
        | Annotated[Report, subcommand("report")]
        | Annotated[Runs, subcommand("runs")]
        | Annotated[Recipes, subcommand("recipes")]
        | Annotated[Import, subcommand("import")]
    )
    description = (
        "Ask interpretability questions of hundreds of small networks at once. Start with: jaxinterp run. "
        "With --debug, an error shows its traceback."
    )
    chosen = parse(commands, arguments, prog="jaxinterp", description=description)
    _COMMANDS[type(chosen)](chosen)


def _train(command: Train) -> None:
    from jaxinterp import store

    if command.resume is not None:
        if command != Train(resume=command.resume, format=command.format):
            raise InputError("--resume goes on with the run's own config: give no other option beside it")
        path, config = command.resume, store.read_config(command.resume)
    else:
        config = RunConfig(command.data, command.model, command.train, recipe=command.recipe)
        path = command.root / (command.name or command.recipe or "run")
    run = _train_into(path, config, resume=command.resume is not None)
    _show_run(path, run, command.format)


def _train_into(path: Path, config: RunConfig, *, resume: bool):
    from jaxinterp import jobs

    with progress_bar() as update:
        what = f"{path.name}: {config.train.seeds} seeds"
        return jobs.train_run(path, config, resume=resume, progress=partial(update, what))


def _run(command: Run) -> None:
    from jaxinterp import studies

    began = time.monotonic()
    if command.study is None and command.name is not None:
        raise InputError("--name names the run of one study: give --study too")
    chosen = studies.QUICK if command.study is None else (command.study,)
    plans = {
        study: studies.runs(
            study,
            command.root / (command.name or study),
            seeds=command.seeds,
            epochs=command.epochs,
            optional=command.study is not None,
        )
        for study in chosen
    }
    pages, shown = [], None
    for study, runs in plans.items():
        for path, config in runs.items():
            shown = _show_run(path, _train_into(path, config, resume=True), command.format, after=shown)
        shown = _answer(study, next(iter(runs)), command.format, after=shown)
        pages.append(str(_write_report(next(iter(runs)))))
    if command.study is None:
        left = [study for study in studies.STUDIES if study not in plans]
        asked = {study: " and ".join(studies.get(study).optional) for study in plans}
        left += [f"the rows of {study} that ask {arms}" for study, arms in asked.items() if arms]
        say(f"left for jaxinterp study all: {', '.join(left)}", command.format)
    say(f"{time.monotonic() - began:.0f} s; open {' and '.join(pages)}", command.format)


def _study(command: Study) -> None:
    from jaxinterp import store, studies

    chosen = list(studies.STUDIES) if command.study == "all" else [command.study]
    if command.run is not None:
        if command.study == "all":
            raise InputError("--run is one study's: name the study instead of all")
        store.check_complete(command.run)
    root = Path("checkpoints")
    plans = {study: studies.runs(study, command.run or root / study, seeds=command.seeds) for study in chosen}
    shown = None
    for study, runs in plans.items():
        for path, config in runs.items():
            if not store.is_complete(path):
                _train_into(path, config, resume=True)
        shown = _answer(study, next(iter(runs)), command.format, after=shown)


def _answer(study: str, path: Path, kind: Format, *, after=None):
    from jaxinterp import studies
    from jaxinterp.report import tables

    answer = studies.run(study, path)
    shown = show(tables.findings_table(answer.findings, title=f"{study}: {path}"), kind, after=after)
    say(answer.sentence, kind)
    return shown


def _write_report(path: Path) -> Path:
    from jaxinterp import report

    return report.write(path)


def _report(command: Report) -> None:
    print(f"open {_write_report(command.run)}")


def _runs(command: Runs) -> None:
    from jaxinterp import store
    from jaxinterp.report import tables

    if command.run is not None:
        _show_seeds(command.run, store.load(command.run), command.format)
        return
    paths = store.runs(command.root)
    if not paths:
        raise InputError(f"no runs in {command.root}; train one with: jaxinterp train --recipe bottleneck-neurons")
    rows = []
    for path in paths:
        try:
            history = store.read_history(path) if store.is_complete(path) else None
            rows.append((path, store.read_config(path), history))
        except InputError as error:  # one damaged run does not hide the others
            print(f"jaxinterp: {error}", file=sys.stderr)
    show(tables.runs_table(rows), command.format)


def _show_run(path: Path, run, kind: Format, *, after=None):
    from jaxinterp.report import tables

    return show(tables.run_table(path, run), kind, after=after)


def _show_seeds(path: Path, run, kind: Format) -> None:
    from jaxinterp import data
    from jaxinterp.report import explorer, tables

    try:
        dead = explorer.dead_units(run, data.load(run.config.data))
    except InputError as error:  # its data are not here: all else is known
        print(f"jaxinterp: dead units are not counted: {error}", file=sys.stderr)
        dead = None
    show(tables.seeds_table(path, run, dead), kind)


def _recipes(command: Recipes) -> None:
    from jaxinterp.recipes import RECIPES
    from jaxinterp.report import tables

    show(tables.recipes_table(RECIPES), command.format)


def _import(command: Import) -> None:
    from jaxinterp import jobs
    from jaxinterp.report import tables

    path = command.root / command.name
    config = RunConfig(command.data, command.model, TrainConfig(seeds=1, epochs=1, loss=command.loss), jobs.IMPORTED)
    mapping = jobs.import_run(path, config, command.file)
    show(tables.mapping_table(mapping, title=str(path)), command.format)


_COMMANDS = {
    Run: _run,
    Train: _train,
    Study: _study,
    Report: _report,
    Runs: _runs,
    Recipes: _recipes,
    Import: _import,
}
