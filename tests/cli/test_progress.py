import io
import re
import threading

import numpy as np
from rich.text import Text

from jaxinterp import cli, train
from jaxinterp.cli import progress


def checkpoint(trained, epoch):
    return train.Checkpoint(epoch, None, train.EpochMetrics(*trained.history[:3]), {})


def test_without_a_terminal_work_of_less_than_a_minute_is_silent(capsys, trained):
    with cli.progress_bar() as update:
        update("toy", checkpoint(trained, 1))
    with progress.study_progress("toy") as update:
        update("damage", 0, 2)
    assert capsys.readouterr() == ("", "")


class Stream(io.StringIO):
    """A stderr that one can wait for."""

    def __init__(self):
        super().__init__()
        self.written = threading.Event()

    def flush(self):
        self.written.set()

    def hears(self, line):
        while not (found := re.search(line, self.getvalue(), re.MULTILINE)) and self.written.wait(60):
            self.written.clear()
        return found


def test_without_a_terminal_the_newest_line_is_repeated_until_the_work_ends(monkeypatch, trained):
    monkeypatch.setattr(progress, "QUIET", 0.01)
    monkeypatch.setattr("sys.stderr", stream := Stream())
    accuracy = np.asarray(trained.history.accuracy)[:, 2, 2].mean()
    with cli.progress_bar() as update:
        update("to\x1by", checkpoint(trained, 1))
        assert stream.hears(r"^to\\x1by: epoch 1 of 3, test accuracy .*%, after \d+ s$")
        update("to\x1by", checkpoint(trained, 3))
        assert stream.hears(f"epoch 3 of 3, test accuracy {accuracy:.2%}, after")
    with progress.study_progress("toy", doing="asking about") as update:
        update("damage", 0, 2)
        assert stream.hears(r"^toy: asking about damage \(1 of 2\), after \d+ s$")
    said = stream.getvalue()
    assert not stream.written.wait(0.1) or stream.getvalue() == said


def test_a_terminal_shows_a_bar_with_the_accuracy(capsys, monkeypatch, trained):
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "150"}.items():
        monkeypatch.setenv(name, value)
    with cli.progress_bar() as update:
        update("toy", checkpoint(trained, 3))
    shown = Text.from_ansi(capsys.readouterr().err).plain
    accuracy = np.asarray(trained.history.accuracy)[:, 2, 2].mean()
    assert f"3/3 epochs, test accuracy {accuracy:.2%}" in shown
