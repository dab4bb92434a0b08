"""How what came of kills is counted. The kills themselves: tests/reliability, and docs/reliability.md."""

import signal

import kills
import pytest
from commands import Ended

from jaxinterp import interrupts


@pytest.mark.parametrize(
    ("code", "said", "clear"),
    [
        (0, "whatever it shows", True),
        (-signal.SIGKILL, "", True),
        (interrupts.CODE, f"{interrupts.MESSAGE}\n", True),
        (interrupts.CODE, f"Traceback\n{interrupts.MESSAGE}\n", False),
        (2, "jaxinterp: x could not be written\n", False),
        (1, "Traceback", False),
    ],
)
def test_a_stopped_command_ends_clearly_or_not(code, said, clear):
    assert kills.is_clear(Ended(code, said, 3)) is clear


def test_the_table_counts():
    train, run = kills.Outcome(3, 0, 1, 2), kills.Outcome(2, 1, 0, 0, 1)
    text = kills.table({"train, at random": train, "run, at random": run}, "today")
    assert "| train, at random | 3 | 0 | 1 | 2 | 0 |" in text and "Measured today." in text
    assert "| all | 5 | 1 | 1 | 2 | 1 |" in text
