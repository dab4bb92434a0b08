"""The process that asks is killed, at many moments and between operations on files: no answer is asked for again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import language_server
from support.language_server import answer, late, serving

from jaxinterp.explanation.asking import Patience

ROOT = Path(__file__).parents[2]
KILLS, OPERATIONS = 30, range(1, 40, 2)
# Every attempt is a fork of a process that has imported everything, and asks until it ends by itself.
PROGRAM = """
import json, os, random, signal, sys, threading, urllib.request, warnings
from pathlib import Path
from support import language_server, unit_facts
from jaxinterp.explanation import labels
from jaxinterp.explanation.asking import Asker
from jaxinterp.explanation.clients import Server
import openai  # loads slowly

warnings.simplefilter("ignore")
folder, url, model, moments = Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
outputs = {"zero": unit_facts.connections(2)}
subjects = [labels.Subject(0, unit_facts.BACKGROUND, unit_facts.layers(dead=(1,)), outputs)]

def stop():
    os.kill(os.getpid(), signal.SIGKILL)

def ask(kind, moment):
    if kind == "seconds":
        threading.Timer(moment, stop).start()
    if kind == "operation":
        left = [moment]
        def count(event, arguments):
            if event in ("os.rename", "os.mkdir", "os.remove", "open") and str(folder) in str(arguments):
                left[0] -= 1
                if left[0] == 0:
                    stop()
        sys.addaudithook(count)
    found = labels.explain(subjects, Asker(Server(url, model), folder), sees=False)
    print(json.dumps([label.text for round in found[:3] for label in round]), flush=True)
    os._exit(0)

codes = []
for kind, moment in [*moments, ["never", 0]]:
    child = os.fork()
    if not child:
        ask(kind, moment)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    urllib.request.urlopen(f"{url}/models").read()  # a mark in the server's log
    stored = [json.loads(file.read_text())["question"] for file in folder.rglob("*.json")]
    print(json.dumps(sorted(map(language_server.key, stored))), flush=True)
print(codes)
"""


def ask(folder, server, moments):
    path = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", PROGRAM, folder, server.url, language_server.MODEL, json.dumps(moments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an undisturbed process finds."""
    with serving(models=[language_server.MODEL]) as server:
        texts, stored, codes = ask(tmp_path_factory.mktemp("whole"), server, [])
    assert codes == [0] and len(stored) == len(server.asked) == 8
    return texts, stored


def rounds(log):
    """What was asked between the server's marks."""
    found = [[]]
    for name, body in log:
        found[-1].append(name) if body else found.append([])
    return found[:-1]


@pytest.mark.parametrize("kind", ["seconds", "operation"])
def test_no_answer_that_arrived_is_asked_for_again(tmp_path, whole, kind):
    moments = {
        "seconds": [[kind, 0.02 + 0.2 * (number * 0.618 % 1)] for number in range(KILLS)],
        "operation": [[kind, number] for number in OPERATIONS],
    }[kind]
    with serving(late(0.02, answer), models=[language_server.MODEL]) as server:
        *lines, codes = ask(tmp_path, server, moments)
    texts, stored = whole
    said = [line for line in lines if line == texts]
    assert said and codes[-1] == 0 and -9 in codes  # it ended by itself, with the same labels
    snapshots = [set(line) for line in lines if line != texts]
    assert len(snapshots) == len(moments) + 1 and snapshots[-1] == set(stored) == set(server.asked)
    assert not list(tmp_path.rglob("*.partial"))
    before = set()
    for names, now in zip(rounds(server.log), snapshots, strict=True):
        assert len(names) == len(set(names)) and not before & set(names)  # what is stored is not asked
        assert before <= now <= before | set(names) and len(names) - len(now - before) <= Patience().workers
        before = now
