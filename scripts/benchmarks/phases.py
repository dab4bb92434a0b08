"""What do users wait for? The seconds of a warm command by phase: imports, tracing, lowering, compiling, drawing.

A study and a page of checkpoints/demo, each in a fresh process, once all programs have been compiled by an earlier one.
What is left is computing, reading and writing, and Python. Phases that overlap, since two threads work on the page,
count each.
"""

import contextlib
import io
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.options import Options
from benchmarks.page import DEMO
from benchmarks.race import Result, spread
from jaxinterp import data

COMMANDS = {
    "study": ("study", "instance-variation", "--again", "--run"),
    "page": ("report",),
}
_EVENTS = {
    "/jax/core/compile/jaxpr_trace_duration": "tracing",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lowering",
    "/jax/core/compile/backend_compile_duration": "compiling, or reading what was compiled",
}


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows: medians over rounds, and shares of all the time."""
    timings: dict[str, Any] = {}
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        run, cache = Path(folder) / "run", Path(folder) / "cache"
        shutil.copytree(DEMO, run)
        for name, command in COMMANDS.items():
            rounds = [
                processes.call("phases", "of", time.time(), [*command, str(run)], str(cache))
                for _ in range(1 + options.rounds)
            ]
            timings[name] = rounds
            for phase in rounds[0]:
                seconds = [own[phase] for own in rounds[1:]]
                shares = [own[phase] / own["all"] for own in rounds[1:]]
                results.append(Result(f"{name}: {phase}", "s", spread(seconds), spread(shares), note="ratio: of all"))
    return timings, results


def of(launched: float, command: list[str], cache: str) -> dict[str, float]:
    """Seconds of a command by phase, and of all. launched: when this process was started, by time.time."""
    os.environ["XDG_CACHE_HOME"] = cache
    import jax

    from jaxinterp import cli
    from jaxinterp.report import build, explorer, figures  # noqa: F401  # what the commands would load later

    seconds = {"imports": time.time() - launched}
    spans: dict[str, list[tuple[float, float]]] = {phase: [] for phase in _EVENTS.values()}

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if phase := _EVENTS.get(event):
            end, known = time.time(), spans[phase]
            while known and known[-1][0] >= end - duration_secs:  # within this one, and counted by it
                known.pop()
            known.append((end - duration_secs, end))

    jax.monitoring.register_event_duration_secs_listener(listen)
    drawn, drawing = build.drawn, 0.0

    def timed(figure: Any) -> Any:
        nonlocal drawing
        begin = time.time()
        found = drawn(figure)
        drawing += time.time() - begin
        return found

    build.drawn = timed
    with contextlib.redirect_stdout(io.StringIO()):
        code = cli.main(command)
    assert code == 0, f"jaxinterp {' '.join(command)} ended with {code}"
    seconds |= {phase: sum(end - begin for begin, end in own) for phase, own in spans.items()}
    seconds |= {"drawing": drawing, "all": time.time() - launched}
    return {"all": seconds.pop("all"), **seconds}
