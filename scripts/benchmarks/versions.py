"""How much faster are the commands that users wait for than they were at an older commit?

The older version is checked out into a temporary folder and installed there from its own lock, so this needs git, make
and the network. Both versions take turns. A command's first turn begins with nothing: no networks, no compiled
programs. Later turns reuse what the first stored, but `run` trains its networks again, and a study measures again.

Since the older commit, studies have got further claims; a study's time is that of all its claims in each version.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.options import Options
from benchmarks.race import Contestant, Result, Timing, race, ratios, spread
from jaxinterp import data, studies

ROOT = Path(__file__).parents[2]
# In a small process of its own: a process's peak starts at the memory of its parent.
_MEASURED = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "peak": 1024 * used.ru_maxrss}))
"""
_STORED = """
import sys
from pathlib import Path
sys.path.insert(0, "scripts")
from benchmarks import page
from jaxinterp import data
from jaxinterp.config import DataConfig
page.stored(Path(sys.argv[1]), data.load(DataConfig()), int(sys.argv[2]))
"""


class Version(NamedTuple):
    """An installed version: its checkout, its environment, a folder to work in, and what each command's turns used."""

    root: Path
    bin: Path
    work: Path
    used: dict[str, list[dict[str, float]]]


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    assert options.against is not None
    with tempfile.TemporaryDirectory() as folder:
        now = Version(ROOT, Path(sys.executable).parent, Path(folder, "now"), {})
        old = Version(*checked_out(options.against, Path(folder, "checkout")), Path(folder, "old"), {})
        return raced(now, old, options)


def raced(now: Version, old: Version, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing of two versions, and the table's rows."""
    timings, results = {}, []
    for name, (command, clear, targets) in _commands(options.seeds).items():
        both = {
            label: Contestant(1, _turns(version, name, command, clear, options.seeds))
            for label, version in (("ours", now), ("older", old))
        }
        found = race(both, options.rounds)
        timings[name] = {**found, "used": [now.used[name], old.used[name]]}
        results += _rows(name, found, targets, now, old)
        print(f"  {name}: {results[-1].ratio}", file=sys.stderr, flush=True)
    return timings, results


def checked_out(commit: str, folder: Path) -> tuple[Path, Path]:
    """The checkout of a commit, and the folder of programs of the environment that it builds."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", commit], check=True)
    subprocess.run(["make", "--silent", "-C", str(folder), ".venv/.installed"], check=True, stdout=sys.stderr)
    return folder, folder / ".venv" / "bin"


def _commands(seeds: int) -> dict[str, tuple[list[str], Callable[[Path], None], tuple[str, str]]]:
    """Of each command: its arguments, what is removed before a turn, and the targets of a first and a later turn."""
    number = ["--seeds", str(seeds)]
    each = {
        f"study {name}": (["study", name, *number], _without_results, ("≥ 2.5" if name == _LONGEST else "≥ 2", "≥ 3"))
        for name in studies.STUDIES
    }
    run = ["run", *number], lambda work: shutil.rmtree(work / "checkpoints", ignore_errors=True), ("≥ 2", "≥ 1.8")
    return {"run": run, "page": (["report", "run"], lambda work: None, ("", "≥ 2.5")), **each}


_LONGEST = "looking-for-four"


def _without_results(work: Path) -> None:
    for folder in work.glob("checkpoints/**/results"):
        shutil.rmtree(folder)


def _turns(version: Version, name: str, command: list[str], clear: Callable, seeds: int) -> Iterator[None]:
    work = version.work / name
    work.mkdir(parents=True)
    if name == "page":
        subprocess.run(
            [version.bin / "python", "-c", _STORED, str(work / "run"), str(seeds)], check=True, cwd=version.root
        )
    environment = {"XDG_CACHE_HOME": str(work / "cache"), "PATH": os.environ["PATH"]}
    while True:
        clear(work)
        measured = [sys.executable, "-c", _MEASURED, str(version.bin / "jaxinterp"), *command]
        done = subprocess.run(measured, check=True, cwd=work, env=environment, stdout=subprocess.PIPE)
        version.used.setdefault(name, []).append(json.loads(done.stdout))
        yield


def _rows(
    name: str, timings: dict[str, Timing], targets: tuple[str, str], now: Version, old: Version
) -> Iterator[Result]:
    mine, other = timings["ours"], timings["older"]
    first = spread([other.first / mine.first])
    yield Result(f"{name}, first", "s", spread([mine.first]), first, targets[0], _note(other.first, name, now, old, 0))
    yield Result(
        f"{name}, again", "s", spread(mine.seconds), ratios(mine, other), targets[1],
        _note(spread(other.seconds)[0], name, now, old, -1),
    )  # fmt: skip


def _note(seconds: float, name: str, now: Version, old: Version, turn: int) -> str:
    was, is_ = old.used[name][turn], now.used[name][turn]
    return (
        f"older: {seconds:.3g} s; CPU {was['cpu']:.0f} → {is_['cpu']:.0f} s; "
        f"peak {was['peak'] / 1e9:.2f} → {is_['peak'] / 1e9:.2f} GB"
    )
