"""What happens when several commands work on one run at once? Writes the table in docs/reliability.md.

    python scripts/together.py                            # about 15 minutes on two cores
    python scripts/together.py --pairs 3 --fours 1        # fewer

Every pair of commands (scripts/commands.py), and some groups of four, start at the same time on one run: one that is
complete, one whose training was killed, or none yet. Each has to end by itself, well or with one line. Then the run is
gone on with, if it is not complete, and what is stored is compared with what each command makes alone.
"""

import itertools
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import commands
import tyro
from commands import JOBS, SMALL, STUDY, Ended, Job
from documents import added, counts, insert

from jaxinterp import cli, store

DOCUMENT = Path(__file__).parents[1] / "docs" / "reliability.md"
SWEEP, ARM, RATES = "sweep", "learning_rate={}", ("0.01", "0.02")  # the run is the first arm of a sweep
CREATORS, READERS = ("train", "import", "sweep"), ("analyze", "study", "report", "runs")
COMMANDS = ("resume", *CREATORS, *READERS)
NOTHING, BEGUN, COMPLETE = "no run", "unfinished run", "complete run"
MIDDLE = 60  # training is killed before this one of its operations on files


class Outcome(NamedTuple):
    """Of groups of commands: how many there were, and in how many something was wrong.

    ended: commands that did what they are for; refused: those that ended in one line. Wrong are groups. unclear: a
    command ended otherwise. left: something was left behind. different: something was lost, or not as a command alone
    makes it.
    """

    groups: int = 0
    ended: int = 0
    refused: int = 0
    unclear: int = 0
    left: int = 0
    different: int = 0

    __add__ = added


def job_of(command: str) -> Job:
    """A command as a job."""
    return JOBS.get(command, JOBS["train"])


def arguments_of(command: str, root: Path, rate: str = RATES[0]) -> list[str]:
    """A command's arguments, to work on the run in the folder of all runs; rate: of the arm."""
    folder, arm = root / SWEEP, ARM.format(rate)
    run, there = str(folder / arm), ["--root", str(folder), "--name", arm]
    return {
        "train": ["train", *SMALL, "--train.learning-rate", rate, *there],
        "resume": ["train", "--resume", run],
        "import": [*commands.importing(root), *there],
        "sweep": ["--grid", f"train.learning_rate={','.join(RATES)}", *SMALL, "--resume", "--root", str(root)],
        "analyze": ["analyze", run, "damage"],
        "study": ["study", STUDY, "--run", run, "--format", "csv"],
        "report": ["report", run],
        "runs": ["runs", run],
    }[command]


def alone(command: str, root: Path, **options) -> Ended:
    """One command, to its end; options: of `commands.started`."""
    return commands.run(job_of(command), arguments_of(command, root), **options)


def at_once(group: Sequence[str], root: Path) -> list[Ended]:
    """Several commands at the same time."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(commands.started(job_of(command), arguments_of(command, root))) for command in group
        ]
        return [process.end() for process in started]


def states(group: Sequence[str]) -> list[str]:
    """The states of a run that several commands can meet at once."""
    if set(group) <= set(READERS):
        return [COMPLETE]
    return [NOTHING, BEGUN] if set(group) <= set(CREATORS) else [BEGUN]


def begin(state: str, group: Sequence[str], root: Path) -> None:
    """Bring a run into a state."""
    first = "sweep" if "sweep" in group else "train"
    if state == BEGUN:
        alone(first, root, last=MIDDLE)
    elif state == COMPLETE:
        alone(first, root)


def is_clear(ended: Ended) -> bool:
    """Whether a command did what it is for, or ended in one line of its own after lines of progress."""
    last = (ended.said.splitlines() or [""])[-1]
    return "Traceback" not in ended.said and (ended.code == 0 or (ended.code == 2 and last.startswith("jaxinterp: ")))


def references(folder: Path, contents: Callable[[Path], dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    """By run: what is stored where commands work alone, one after the other, on what each creator made."""
    found: dict[str, list[dict[str, str]]] = {}
    for creator in CREATORS:
        root = folder / f"alone-{creator}"
        root.mkdir()
        ends = [alone(command, root) for command in (creator, *READERS)]
        if creator == "train":
            ends.append(commands.run(JOBS["train"], arguments_of("train", root, RATES[1])))
        if not all(map(is_clear, ends)):
            sys.exit("\n".join(ended.said for ended in ends))
        for run, stored in by_run(contents(root)).items():
            found.setdefault(run, []).append(stored)
    return found


def by_run(stored: dict[str, str]) -> dict[str, dict[str, str]]:
    """What is stored of each run."""
    runs = [f"{SWEEP}/{ARM.format(rate)}" for rate in RATES]
    return {run: found for run in runs if (found := {k: v for k, v in stored.items() if k.startswith(run)})}


def judge(
    group: Sequence[str],
    state: str,
    root: Path,
    references: dict[str, list[dict[str, str]]],
    contents: Callable[[Path], dict[str, str]],
) -> Outcome:
    """Start the commands at once, go on with the run, and compare. What is wrong is printed."""
    root.mkdir()
    begin(state, group, root)
    ends = at_once(group, root)
    if not store.is_complete(root / SWEEP / ARM.format(RATES[0])):
        ends.append(alone("sweep" if "sweep" in group else "resume", root))
    left, found = commands.leftovers(root), by_run(contents(root))
    known = found and all(
        any(stored.items() <= reference.items() for reference in references[run]) for run, stored in found.items()
    )
    unclear = [ended for ended in ends if not is_clear(ended)]
    well = sum(ended.code == 0 for ended in ends)
    outcome = Outcome(1, well, len(ends) - well, *map(int, (bool(unclear), bool(left), not known)))
    if sum(outcome[3:]):
        print(*group, state, outcome, found, *ends, *left, sep="\n", flush=True)
    shutil.rmtree(root)
    return outcome


def table(outcomes: dict[str, Outcome], measured: str) -> str:
    """The table in Markdown."""
    faults = ("traceback", "something left", "lost or different")
    columns = ("at once", "groups", "commands done", "ended in a line", *faults)
    return f"Measured {measured}.\n\n{counts(columns, outcomes)}"


def groups(pairs: int | None, fours: int, rng: random.Random) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Which commands start at once, and on a run in which state: all pairs, or as many as is said, and some fours."""
    twos = [(pair, state) for pair in itertools.combinations_with_replacement(COMMANDS, 2) for state in states(pair)]
    chosen = twos if pairs is None else rng.sample(twos, pairs)
    more = [tuple(rng.choices(COMMANDS, k=4)) for _ in range(fours)]
    return {"two": chosen, "four": [(four, rng.choice(states(four))) for four in more]}


def measure(pairs: int | None = None, fours: int = 12, seed: int = 0, document: Path = DOCUMENT) -> None:
    """Start commands at once on one run; write what came of it."""
    outcomes, text = {}, document.read_text(encoding="utf-8")
    chosen = groups(pairs, fours, random.Random(seed))
    with tempfile.TemporaryDirectory() as folder, commands.reader() as contents:
        known, numbers = references(Path(folder), contents), itertools.count()
        for name, all_of_them in chosen.items():
            found = Outcome()
            for group, state in all_of_them:
                found += judge(group, state, Path(folder) / str(next(numbers)), known, contents)
                print(name, *group, state, found, flush=True)
            outcomes[f"{name} processes"] = found
    document.write_text(insert(text, "together.py", table(outcomes, time.strftime("%Y-%m-%d"))), encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Parse the command line and measure."""
    tyro.cli(measure, args=arguments, prog="scripts/together.py")


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    sys.exit(cli.guarded(main, sys.argv[1:]))
