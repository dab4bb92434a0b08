"""How is progress shown? As a bar in a terminal, and as one line a minute elsewhere, such as in a log file."""

import contextlib
import sys
import threading
import time

from jaxinterp.errors import printable

QUIET = 60.0  # seconds between lines where there is no terminal


@contextlib.contextmanager
def progress_bar():
    """A callback (what, state) that shows epoch, accuracy and time left; without a terminal, one line a minute."""
    import numpy as np
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

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
    with _progress(*columns) as (bar, say):
        tasks = {}

        def update(what: str, state) -> None:
            what = printable(what)
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=state.metrics.accuracy.shape[1], accuracy="")
            now = state.metrics.accuracy[:, state.epoch - 1, SPLITS.index("test")]
            mean = f", test accuracy {np.nanmean(now):.2%}" if np.isfinite(now).any() else ""
            bar.update(tasks[what], completed=state.epoch, accuracy=mean)
            say(f"{what}: epoch {state.epoch} of {state.metrics.accuracy.shape[1]}{mean}")

        yield update


@contextlib.contextmanager
def study_progress(study: str, *, doing: str = "measuring"):
    """A callback (measurement, done, total) that shows what is measured; without a terminal, one line a minute."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _progress(*columns) as (bar, say):
        task = bar.add_task(study, total=None)

        def update(measurement: str, done: int, total: int) -> None:
            bar.update(task, description=f"{study}: {measurement or 'measured'}", completed=done, total=total)
            if measurement:
                say(f"{study}: {doing} {measurement} ({done + 1} of {total})")

        yield update


@contextlib.contextmanager
def _progress(*columns):
    """rich's bar on stderr, and a callback for the line that is printed once a minute where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        if console.is_terminal:
            yield bar, lambda line: None
        else:
            with _line_a_minute() as say:
                yield bar, say


@contextlib.contextmanager
def _line_a_minute():
    """A callback that takes a line. The newest one is printed by a thread, since some work reports nothing for long."""
    began, ended, latest = time.monotonic(), threading.Event(), [""]

    def repeat() -> None:
        while not ended.wait(QUIET):
            if latest[0]:
                print(f"{latest[0]}, after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    def say(line: str) -> None:
        latest[0] = line

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield say
    finally:
        ended.set()
        thread.join()
