"""Whole commands on a full disk, beside another writer, and under names that lead elsewhere: one line, nothing lost."""

import subprocess
import sys

import jax
import numpy as np
import pytest
from support.toys import TOY

from jaxinterp import cli, files, jobs, store

SMALL = 20_000  # bytes: enough for a config, too few for a checkpoint


def run(*arguments, before=""):
    program = f"import sys\n{before}\nfrom jaxinterp import cli\nsys.exit(cli.main())"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# What a full disk does to a process: files end early, and writing fails. Bytecode is not written: Python 3.11 keeps a
# file that ends early, and every later process that imports its module would fail.
NO_LARGE_FILE = f"""
import resource, signal
sys.dont_write_bytecode = True
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({SMALL}, {SMALL}))
"""


def weights(path):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(store.load(path).networks)]


def test_a_full_disk_is_told_in_a_line_and_training_goes_on_once_there_is_room(tmp_path):
    path, whole = tmp_path / "run", tmp_path / "whole"
    for folder in (path, whole):
        store.begin(folder, TOY)
    done = run("train", "--resume", path, "--format", "csv", before=NO_LARGE_FILE)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"jaxinterp: {path}") and "could not be written" in done.stderr
    assert not store.is_complete(path) and not list(path.rglob("*.partial"))
    for folder in (path, whole):
        jobs.train_run(folder, TOY, resume=True)
    assert weights(path) == weights(whole)


@pytest.mark.parametrize("command", [("train", "--resume"), ("analyze",)])
def test_a_second_writer_of_a_run_ends_in_a_line(tmp_path, toy, command):
    config, splits, trained = toy
    path = tmp_path / "run"
    if command[0] == "train":
        store.begin(path, config)
    else:
        store.save(path, config, trained, splits.test)
    after = () if command[0] == "train" else ("activity",)
    with files.only_writer(path):
        done = run(*command, path, *after)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"jaxinterp: another process is writing to {path}: wait until it has ended"


# Neither the environment nor the list of users knows one.
NO_HOME = """
import os, pwd
for name in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
    os.environ.pop(name, None)
pwd.getpwuid = {}.__getitem__
"""


@pytest.mark.parametrize("before", [NO_HOME, f"{NO_HOME}os.environ['HOME'] = '/dev/null/home'"])
def test_a_user_without_a_home_directory_can_work(before, tmp_path):
    done = run("runs", "--root", tmp_path, before=before)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and f"no runs in {tmp_path}" in done.stderr


@pytest.mark.parametrize("name", ["../outside", "/absolute", "a/b", "..", ".hidden", " ", "nul\0", "es\x1b[2J"])
def test_a_name_stays_in_its_root(name, tmp_path, capsys):
    for command in (("train", "--recipe", "llm-labels-xor"), ("run", "--study", "llm-labels"), ("import", "w.npz")):
        assert cli.main([*command, "--root", str(tmp_path / "root"), "--name", name]) == 2
        err = capsys.readouterr().err
        assert f"--name {name!r} is no name for a folder" in err and err[:-1].isprintable() and err[-1] == "\n"
    assert not list(tmp_path.iterdir())
