"""What do all commands share? One-line errors, parsing, the set-up of JAX, printing of tables."""

import contextlib
import gc
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import tyro

from jaxinterp import interrupts
from jaxinterp.cli.complaints import in_one_line
from jaxinterp.config import RunConfig
from jaxinterp.errors import InputError, InputWarning, printable

CLOSED = 141  # what shells report of a program whose reader has gone

Format = Literal["table", "json", "csv", "markdown"]


def run_program(name: str, action: Callable[[list[str]], None], arguments: list[str] | None) -> int:
    """Do what a program of this name does, by default with the arguments of the command line; return the exit code.

    Without arguments it prints its help.
    """
    if arguments is None:
        arguments = sys.argv[1:]
        if "--debug" not in arguments:
            quieten_libraries()
    if arguments == ["--version"]:
        from jaxinterp import __version__  # here, since reading it takes a moment

        print(f"{name} {__version__}")
        return 0
    return guarded(action, list(arguments) or ["--help"])


def guarded(action: Callable[[list[str]], None], arguments: list[str]) -> int:
    """Do an action and return the exit code, one of those in docs/commands.md. Errors are reported in one line."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± shows ? rather than a traceback
    no_longer = interrupts.end_process()
    try:
        prepare_jax()
        with _warning_in_lines():
            action([argument for argument in arguments if argument != "--debug"])
        sys.stdout.flush()
        return 0
    except InputError as error:
        if "--debug" in arguments:
            raise
        print(f"jaxinterp: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # as of `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more as it ends
        return CLOSED
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
        raise InputError(in_one_line(complaint.getvalue())) from None


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


def prepare_jax() -> None:
    """Make every core a device, and keep compiled programs in the user's cache folder, if there is a home for it."""
    from jaxinterp import ensemble, programs

    with contextlib.suppress(RuntimeError):  # users without a home directory
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxinterp"
        programs.keep(cache, compiled_for=0.3)
    ensemble.use_every_core()


def show(table, kind: Format = "table", *, after=None):
    """Print a `report.tables.Table`, drawn for a terminal or in the format that is asked for, and return it.

    after: the table that was printed before this one; an empty line separates the two. In JSON each table is one line
    instead, and in CSV rows follow under the earlier header if this table has the same one.
    """
    from rich.console import Console

    if kind == "table":
        console = Console()
        try:
            # A pipe has no width: tables are then as wide as they need to be rather than cut at 80 columns.
            Console(width=None if console.is_terminal else 160).print(table)
        except SystemExit:  # rich's own end where the reader has gone
            raise BrokenPipeError from None
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
