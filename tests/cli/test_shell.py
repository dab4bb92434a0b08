import gc
import warnings

import numpy as np
import pytest
import tyro
from rich.text import Text

from jaxinterp import cli, train
from jaxinterp.cli import shell
from jaxinterp.config import RunConfig
from jaxinterp.errors import InputError, InputWarning


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


def test_a_warning_of_the_input_is_one_line_and_others_are_as_usual(capsys):
    def action(_):
        for text in ("no test\x1b image", "no test\x1b image", "another"):
            warnings.warn(text, InputWarning, stacklevel=1)
        with pytest.raises(UserWarning, match="of a library"):  # as tests have it: an error
            warnings.warn("of a library", UserWarning, stacklevel=1)

    before = warnings.showwarning
    assert shell.guarded(action, []) == 0
    assert capsys.readouterr() == ("", "jaxinterp: no test\\x1b image\njaxinterp: another\n")
    assert warnings.showwarning is before


def test_no_garbage_is_collected_while_arguments_are_parsed(monkeypatch):
    monkeypatch.setattr(tyro, "cli", lambda kind, args: gc.isenabled())
    assert shell.parse(RunConfig, []) is False
    assert gc.isenabled()


@pytest.mark.parametrize("error", [InputError("x\x1b[2Jy"), OSError(2, "x", "x\x1b[2Jy"), OSError("x\x1b[2Jy")])
def test_no_error_reaches_the_terminal_with_its_controls(capsys, error):
    def action(_):
        raise error

    assert shell.guarded(action, []) == 2
    message = capsys.readouterr().err
    assert r"x\x1b[2Jy" in message and message.count("\n") == 1 and message[:-1].isprintable()


@pytest.mark.parametrize(("tested", "code"), [(4, 0), (1, 0), (0, 2)])
def test_what_cannot_be_tested_is_said_before_training(capsys, tmp_path, tested, code):
    images, labels = np.random.default_rng(0).uniform(size=(4, 4)).astype(np.float32), np.arange(4) % 2
    np.savez(tmp_path / "d.npz", x_train=images, y_train=labels, x_test=images[:tested], y_test=labels[:tested])
    options = "--model.widths 2 --model.outputs 2 --train.seeds 1 --train.epochs 1".split()
    command = ["train", "--root", str(tmp_path / "runs"), "--data.source", str(tmp_path / "d.npz"), *options]
    assert cli.main(command) == code
    err = capsys.readouterr().err
    expected = {
        4: "",
        1: "jaxinterp: no test image is of class 1: its accuracy stays unknown\n",
        0: "jaxinterp: there are no test images: use a source with test images\n",
    }
    assert err == expected[tested]
    assert (tmp_path / "runs").exists() == (code == 0)
