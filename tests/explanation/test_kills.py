"""The process that asks is killed, at many moments and between operations on files: no answer is asked for again."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.language_server import MODEL, answer, late, serving

from jaxinterp import interrupts
from jaxinterp.explanation.asking import Patience

ROOT = Path(__file__).parents[2]
KILLS, OPERATIONS = 30, range(1, 40, 2)
# Every attempt is a fork of a process that has imported everything, and asks until it ends by itself.
PROGRAM = """
import json, os, signal, sys, threading, warnings
from pathlib import Path
from support import language_server, unit_facts
from jaxinterp import interrupts
from jaxinterp.explanation import labels
from jaxinterp.explanation.asking import Asker
from jaxinterp.explanation.clients import KEY, Server
import openai  # loads slowly

warnings.simplefilter("ignore")
outputs = {"zero": unit_facts.connections(2)}
subjects = [labels.Subject(0, unit_facts.BACKGROUND, unit_facts.layers(dead=(1,)), outputs)]

def stop():
    os.kill(os.getpid(), signal.SIGKILL)

def ask(kind, moment):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if kind == "command":  # as on the command line
        interrupts.end_process()
    if kind in ("command", "Ctrl-C"):
        threading.Timer(moment, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
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
    found = labels.explain(subjects, Asker(Server(url, sys.argv[1]), folder), sees=False)
    say(name, "texts", [label.text for part in found[:3] for label in part])
    os._exit(0)

def say(*what):
    print(json.dumps(what), flush=True)

for name, root, url, moments in json.loads(sys.argv[2]):
    folder = Path(root) / "0"
    for number, (kind, moment) in enumerate([*((name, moment) for moment in moments), ("never", 0)], start=1):
        child = os.fork()
        if not child:
            os.environ[KEY] = str(number)  # tells the server which attempt asks
            try:
                ask(kind, moment)
            except KeyboardInterrupt:
                os._exit(77)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        stored = [json.loads(file.read_text())["question"] for file in folder.rglob("*.json")]
        say(name, "ends", [code, sorted(map(language_server.key, stored))])
        if code == 0:
            folder = Path(root) / str(number)  # and from the beginning
"""


CODES = {"seconds": -9, "operation": -9, "command": interrupts.CODE, "Ctrl-C": 77}
MOMENTS = {
    "never": [],
    "seconds": [0.02 + 0.2 * (number * 0.618 % 1) for number in range(KILLS)],
    "operation": list(OPERATIONS),
    "command": [0.06, 0.09, 0.12, 0.15, 0.18],
    "Ctrl-C": [0.06, 0.09, 0.12, 0.15, 0.18],
}


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """Of each kind of kill: the folder of answers, what the server was asked, and what each attempt left and said."""
    root = tmp_path_factory.mktemp("kills")
    path = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(serving(late(0.02, answer), models=[MODEL])) for kind in MOMENTS}
        jobs = [[kind, str(root / kind), servers[kind].url, moments] for kind, moments in MOMENTS.items()]
        command = [sys.executable, "-c", PROGRAM, MODEL, json.dumps(jobs)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100, check=False)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    found = {kind: {"ends": [], "texts": []} for kind in MOMENTS}
    for kind, what, value in map(json.loads, done.stdout.splitlines()):
        found[kind][what].append(value)
    return {kind: (root / kind, servers[kind], found[kind]) for kind in MOMENTS}


def rounds(server, number):
    """What each attempt asked; what a killed one has sent may be read when the next one asks already."""
    found = [[] for _ in range(number)]
    for name, headers in zip(server.asked, server.headers, strict=True):
        found[int(headers["authorization"].removeprefix("Bearer ")) - 1].append(name)
    return found


def test_an_undisturbed_process_asks_every_question_once(ends):
    _, server, found = ends["never"]
    [[code, stored]] = found["ends"]
    assert code == 0 and len(stored) == len(server.asked) == len(set(server.asked)) == 8


@pytest.mark.parametrize("kind", CODES)
def test_no_answer_that_arrived_is_asked_for_again(ends, kind):
    folder, server, found = ends[kind]
    [texts], [[_, whole]] = ends["never"][2]["texts"], ends["never"][2]["ends"]
    codes = [code for code, _ in found["ends"]]
    assert set(codes) == {0, CODES[kind]} and codes.count(CODES[kind]) > len(codes) // 2
    assert codes[-1] == 0 and found["texts"] == [texts] * codes.count(0)  # the labels are the same
    assert not list(folder.rglob("*.partial"))
    before = set()
    for names, (code, stored) in zip(rounds(server, len(codes)), found["ends"], strict=True):
        now = set(stored)
        assert len(names) == len(set(names)) and not before & set(names)  # what is stored is not asked
        # What is lost was under way.
        assert before <= now <= before | set(names) and len(names) - len(now - before) <= Patience().workers
        assert code != 0 or now == set(whole)
        before = set() if code == 0 else now
