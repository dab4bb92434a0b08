"""Is anything lost when a command is killed? Writes the table in docs/reliability.md.

    python scripts/kills.py                         # 100 kills at random moments, 200 between operations on files
    python scripts/kills.py --kills 8 --placed 8    # fewer

train, a sweep, analyze and report run on small networks in a temporary folder: once to the end, and then many times
killed by SIGKILL, at a random moment or just before one of the command's operations on files. After each kill the
command is repeated until it ends by itself, and what is stored is compared with the uninterrupted run.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tyro
from documents import insert

from jaxinterp import cli

DOCUMENT = Path(__file__).parents[1] / "docs" / "reliability.md"
SMALL = ("--train.seeds", "3", "--train.epochs", "20", "--train.batch-size", "32", "--data.train-size", "400")
STROKES = ("--data.source", "strokes", "--model.widths", "6", "4", "--model.outputs", "2", *SMALL)
TRIES = 3  # a command that does not end by itself in so many is stuck

# Runs a command, and kills it before the operation of this number; the number of them is printed if it ends by itself.
_COUNTING = """
import os, signal, sys
last, made = int(sys.argv[1]), 0
def counted(operation):
    def call(*arguments, **options):
        global made
        made += 1
        if made == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return operation(*arguments, **options)
    return call
for name in ("replace", "mkdir", "unlink", "rmdir", "fsync"):
    setattr(os, name, counted(getattr(os, name)))
PROGRAM
print("operations", made, file=sys.stderr)
sys.exit(code)
"""
_COMMAND = "from jaxinterp import cli\ncode = cli.main(sys.argv[2:])"
_SWEEP = "sys.path.insert(0, SCRIPTS)\nimport seed_sweep\ncode = seed_sweep.cli.guarded(seed_sweep.sweep, sys.argv[2:])"


class Job(NamedTuple):
    """A command, and what it is given after it was killed. Both are functions of the folder of all runs."""

    name: str
    first: Callable[[Path], list[str]]
    again: Callable[[Path], list[str]]
    program: str = _COMMAND
    needs_run: bool = False


class Outcome(NamedTuple):
    """Of one job's kills: how many there were, and in how many something was lost, stuck, left behind or different."""

    kills: int = 0
    stuck: int = 0
    left: int = 0
    different: int = 0


def _train(root: Path) -> list[str]:
    return ["train", *STROKES, "--root", str(root), "--name", "run"]


def _go_on(root: Path) -> list[str]:
    return ["train", "--resume", str(root / "run")] if (root / "run" / "config.json").is_file() else _train(root)


def _sweep(root: Path) -> list[str]:
    return ["--grid", "train.learning_rate=0.01,0.02", *STROKES, "--root", str(root)]


def _same(arguments: list[str]) -> Callable[[Path], list[str]]:
    return lambda root: [argument.replace("ROOT", str(root)) for argument in arguments]


_ANALYZE, _REPORT = _same(["analyze", "ROOT/run", "damage"]), _same(["report", "ROOT/run"])
JOBS = (
    Job("train", _train, _go_on),
    Job(
        "sweep",
        _sweep,
        lambda root: [*_sweep(root), "--resume"],
        _SWEEP.replace("SCRIPTS", repr(str(Path(__file__).parent))),
    ),
    Job("analyze", _ANALYZE, _ANALYZE, needs_run=True),
    Job("report", _REPORT, _REPORT, needs_run=True),
)


def start(job: Job, arguments: list[str], last: int = 0) -> subprocess.Popen:
    """The command as a process; it is killed before the operation number `last`."""
    program = _COUNTING.replace("PROGRAM", job.program)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(last), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def contents(root: Path) -> dict[str, object]:
    """What is stored: the bits of all weights, histories and results, and which pages there are."""
    import jax
    import numpy as np

    from jaxinterp import store

    found: dict[str, object] = {}
    for path in store.runs(root):
        run, name = store.load(path), path.relative_to(root).as_posix()
        found[name] = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((run.networks, run.history))]
        found[f"{name}/page"] = (path / "report" / "index.html").is_file()
        for result in store.results(path):
            found[f"{name}/{result}"] = store.load_result(path, result).drop_attrs().to_dict()
    return json.loads(json.dumps(found, default=repr))


def leftovers(root: Path) -> list[Path]:
    """What killed writers left: partial files and folders, and checkpoints of complete runs."""
    return [path for path in root.rglob("*") if path.name.endswith(".partial") or path.name == "training"]


def killed(job: Job, fresh: Callable[[], Path], expected: dict[str, object], kill: Callable[[Path], None]) -> Outcome:
    """Kill the job once, give the command again until it ends by itself, and compare."""
    root = fresh()
    kill(root)
    for _ in range(TRIES):
        process = start(job, job.again(root))
        process.communicate()
        if process.returncode == 0:
            break
    else:
        return Outcome(1, stuck=1)
    same = contents(root) == expected
    outcome = Outcome(1, 0, int(bool(leftovers(root))), int(not same))
    shutil.rmtree(root)
    return outcome


def table(outcomes: dict[str, Outcome], began: str) -> str:
    """The table in Markdown."""
    lines = [
        f"Measured {began}.",
        "",
        "| command, killed | kills | stuck | something left | different |",
        "| --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(map(str, found))} |" for name, found in outcomes.items())])


def measure(kills: int = 100, placed: int = 200, seed: int = 0, document: Path = DOCUMENT) -> None:
    """Kill whole commands at random moments, and between operations on files; write a table of what was lost.

    Args:
        kills: kills at random moments, of all commands together
        placed: likewise kills just before an operation on files
        seed: random seed of the moments
        document: the file whose table is replaced
    """
    rng, outcomes = random.Random(seed), {}
    text = document.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for job in JOBS:
            base = Path(folder) / job.name
            base.mkdir()
            if job.needs_run:
                start(JOBS[0], _train(base)).communicate()
            names = iter(range(10**9))

            def fresh(base=base, names=names) -> Path:
                return shutil.copytree(base, Path(folder) / f"{base.name}-{next(names)}")

            whole, began = fresh(), time.monotonic()
            process = start(job, job.first(whole))
            _, said = process.communicate()
            seconds, operations = time.monotonic() - began, int(said.split()[-1])
            if process.returncode:
                sys.exit(said)
            expected = contents(whole)

            def at_random(root: Path, job=job, seconds=seconds) -> None:
                process = start(job, job.first(root))
                time.sleep(rng.uniform(0, seconds))
                process.send_signal(signal.SIGKILL)
                process.communicate()

            def between(root: Path, job=job, operations=operations) -> None:
                start(job, job.first(root), last=rng.randint(1, operations)).communicate()

            for how, kill, number in (("at random", at_random, kills), ("between operations", between, placed)):
                found = [killed(job, fresh, expected, kill) for _ in range(-(-number // len(JOBS)))]
                outcomes[f"{job.name}, {how}"] = Outcome(*map(sum, zip(*found, strict=True)))
                print(job.name, how, outcomes[f"{job.name}, {how}"], flush=True)
    document.write_text(insert(text, "kills.py", table(outcomes, time.strftime("%Y-%m-%d"))), encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Parse the command line and measure."""
    tyro.cli(measure, args=arguments, prog="scripts/kills.py")


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    sys.exit(cli.guarded(main, sys.argv[1:]))
