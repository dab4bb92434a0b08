"""What do commands do with damaged files? Writes the table in docs/reliability.md.

    python scripts/mutations.py                    # 10,000 damaged files: about half an hour
    python scripts/mutations.py --inputs 500       # fewer
    python scripts/mutations.py --only 1234        # this one alone, with its traceback

Every kind of file that a command reads (`specimens`) is damaged at random (`damage`), and read as commands read it, in
this process. An input is determined by its number and the seed.
"""

import contextlib
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import tyro
from damage import damaged
from documents import added, counts, insert
from specimens import SPECIMENS, Specimen

from jaxinterp import cli

DOCUMENT = Path(__file__).parents[1] / "docs" / "reliability.md"
LIMIT = 30.0  # seconds of work until an input counts as hanging, or four times as many of waiting
USUAL = ("jaxinterp: ", "activity: ")  # how lines on stderr begin


class Outcome(NamedTuple):
    """What became of one input, or of several: how many there were, and to how many of them each happened."""

    inputs: int = 0
    refused: int = 0
    traceback: int = 0
    hung: int = 0
    not_in_lines: int = 0
    left_files: int = 0
    accepted_damage: int = 0

    __add__ = added

    @property
    def faults(self) -> int:
        """How many inputs were not treated as they should be."""
        return sum(self[2:])


class _TooLong(BaseException):
    """Reading took longer than LIMIT. Nothing that is damaged raises it, so nothing may catch it."""


def files_of(specimen: Specimen, folder: Path) -> list[Path]:
    """The files that are damaged, in a fixed order."""
    found = {file for pattern in specimen.patterns for file in folder.glob(pattern)}
    return sorted(file for file in found if file.is_file() and file.stat().st_size)  # orbax has empty ones


def choose(number: int, seed: int) -> tuple[Specimen, random.Random]:
    """The specimen of an input, and the random generator that damages it."""
    rng = random.Random(f"{seed}/{number}")
    return rng.choices(SPECIMENS, [one.weight for one in SPECIMENS])[0], rng


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_):
        raise _TooLong

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, LIMIT), signal.SIGALRM: (signal.ITIMER_REAL, 4 * LIMIT)}
    before = {number: signal.signal(number, stop) for number in timers}
    for timer, seconds in timers.values():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def try_input(specimen: Specimen, folder: Path, rng: random.Random) -> tuple[Outcome, str]:
    """Damage one of the specimen's files in the folder, read them, and see what happens. Returns that and what to say.

    The folder is another one afterwards.
    """
    file = rng.choice(files_of(specimen, folder))
    content = file.read_bytes()
    file.write_bytes(damaged(file.name, content, rng))
    changed, before = file.read_bytes() != content, set(folder.rglob("*"))
    code, trace, hung, stdout, stderr = -1, "", False, io.StringIO(), io.StringIO()
    try:
        with _limited(), contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = specimen.read(folder)
    except _TooLong:
        hung = True
    except Exception:
        trace = traceback.format_exc()
    said = stderr.getvalue()
    new = set(folder.rglob("*")) - before
    left = bool(new) if code == 2 else any(path.name.endswith(".partial") for path in new)
    lines = said.split("\n")[:-1]
    in_lines = all(map(str.isprintable, [*lines, *stdout.getvalue().split("\n")]))
    in_lines &= all(line.startswith(USUAL) for line in lines) and (code != 2 or bool(lines))
    accepted = specimen.summed and changed and code == 0 and not said
    outcome = Outcome(1, int(code == 2), int(bool(trace)), int(hung), int(not in_lines), int(left), int(accepted))
    return outcome, f"{specimen.name}, {file.relative_to(folder)}: {said}{trace}"


def outcomes(numbers: Sequence[int], seed: int, *, say: Callable[[str], None] = print) -> dict[str, Outcome]:
    """Try these inputs; what became of them, for each specimen. Faults are said, and of a single input, what it did."""
    found = {specimen.name: Outcome() for specimen in SPECIMENS}
    made: dict[Callable[[Path], None], Path] = {}
    with tempfile.TemporaryDirectory() as root:
        for number in numbers:
            specimen, rng = choose(number, seed)
            base, folder = Path(root) / f"base{len(made)}", Path(root) / "tried"
            if specimen.make not in made:
                base.mkdir()
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    specimen.make(base)
                made[specimen.make] = base
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(made[specimen.make], folder)
            outcome, about = try_input(specimen, folder, rng)
            found[specimen.name] = added(found[specimen.name], outcome)
            if outcome.faults or len(numbers) == 1:
                say(f"{number}: {outcome}\n{about}")
            if number % 500 == 499:
                say(f"tried {number + 1:,}")
    return found


def table(found: dict[str, Outcome], seed: int, measured: str) -> str:
    """The table in Markdown, with a row for all."""
    columns = ("file", "inputs", "refused", "tracebacks", "hangs", "not in lines", "files left", "accepted")
    rows = found | {"**all**": sum(found.values(), Outcome())}
    return f"Measured {measured}, seed {seed}.\n\n{counts(columns, rows)}"


def measure(inputs: int = 10_000, seed: int = 0, only: int | None = None, document: Path = DOCUMENT) -> None:
    """Try damaged inputs, and write what came of them; or try one of them, by its number, and write nothing."""
    if only is not None:
        outcomes([only], seed)
        return
    text = document.read_text(encoding="utf-8")
    insert(text, "mutations.py", "")  # a document without markers is refused at once
    found = outcomes(range(inputs), seed, say=lambda line: print(line, flush=True))
    document.write_text(insert(text, "mutations.py", table(found, seed, time.strftime("%Y-%m-%d"))), encoding="utf-8")
    print(f"wrote {document}")


def main(arguments: list[str]) -> None:
    """Parse the command line and measure."""
    tyro.cli(measure, args=arguments, prog="scripts/mutations.py")


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    cli.quieten_libraries()
    sys.exit(cli.guarded(main, sys.argv[1:]))
