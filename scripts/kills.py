"""Is anything lost when a command is killed? Writes the table in docs/reliability.md.

    python scripts/kills.py                                     # about 90 minutes on two busy cores
    python scripts/kills.py --kills 8 --placed 8 --ctrl-c 8     # fewer

Whole commands on small networks (scripts/commands.py) run in a temporary folder: once to the end, and then again and
again, each time killed by SIGKILL, at a random moment or just before one of the operations on files that it makes.
The command is then given again, until it ends by itself, and what lies on the disk is compared with the uninterrupted
run. `train` gets Ctrl-C instead before as many of its operations as --ctrl-c says, all of them by default.
"""

import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import commands
import tyro
from commands import Ended, Job
from documents import added, counts, insert

from jaxinterp import cli, interrupts

DOCUMENT = Path(__file__).parents[1] / "docs" / "reliability.md"
TRIES = 3  # a command that does not end by itself in so many is stuck


class Outcome(NamedTuple):
    """Of one job's kills: how many there were, and in how many something was wrong.

    stuck: it never ended by itself. left: something was left behind. different: something was lost, or not equal to the
    uninterrupted run. unclear: it printed a traceback, or after Ctrl-C anything but the one line.
    """

    kills: int = 0
    stuck: int = 0
    left: int = 0
    different: int = 0
    unclear: int = 0

    __add__ = added


class Bench(NamedTuple):
    """A job, new folders for it, what is stored at its end, and in how many seconds and operations on files."""

    job: Job
    fresh: Callable[[], Path]
    expected: dict[str, str]
    seconds: float
    operations: int


def prepare(job: Job, folder: Path, contents: Callable[[Path], dict[str, str]]) -> Bench:
    """Run a job's base, and the job itself to its end. Ends with what it said where that fails."""
    base, numbers = folder / job.name, itertools.count()
    base.mkdir()
    if job.base is not None:
        commands.run(job, job.base(base))

    def fresh() -> Path:
        return shutil.copytree(base, folder / f"{job.name}-{next(numbers)}")

    commands.run(job, job.first(fresh()))  # so that its programs are compiled
    whole, began = fresh(), time.monotonic()
    ended = commands.run(job, job.first(whole))
    if ended.code:
        sys.exit(ended.said)
    return Bench(job, fresh, contents(whole), time.monotonic() - began, ended.operations)


def at_random(bench: Bench, root: Path, rng: random.Random) -> Ended:
    """Kill a job at a random moment of its course."""
    with commands.started(bench.job, bench.job.first(root)) as process:
        process.process.join(rng.uniform(0, bench.seconds))
        process.process.kill()
        return process.end()


def before(bench: Bench, root: Path, operation: int, number: int = signal.SIGKILL) -> Ended:
    """Send a job a signal just before one of its operations on files."""
    return commands.run(bench.job, bench.job.first(root), last=operation, number=number)


def judge(bench: Bench, stop: Callable[[Path], Ended], contents: Callable[[Path], dict[str, str]]) -> Outcome:
    """Stop a job, give the command again until it ends by itself, and compare. What is wrong is printed."""
    root = bench.fresh()
    ends = [stop(root)]
    while len(ends) == 1 or (ends[-1].code != 0 and len(ends) <= TRIES):
        ends.append(commands.run(bench.job, bench.job.again(root)))
    stuck = ends[-1].code != 0
    left = [] if stuck else commands.leftovers(root)
    different = not stuck and contents(root) != bench.expected
    unclear = not is_clear(ends[0]) or any("Traceback" in ended.said for ended in ends)
    outcome = Outcome(1, *map(int, (stuck, bool(left), different, unclear)))
    if sum(outcome) > 1:
        print(root, outcome, *ends, *left, sep="\n", flush=True)
    shutil.rmtree(root)
    return outcome


def is_clear(ended: Ended) -> bool:
    """Whether a command ended by itself, by SIGKILL, or after Ctrl-C with its exit code and its line alone."""
    told = (interrupts.CODE, f"{interrupts.MESSAGE}\n")
    return ended.code in (0, -signal.SIGKILL) or (ended.code, ended.said) == told


def table(outcomes: dict[str, Outcome], measured: str) -> str:
    """The table in Markdown."""
    faults = ("stuck", "something left", "lost or different", "traceback, or no clear line")
    rows = {**outcomes, "all": sum(outcomes.values(), Outcome())}
    return f"Measured {measured}.\n\n{counts(('command, stopped', 'times', *faults), rows)}"


def measure(
    kills: int = 100, placed: int = 200, ctrl_c: int | None = None, seed: int = 0, document: Path = DOCUMENT
) -> None:
    """Stop whole commands at random moments, and between operations on files; write a table of what was lost.

    Args:
        kills: kills at random moments, of all commands together
        placed: likewise kills just before an operation on files
        ctrl_c: operations of train before which it gets Ctrl-C; all of them by default
        seed: random seed of the moments
        document: the file whose table is replaced
    """
    rng, outcomes = random.Random(seed), {}
    text = document.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, commands.reader() as contents:
        for job in commands.JOBS.values():
            bench = prepare(job, Path(folder), contents)
            print(f"{job.name}: {bench.seconds:.1f} s, {bench.operations} operations", flush=True)

            def places(number: int, bench=bench) -> list[int]:
                rounds = -(-number // bench.operations)  # more than there are: some several times
                return rng.sample([*range(1, bench.operations + 1)] * rounds, number)

            def share(number: int, job=job) -> int:
                return -(-number * job.share // 100)

            stops = {
                "at random": [partial(at_random, bench, rng=rng)] * share(kills),
                "between operations": [partial(before, bench, operation=place) for place in places(share(placed))],
            }
            if job.name == "train":
                number = bench.operations if ctrl_c is None else ctrl_c
                stops["Ctrl-C between operations"] = [
                    partial(before, bench, operation=place, number=signal.SIGINT) for place in places(number)
                ]
            for how, all_of_them in stops.items():
                found = sum((judge(bench, stop, contents) for stop in all_of_them), Outcome())
                outcomes[f"{job.name}, {how}"] = found
                print(job.name, how, found, flush=True)
            made = table(outcomes, time.strftime("%Y-%m-%d"))  # of the jobs so far, since it takes long
            document.write_text(insert(text, "kills.py", made), encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Parse the command line and measure."""
    tyro.cli(measure, args=arguments, prog="scripts/kills.py")


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    sys.exit(cli.guarded(main, sys.argv[1:]))
