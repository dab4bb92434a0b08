import gc
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tyro

from jaxinterp import cli, interrupts
from jaxinterp.cli import shell
from jaxinterp.config import RunConfig
from jaxinterp.errors import InputError, InputWarning


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


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, 0), (InputError("x"), 2), (PermissionError("x"), 2), (KeyboardInterrupt(), interrupts.CODE)],
)
def test_the_exit_code_is_documented(capsys, error, code):
    def action(_):
        if error:
            raise error

    assert shell.guarded(action, []) == code
    table = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    documented = set(map(int, re.findall(r"^\| (\d+) \|", table, re.MULTILINE)))
    assert code in documented
    assert documented == {0, 1, 2, interrupts.CODE, shell.CLOSED}  # 1 is Python's own for an exception


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


@pytest.mark.parametrize("kind", ["table", "csv"])
def test_a_reader_that_goes_is_no_error(kind):
    program = f"""
import sys
from types import SimpleNamespace
from jaxinterp.cli import shell

def show(_):
    for _ in range(2):
        shell.show("a" if {kind!r} == "table" else SimpleNamespace(export=str), {kind!r})
        sys.stdout.flush()
        sys.stdin.readline()

shell.prepare_jax = lambda: None
sys.exit(shell.guarded(show, []))
"""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as process:
        assert process.stdout.read(1)
        process.stdout.close()  # as `head` does
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == shell.CLOSED
