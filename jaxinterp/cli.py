"""What can be done from the shell? The commands of `jaxinterp`, and all that they print."""

import contextlib
import dataclasses
import io
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional, arg, subcommand

from jaxinterp.config import DataConfig, Loss, ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError

Name = Annotated[str | None, arg(metavar="NAME")]
Folder = Annotated[Path, arg(metavar="FOLDER")]


@dataclass(frozen=True)
class Run:
    """The main job: train a study's networks, answer its claims, write the page. Goes on where it was interrupted."""

    study: str = "instance-variation"
    """the study to answer; its recipe is trained"""
    seeds: int = 32
    """how many networks"""
    name: Name = None
    """the run's folder in root; the study's name by default"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""
    epochs: Annotated[int | None, arg(metavar="INT")] = None
    """train for fewer or more epochs than the recipe does"""


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
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class Study:
    """Answer a study's claims on a trained run; train its recipe first where there is no run yet."""

    study: Positional[Annotated[str, arg(metavar="STUDY")]]
    """the study, such as instance-variation"""
    run: Annotated[Path | None, arg(metavar="RUN")] = None
    """a run's folder; checkpoints/STUDY by default"""
    seeds: int = 32
    """how many networks to train where there is no run yet"""


@dataclass(frozen=True)
class Report:
    """Write a run's page, RUN/report/index.html, from the results that are there."""

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """a run's folder"""


@dataclass(frozen=True)
class Runs:
    """List the runs, or show one of them."""

    run: Positional[Annotated[Path | None, arg(metavar="[RUN]")]] = None
    """a run's folder, to show it alone"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""


@dataclass(frozen=True)
class Recipes:
    """List the recipes of the five write-ups."""


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
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    return guarded(_command, sys.argv[1:] if arguments is None else list(arguments))


def guarded(action: Callable[[list[str]], None], arguments: list[str]) -> int:
    """Do an action; the exit code is 0, 2 for wrong input, which is told in one line, or 130 after Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± shows ? rather than a traceback
    try:
        _prepare_jax()
        action([argument for argument in arguments if argument != "--debug"])
        return 0
    except InputError as error:
        if "--debug" in arguments:
            raise
        print(f"jaxinterp: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if "--debug" in arguments:
            raise
        print(f"jaxinterp: {error.filename or 'the disk'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "jaxinterp: interrupted; what was trained is kept, and --resume goes on (run: run again)", file=sys.stderr
        )
        return 130


def _command(arguments: list[str]) -> None:
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
    command = parse(commands, arguments, prog="jaxinterp", description=description)
    _COMMANDS[type(command)](command)


def parse(kind, arguments: list[str], **options):
    """tyro's parser, with its complaint as an InputError of one line."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(kind, args=arguments, **options)
    except SystemExit as exit_:
        if not exit_.code:
            raise
        raise InputError(_one_line(complaint.getvalue())) from None


def config_to_start_from(arguments: list[str]) -> RunConfig:
    """The recipe that the arguments name: its values are the defaults of all other options."""
    from jaxinterp import recipes

    for place, argument in enumerate(arguments):
        name = arguments[place + 1] if argument == "--recipe" and place + 1 < len(arguments) else None
        name = argument.removeprefix("--recipe=") if argument.startswith("--recipe=") else name
        if name is not None:
            return recipes.get(name).config
    return RunConfig()


def _one_line(complaint: str) -> str:
    """tyro's framed complaint as one line: without its frame, its title and its closing hint."""
    lines = [line.strip("│╰╯ ") for line in complaint.splitlines()[1:]]
    text = " ".join(line for line in lines if line.strip("─-"))
    return re.sub(r"\s*For full helptext.*", "", text) + "; see jaxinterp --help"


def _prepare_jax() -> None:
    """Every core a device, and compiled programs kept in the user's cache folder."""
    import jax

    from jaxinterp import ensemble

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxinterp"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    ensemble.use_every_core()


@contextlib.contextmanager
def progress_bar():
    """A callback (what, state) that shows epoch, accuracy and time left; without a terminal it stays quiet."""
    import numpy as np
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from jaxinterp.train import SPLITS

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs{task.fields[accuracy]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks = {}

        def update(what: str, state) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=state.measured.accuracy.shape[1], accuracy="")
            now = state.measured.accuracy[:, state.epoch - 1, SPLITS.index("test")]
            mean = f", test accuracy {np.nanmean(now):.2%}" if np.isfinite(now).any() else ""
            bar.update(tasks[what], completed=state.epoch, accuracy=mean)

        yield update


def show(renderable) -> None:
    """Print a table."""
    from rich.console import Console

    console = Console()
    # A pipe has no width: tables are then as wide as they need to be rather than cut at 80 columns.
    Console(width=None if console.is_terminal else 160).print(renderable)


def _train(command: Train) -> None:
    from jaxinterp import store

    if command.resume is not None:
        if command != Train(resume=command.resume):
            raise InputError("--resume goes on with the run's own config: give no other option beside it")
        path, config = command.resume, store.read_config(command.resume)
    else:
        config = RunConfig(command.data, command.model, command.train, recipe=command.recipe)
        path = command.root / (command.name or command.recipe or "run")
    run = _train_into(path, config, resume=command.resume is not None)
    _show_run(path, run)


def _train_into(path: Path, config: RunConfig, *, resume: bool):
    from jaxinterp import jobs

    with progress_bar() as update:
        what = f"{path.name}: {config.train.seeds} seeds"
        return jobs.train_run(path, config, resume=resume, progress=partial(update, what))


def _run(command: Run) -> None:
    began = time.monotonic()
    path = command.root / (command.name or command.study)
    _show_run(path, _train_for(command.study, path, command.seeds, command.epochs))
    _answer(command.study, path)
    page = _write_report(path)
    print(f"{time.monotonic() - began:.0f} s; open {page}")


def _train_for(study: str, path: Path, seeds: int, epochs: int | None = None):
    """Train a study's recipe, or go on with it, or read it where it is complete."""
    from jaxinterp import recipes, studies

    studies.check_seeds(study, seeds)
    config = recipes.get(study).config
    changes = {"seeds": seeds} | ({} if epochs is None else {"epochs": epochs})
    return _train_into(
        path, dataclasses.replace(config, train=dataclasses.replace(config.train, **changes)), resume=True
    )


def _study(command: Study) -> None:
    from jaxinterp import store

    path = command.run or Path("checkpoints") / command.study
    if command.run is None and not store.is_complete(path):
        _train_for(command.study, path, command.seeds)
    _answer(command.study, path)


def _answer(study: str, path: Path) -> None:
    from jaxinterp import studies
    from jaxinterp.report import tables

    findings = studies.run(study, path)
    show(tables.findings_table(findings, title=f"{study}: {path}"))


def _write_report(path: Path) -> Path:
    from jaxinterp import report

    return report.write(path)


def _report(command: Report) -> None:
    print(f"open {_write_report(command.run)}")


def _runs(command: Runs) -> None:
    from jaxinterp import store
    from jaxinterp.report import tables

    if command.run is not None:
        _show_run(command.run, store.load(command.run))
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
    show(tables.runs_table(rows))


def _show_run(path: Path, run) -> None:
    from jaxinterp.report import tables

    show(tables.run_table(path, run))


def _recipes(_: Recipes) -> None:
    from jaxinterp.recipes import RECIPES
    from jaxinterp.report import tables

    show(tables.recipes_table(RECIPES))


def _import(command: Import) -> None:
    from jaxinterp import jobs

    path = command.root / command.name
    config = RunConfig(command.data, command.model, TrainConfig(seeds=1, epochs=1, loss=command.loss), jobs.IMPORTED)
    mapping = jobs.import_run(path, config, command.file)
    for source, target in mapping:
        print(f"{source} → {target}")


_COMMANDS = {
    Run: _run,
    Train: _train,
    Study: _study,
    Report: _report,
    Runs: _runs,
    Recipes: _recipes,
    Import: _import,
}

if __name__ == "__main__":
    sys.exit(main())
