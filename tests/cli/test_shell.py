import numpy as np
from rich.text import Text

from jaxinterp import cli, train


def test_the_progress_bar_is_silent_without_a_terminal(capsys, trained):
    state = train.Checkpoint(1, None, train.EpochMetrics(*trained.history[:3]), {})
    with cli.progress_bar() as update:
        update("toy", state)
    assert capsys.readouterr() == ("", "")


def test_the_progress_bar_shows_accuracy_on_a_terminal(capsys, monkeypatch, trained):
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "150"}.items():
        monkeypatch.setenv(name, value)
    state = train.Checkpoint(3, None, train.EpochMetrics(*trained.history[:3]), {})
    with cli.progress_bar() as update:
        update("toy", state)
    shown = Text.from_ansi(capsys.readouterr().err).plain
    accuracy = np.asarray(trained.history.accuracy)[:, 2, 2].mean()
    assert f"3/3 epochs, test accuracy {accuracy:.2%}" in shown
