"""No command opens a connection, but for explain; no import does. All tests run with connections refused, by conftest.

Whole studies and pages are made in test_commands, in the same way.
"""

import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support.connections import ConnectionOpened

from jaxinterp import cli
from jaxinterp.cli import commands, explain, questions

COMMANDS = {
    commands.Run: ("run --study instance-variation --name done --root ROOT", 2),
    commands.Train: (
        "train --name new --root ROOT --data.source xor --model.widths 3 2 --model.outputs 1 --train.seeds 2 "
        "--train.epochs 1 --train.batch-size 4 --train.loss squared_error",
        0,
    ),
    commands.Study: ("study instance-variation --run ROOT/begun", 2),
    commands.Analyze: ("analyze ROOT/done activity", 0),
    questions.Units: ("units ROOT/done --top 1", 0),
    questions.Ablate: ("ablate ROOT/done --units hidden1:0", 0),
    questions.Coalitions: ("coalitions ROOT/done", 0),
    questions.Attribute: ("attribute ROOT/done --image 0", 0),
    questions.Compare: ("compare ROOT/done", 0),
    explain.Explain: ("explain ROOT/done --seeds 0", 0),
    commands.Report: ("report ROOT/begun", 2),
    commands.Export: ("export ROOT/done", 2),  # what the libraries do is tried in tests/report/test_exports.py
    commands.Runs: ("runs --root ROOT", 0),
    commands.Recipes: ("recipes", 0),
    commands.Studies: ("studies", 0),
    commands.Doctor: ("doctor", 0),
    commands.Completion: ("completion bash", 0),
    commands.Import: ("import ROOT/done/probe.npz --name imported --root ROOT --data.source xor", 2),
}


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_connection_is_refused_here(kind):
    address = ("127.0.0.1", 9)
    with socket.socket(type=kind) as one, pytest.raises(ConnectionOpened):
        one.connect(address) if kind == socket.SOCK_STREAM else one.sendto(b"", address)
    for open_one in (lambda: socket.create_connection(address), lambda: urllib.request.urlopen("http://127.0.0.1")):
        with pytest.raises(ConnectionOpened):
            open_one()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_no_command_opens_a_connection(root, command, capsys):
    arguments, code = COMMANDS[command]
    assert cli.main(arguments.replace("ROOT", str(root)).split()) == code, capsys.readouterr().err


def test_every_command_is_tried():
    assert set(COMMANDS) == {kind for kind, _ in commands.COMMANDS.values()}


def test_no_import_opens_a_connection():
    program = """
import importlib, pkgutil, sys
from support import connections
connections.refuse()
import jaxinterp
names = [module.name for module in pkgutil.walk_packages(jaxinterp.__path__, "jaxinterp.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
import tensorflow_datasets
print(len(names))
"""
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert int(done.stdout) > 100
