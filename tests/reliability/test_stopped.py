"""Commands that are stopped, and that meet on one run: a sample of what scripts/kills.py and together.py try."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import commands
import kills
import pytest
import together
from commands import Ended

from jaxinterp import store

ROOT = Path(__file__).parents[2]
PLACES = {
    "killed": (40, int(signal.SIGKILL)),
    "interrupted": (70, int(signal.SIGINT)),
}  # the number of an operation on files
FOUR = ("train", "import", "train", "runs")
# In a process of its own: one in which JAX runs cannot be forked.
PROGRAM = f"""
import json, sys
from pathlib import Path
import commands, together
train, folder, ends = commands.JOBS["train"], Path(sys.argv[1]), {{}}
for name, (last, number) in {{"whole": (0, 0), **{PLACES}}}.items():
    root = folder / name
    root.mkdir()
    ends[name] = [commands.run(train, train.first(root), last=last, number=number)]
    if last:
        ends[name].append(commands.run(train, train.again(root)))
(folder / "four").mkdir()
ends["four"] = together.at_once({FOUR}, folder / "four")
print(json.dumps(ends))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stopped")


@pytest.fixture(scope="module")
def ends(folder):
    """By folder of runs: how its commands ended."""
    path = os.pathsep.join([str(ROOT / "scripts"), str(ROOT)])
    cache = str(ROOT / ".pytest_cache")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": cache, "JAX_PLATFORMS": "cpu"},
    )
    return {name: [Ended(*ended) for ended in found] for name, found in json.loads(done.stdout).items()}


@pytest.mark.parametrize("name", PLACES)
def test_a_stopped_command_is_gone_on_with_and_nothing_is_lost(ends, folder, name):
    stopped, again = ends[name]
    assert kills.is_clear(stopped) and stopped.code != 0 and again.code == 0, (stopped, again)
    assert commands.contents(folder / name) == commands.contents(folder / "whole")
    assert not commands.leftovers(folder / name)


def test_one_of_several_makes_the_run_and_the_others_end_in_a_line(ends, folder):
    assert all(map(together.is_clear, ends["four"])), ends["four"]
    makers = [ended for command, ended in zip(FOUR, ends["four"], strict=True) if command != "runs"]
    assert sorted(ended.code for ended in makers) == [0, 2, 2]
    run = folder / "four" / together.SWEEP / together.ARM.format(together.RATES[0])
    made_by = FOUR[[ended.code for ended in ends["four"]].index(0)]
    assert store.load(run).config.recipe == ("imported" if made_by == "import" else "")
    assert not commands.leftovers(folder / "four")
