"""What do all commands share? One-line errors, parsing, the set-up of JAX, progress bars, printing of tables."""

import contextlib
import gc
import io
import logging
import os
import re
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import tyro

from jaxinterp import interrupts
from jaxinterp.config import RunConfig
from jaxinterp.errors import InputError, InputWarning, printable

QUIET = 10.0  # seconds between lines of progress where there is no terminal

Format = Literal["table", "json", "csv", "markdown"]


def guarded(action: Callable[[list[str]], None], arguments: list[str]) -> int:
    """Do an action; the exit code is 0, 2 after wrong input, which is reported in one line, or 130 after Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± shows ? rather than a traceback
    no_longer = interrupts.end_process()
    try:
        prepare_jax()
        with _warning_in_lines():
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
        print(printable(f"jaxinterp: {error.filename or 'the disk'}: {error.strerror or error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(interrupts.MESSAGE, file=sys.stderr)
        return interrupts.CODE
    finally:
        no_longer()


@contextlib.contextmanager
def _warning_in_lines():
    """Print every InputWarning once, in one line."""
    shown, usual = set(), warnings.showwarning

    def show_warning(message, category, *place, **options) -> None:
        if not issubclass(category, InputWarning):
            usual(message, category, *place, **options)
        elif str(message) not in shown:
            shown.add(str(message))
            print(f"jaxinterp: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", InputWarning)
        warnings.showwarning = show_warning
        yield


def quieten_libraries() -> None:
    """Hide what libraries log, warn of, or raise in threads of their own; errors of the command itself are printed."""
    for name in ("absl", "asyncio", "matplotlib", "orbax", "uvloop"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")  # it compiles again
    threading.excepthook = sys.unraisablehook = lambda _: None


def folder_in(root: Path, name: str) -> Path:
    """The folder of a run with this name. Raises InputError for what would lie elsewhere, or not be listed."""
    if not name.isprintable() or not name.strip() or name.startswith(".") or {"/", "\\"} & set(name):
        raise InputError(f"--name {name!r} is no name for a folder in {root}: use printable characters and no /")
    return root / name


def parse(kind, arguments: list[str], **options):
    """tyro's parser. Raises InputError, in one line, where it rejects the arguments."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint), _no_garbage_collection():
            return tyro.cli(kind, args=arguments, **options)
    except SystemExit as exit_:
        if not exit_.code:
            raise
        raise InputError(_one_line(complaint.getvalue())) from None


@contextlib.contextmanager
def _no_garbage_collection():
    """Until Python 3.11.8, ast.parse, by which tyro reads docstrings, fails where the collector calls it meanwhile.

    It does so where it discards a task whose exception nobody read: the traceback is formatted (CPython, gh-106905).
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


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
    return re.sub(r"\s*For full helptext.*", "", text) + "; see --help"


def prepare_jax() -> None:
    """Make every core a device, and keep compiled programs in the user's cache folder, if there is a home for it."""
    from jaxinterp import ensemble, programs

    with contextlib.suppress(RuntimeError):  # users without a home directory
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxinterp"
        programs.keep(cache, compiled_for=0.3)
    ensemble.use_every_core()


@contextlib.contextmanager
def progress_bar():
    """A callback (what, state) that shows epoch, accuracy and time left; on a pipe, one line every 10 seconds."""
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
        tasks, said = {}, [time.monotonic()]

        def update(what: str, state) -> None:
            what = printable(what)
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=state.metrics.accuracy.shape[1], accuracy="")
            now = state.metrics.accuracy[:, state.epoch - 1, SPLITS.index("test")]
            mean = f", test accuracy {np.nanmean(now):.2%}" if np.isfinite(now).any() else ""
            bar.update(tasks[what], completed=state.epoch, accuracy=mean)
            if not console.is_terminal and time.monotonic() - said[0] > QUIET:
                said[0] = time.monotonic()
                print(f"{what}: epoch {state.epoch} of {state.metrics.accuracy.shape[1]}{mean}", file=sys.stderr)

        yield update


@contextlib.contextmanager
def study_progress(study: str, *, doing: str = "measuring"):
    """A callback (measurement, done, total) that shows which measurement is being made; one line each on a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(study, total=None)

        def update(measurement: str, done: int, total: int) -> None:
            bar.update(task, description=f"{study}: {measurement or 'measured'}", completed=done, total=total)
            if not console.is_terminal and measurement:
                print(f"{study}: {doing} {measurement} ({done + 1} of {total})", file=sys.stderr)

        yield update


def show(table, kind: Format = "table", *, after=None):
    """Print a `report.tables.Table`, drawn for a terminal or in the format that is asked for, and return it.

    after: the table that was printed before this one; an empty line separates the two. In JSON each table is one line
    instead, and in CSV rows follow under the earlier header if this table has the same one.
    """
    from rich.console import Console

    if kind == "table":
        console = Console()
        # A pipe has no width: tables are then as wide as they need to be rather than cut at 80 columns.
        Console(width=None if console.is_terminal else 160).print(table)
        return table
    text = table.export(kind)
    if after is not None and kind == "csv":
        header, _, rows = text.partition("\n")
        text = rows if header == after.export(kind).partition("\n")[0] else f"\n{text}"
    elif after is not None and kind == "markdown":
        text = f"\n{text}"
    print(text, end="")
    return table


def say(text: str, kind: Format = "table") -> None:
    """Print a sentence; on stderr where stdout is read by a program."""
    print(printable(text, kept="\n"), file=sys.stdout if kind == "table" else sys.stderr)
