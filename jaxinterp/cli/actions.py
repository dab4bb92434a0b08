"""What does each command do? Every function takes the parsed command."""

import contextlib
import shlex
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from jaxinterp.cli.progress import progress_bar, study_progress
from jaxinterp.cli.shell import Format, folder_in, say, show
from jaxinterp.config import ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError


def train(command) -> None:
    """Train the networks of a config, or continue an unfinished run."""
    from jaxinterp import store

    if command.resume is not None:
        kept = ("resume", "live", "format", *_PLACE, "distributed")
        if command != type(command)(**{name: getattr(command, name) for name in kept}):
            raise InputError("--resume continues with the run's own config: give no other option with it")
        path, config = command.resume, store.read_config(command.resume)
    else:
        config = RunConfig(command.data, command.model, command.train, recipe=command.recipe)
        path = folder_in(command.root, command.name or command.recipe or "run")
    place = [getattr(command, name) for name in _PLACE]
    if command.distributed:
        _train_together(path, config, place, command)
    elif given := [name for name, value in zip(_PLACE, place, strict=True) if value is not None]:
        raise InputError(f"--{given[0].replace('_', '-')} belongs to --distributed: give both")
    else:
        live = command.format if command.live else None
        _show_run(path, _train_into(path, config, resume=command.resume is not None, live=live), command.format)


_PLACE = ("coordinator", "processes", "process_id")  # the options that say which of several processes this is


def _train_together(path: Path, config: RunConfig, place, command) -> None:
    """Train a run with other processes. Process 0 shows its progress, and the run."""
    from jaxinterp import jobs, processes, store

    with processes.joined(*place) as group, progress_bar() as update:
        what = f"{path.name}: {config.train.seeds} seeds, {group.processes} processes"
        live = command.format if command.live and group.process == 0 else None
        with _shown(partial(update, what), path, config, live) as progress:
            progress = None if group.process else progress
            jobs.train_arms({path: config}, resume=command.resume is not None, progress=progress, group=group)
    if group.process == 0:
        _show_run(path, store.load(path), command.format)


def run(command) -> None:
    """Train, answer and report one study, or those that are quick."""
    from jaxinterp import studies

    began = time.monotonic()
    if command.study is None and command.name is not None:
        raise InputError("--name names the run of one study: give --study too")
    chosen = studies.QUICK if command.study is None else (command.study,)
    plans = {
        study: studies.runs(
            study,
            folder_in(command.root, command.name or study),
            seeds=command.seeds,
            epochs=command.epochs,
            optional=command.study is not None,
        )
        for study in chosen
    }
    shown = None
    for study, runs in plans.items():
        for path, config in runs.items():
            _train_into(path, config, resume=True)
        path = next(iter(runs))
        shown = _answer(study, path, command, slow=command.study is not None, page=_write_report, after=shown)
    if command.study is None:
        left = [study for study in studies.STUDIES if study not in plans]
        for study in plans:
            optional = [*studies.get(study).optional, *studies.get(study).slow]
            left += [f"the rows of {study} about {' and '.join(optional)}"] if optional else []
        say(f"left for jaxinterp study all: {', '.join(left)}", command.format)
    say(f"{time.monotonic() - began:.0f} s", command.format)


def study(command) -> None:
    """Judge the claims of one study, or of all."""
    from jaxinterp import store, studies

    chosen = list(studies.STUDIES) if command.study == "all" else [command.study]
    if command.run is not None:
        if command.study == "all":
            raise InputError("--run belongs to one study: name the study instead of all")
        store.check_complete(command.run)
        studies.check_run(command.study, command.run)
    root = store.ROOT
    plans = {study: studies.runs(study, command.run or root / study, seeds=command.seeds) for study in chosen}
    if command.run is not None:
        plans[command.study], reasons = studies.trainable(command.study, plans[command.study])
        for reason in reasons:
            print(f"jaxinterp: {reason}", file=sys.stderr)
    shown = None
    for study, runs in plans.items():
        for path, config in runs.items():
            if not store.is_complete(path):
                _train_into(path, config, resume=True)
        shown = _answer(study, next(iter(runs)), command, again=command.again, after=shown)


def analyze(command) -> None:
    """Run one analysis on a run."""
    from jaxinterp.report import tables
    from jaxinterp.studies import analyses

    with study_progress(command.analysis) as update:
        dataset = analyses.run(command.run, command.analysis, again=command.again, progress=update)
    show(tables.dataset_table(dataset, title=f"{command.analysis}: {command.run}"), command.format)


def report(command) -> None:
    """Write a run's page, or a page of two runs."""
    import webbrowser

    from jaxinterp import report

    if command.other is None:
        page = _write_report(command.run)
    else:
        page = report.write_pair(command.run, command.other)
    say(f"open {page}")
    if command.open:
        webbrowser.open(page.resolve().as_uri())


def export(command) -> None:
    """Write a run's learning curves for TensorBoard or W&B."""
    from jaxinterp import store
    from jaxinterp.report import exports

    if command.tensorboard is None and command.wandb is None:
        raise InputError("give --tensorboard FOLDER or --wandb FOLDER, or both")
    store.check_complete(command.run)
    if command.tensorboard is not None:
        written = exports.to_tensorboard(command.run, command.tensorboard, command.seeds)
        say(f"wrote {written}; look at it with: {shlex.join(['tensorboard', '--logdir', str(command.tensorboard)])}")
    if command.wandb is not None:
        written = exports.to_wandb(command.run, command.wandb, command.seeds)
        say(f"wrote {len(written)} offline runs; send them, if you want to, with:")
        say(shlex.join(["wandb", "sync", *map(str, written)]))


def runs(command) -> None:
    """List all runs, or the seeds of one."""
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


def recipes(command) -> None:
    """List the recipes."""
    from jaxinterp.recipes import RECIPES
    from jaxinterp.report import tables

    show(tables.recipes_table(RECIPES), command.format)


def doctor(command) -> None:
    """Check the installation."""
    from jaxinterp import doctor
    from jaxinterp.report import tables

    checks = list(doctor.checks())
    show(tables.checks_table(checks), command.format)
    if wrong := [f"{check.what} is {check.found} ({check.expected})" for check in checks if check.verdict == "wrong"]:
        raise InputError(f"not in order: {'; '.join(wrong)}")


def studies(command) -> None:
    """List the studies."""
    from jaxinterp.report import tables
    from jaxinterp.studies import STUDIES

    show(tables.studies_table(STUDIES), command.format)


def completion(command) -> None:
    """Print a script for a shell."""
    from jaxinterp.cli import commands
    from jaxinterp.cli.completion import script

    print(script(commands.parsed, command.shell), end="")


def import_(command) -> None:
    """Store weights from elsewhere as a run."""
    from jaxinterp import foreign, jobs
    from jaxinterp.report import tables

    path = folder_in(command.root, command.name)
    if not command.files:
        raise InputError("give the weights: at least one FILE")
    given = {name: value for name, value in vars(command.model).items() if value is not None}
    read = {name: given.get(name) for name in jobs.READ_FROM_FILE}
    known = foreign.Known(**read, layers=command.layers, orientation=command.orientation)
    config = RunConfig(
        command.data, ModelConfig(**given), TrainConfig(seeds=1, epochs=1, loss=command.loss), jobs.IMPORTED
    )
    asked = vars(command.model).keys() - given.keys()
    tell = partial(say, kind=command.format)
    imported = jobs.import_run(path, config, *command.files, known=known, asked=asked, force=command.force, say=tell)
    show(tables.mapping_table(imported.mapping, title=str(path)), command.format)
    for sentence in foreign.sentences(command.files, imported.told, imported.check, imported.fitted):
        tell(sentence)


def _train_into(path: Path, config: RunConfig, *, resume: bool, live: Format | None = None):
    from jaxinterp import jobs

    with progress_bar() as update:
        what = f"{path.name}: {config.train.seeds} seeds"
        with _shown(partial(update, what), path, config, live) as progress:
            return jobs.train_run(path, config, resume=resume, progress=progress)


@contextlib.contextmanager
def _shown(bar: Callable, path: Path, config: RunConfig, live: Format | None):
    """A callback for the bar and, if its path is to be printed in a format, for the page that shows training."""
    if live is None:
        yield bar
        return
    from jaxinterp.report import live as page

    with page.page(path, config, lambda file: say(f"open {file}", live)) as write:

        def progress(checkpoint) -> None:
            bar(checkpoint)
            write(checkpoint)

        yield progress


def _answer(study: str, path: Path, command, *, again: bool = False, slow: bool = True, page=None, after=None):
    """Print a study's answer: in short in a terminal, unless all of it is asked for, and every finding otherwise."""
    from jaxinterp import store, studies
    from jaxinterp.report import tables

    with study_progress(study) as update:
        answer = studies.run(study, path, again=again, slow=slow, progress=update)
    written = page(path) if page else None
    short = command.format == "table" and not command.all
    if short:
        say(tables.in_short(answer, path, store.read_config(path)), command.format)
    shown = show(
        tables.findings_table(answer.highlights if short else answer.findings, title=f"{study}: {path}"),
        command.format,
        after=after,
    )
    hint = f"; all {len(answer.findings)} findings: jaxinterp study {study} --run {path} --all" if short else ""
    where = f"open {written}" if written else f"page: jaxinterp report {path}"
    if not short:
        say(answer.sentence, command.format)
    say(f"{where}{hint}", command.format)
    return shown


def _write_report(path: Path) -> Path:
    from jaxinterp import report

    return report.write(path)


def _show_run(path: Path, run, kind: Format) -> None:
    from jaxinterp.report import tables

    show(tables.run_table(path, run), kind)


def _show_seeds(path: Path, run, kind: Format) -> None:
    from jaxinterp import store
    from jaxinterp.report import explorer, tables

    try:
        dead = explorer.dead_units(run, store.data_of(path, run.config))
    except InputError as error:  # everything else is known without its data
        print(f"jaxinterp: dead units are not counted: {error}", file=sys.stderr)
        dead = None
    show(tables.seeds_table(path, run, dead), kind)
