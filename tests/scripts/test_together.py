"""Which commands start at once, and what is right. That they do: tests/reliability, and docs/reliability.md."""

import random

import pytest
import together
from commands import Ended

LINE = "jaxinterp: another process is writing to run: wait until it has ended\n"


def test_every_pair_meets_on_one_run():
    chosen = together.groups(None, 3, random.Random(0))
    assert {frozenset(pair) for pair, _ in chosen["two"]} == {
        frozenset((one, other)) for one in together.COMMANDS for other in together.COMMANDS
    }
    assert [len(four) for four, _ in chosen["four"]] == [4, 4, 4]


@pytest.mark.parametrize(
    ("code", "said", "clear"),
    [
        (0, "a table\n", True),
        (2, LINE, True),
        (2, f"damage: measuring damage (1 of 1)\n{LINE}", True),
        (2, f"Traceback\n{LINE}", False),
        (2, f"{LINE}and more\n", False),
        (1, LINE, False),
        (-9, "", False),
    ],
)
def test_a_command_beside_others_ends_clearly_or_not(code, said, clear):
    assert together.is_clear(Ended(code, said, 3)) is clear


def test_what_is_stored_belongs_to_a_run():
    runs = [f"{together.SWEEP}/{together.ARM.format(rate)}" for rate in together.RATES]
    stored = {runs[0]: "a", f"{runs[0]}/page": "written"}
    assert together.by_run(stored) == {runs[0]: stored}
    assert together.by_run(stored | {runs[1]: "b"})[runs[1]] == {runs[1]: "b"}


def test_the_table_counts():
    text = together.table({"two processes": together.Outcome(1, 2) + together.Outcome(1, 1, 1, 0, 1, 1)}, "today")
    assert "| two processes | 2 | 3 | 1 | 0 | 1 | 1 |" in text
