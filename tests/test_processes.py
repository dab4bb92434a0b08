import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import commands
import pytest
from support.meeting import together

from jaxinterp import cli, interrupts, jobs, processes, store
from jaxinterp.errors import InputError

GONE = "nothing that was stored is lost: go on with --resume, with as many processes as you like"


# What processes agree on: threads act as processes.


def test_each_gets_the_words_of_all_round_after_round():
    def fn(group):
        return [group.agree(f"{number} of {group.process}") for number in range(3)]

    words = [[f"{number} of {process}" for process in range(3)] for number in range(3)]
    assert together(3, fn) == [words] * 3


def test_one_process_agrees_with_itself():
    assert processes.ALONE.agree("word") == ["word"]
    processes.ALONE.check_equal("word", "another word")


def test_an_error_in_one_ends_all():
    def fn(group):
        group.agree()
        if group.process == 1:
            raise InputError("disk full")
        group.agree()

    other = "process 1 has ended: disk full"
    assert [str(error) for error in together(3, fn)] == [other, "disk full", other]


def test_an_error_in_the_last_work_reaches_those_who_are_done():
    def fn(group):
        if group.process == 0:
            raise InputError("disk full")

    assert [str(error) for error in together(2, fn)] == ["disk full", "process 0 has ended: disk full"]


# Which process this is.


@pytest.fixture(autouse=True)
def no_scheduler(monkeypatch):
    for name in [
        name for name in os.environ if name.startswith(("SLURM_", "OMPI_", "JAX_COORD", "JAX_NUM", "JAX_PROC"))
    ]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((None, None, None), "no scheduler says which processes train together: give --coordinator HOST:PORT"),
        (("host:1", 2, None), "give --coordinator HOST:PORT, --processes and --process-id to each"),
        (("host", 2, 0), "the coordinator must be HOST:PORT, got 'host'"),
        (("host:port", 2, 0), "the coordinator must be HOST:PORT"),
        (("host:1", 2, 2), "the process id must be from 0 to 1, for 2 processes; got 2"),
        (("host:1", 2, -1), "the process id must be from 0 to 1"),
    ],
)
def test_what_does_not_say_which_process_this_is_is_refused(place, message):
    with pytest.raises(InputError, match=message), processes.joined(*place):
        pass


def test_the_environment_stands_in_for_options(monkeypatch):
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "host")
    monkeypatch.setenv("JAX_NUM_PROCESSES", "2")
    monkeypatch.setenv("JAX_PROCESS_ID", "1")
    with pytest.raises(InputError, match="HOST:PORT, got 'host'"), processes.joined(None, None, None):
        pass
    monkeypatch.setenv("JAX_PROCESS_ID", "one")
    with pytest.raises(InputError, match="JAX_PROCESS_ID must be a whole number, got 'one'"):
        with processes.joined("host:1", None, None):
            pass


def test_options_of_several_processes_need_distributed(capsys):
    assert cli.main(["train", "--process-id", "1"]) == 2
    assert capsys.readouterr().err == "jaxinterp: --process-id belongs to --distributed: give both\n"


# Real processes.

PROGRAM = """
import os, signal, sys
from jaxinterp import cli, interrupts, jobs, processes, store
processes.HEARTBEAT, jobs.CHECKPOINT_SECONDS = 10, 0.0
save = store.save_checkpoint
def save_or_die(folder, checkpoint, *arguments):
    if str(checkpoint.epoch) == os.environ.get("KILLED_IN"):
        os.kill(os.getpid(), signal.SIGKILL)
    save(folder, checkpoint, *arguments)
store.save_checkpoint = save_or_die
raise SystemExit(cli.main(sys.argv[1:]))
"""
# Processes that meet, train nothing, and lose process 0.
MEETING = """
import os, signal
from jaxinterp import processes
from jaxinterp.cli import shell
processes.PATIENCE = int(os.environ.get("PATIENCE", 120))
def meet(_):
    with processes.joined(None, None, None) as group:
        group.agree()
        if group.process == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        group.agree()
raise SystemExit(shell.guarded(meet, []))
"""
# What C++ code writes is kept from stderr, and what Python writes is not.
INTERRUPTED = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from jaxinterp import interrupts, processes
interrupts.end_process()
processes._end_with_a_line("")
os.write(2, b"a trace of C++")
signal.raise_signal(signal.SIGINT)
"""
OPTIONS = (
    "--data.source xor --model.widths 4 --model.outputs 2 --model.dropout 0.2 --train.seeds 4 --train.epochs 5 "
    "--train.batch-size 2 --train.snapshots 0 4 --train.chunk 1 --name x --root"
).split()


def start(program, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"XDG_CACHE_HOME": str(Path(__file__).parents[1] / ".pytest_cache")} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def by_hand(port, count, process):
    return {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(count),
        "JAX_PROCESS_ID": str(process),
    }


def by_slurm(port, count, process):
    return {
        "SLURM_JOB_ID": "7",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": str(count),
        "SLURM_PROCID": str(process),
        "SLURM_LOCALID": str(process),
        "JAX_COORDINATOR_PORT": str(port),
    }


def ends(started):
    """Exit code, stdout and stderr of each."""
    texts = [process.communicate(timeout=300) for process in started]
    return [(process.returncode, *text) for process, text in zip(started, texts, strict=True)]


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_ctrl_c_has_its_one_line_there_too():
    assert ends([start(INTERRUPTED)]) == [(interrupts.CODE, "", f"{interrupts.MESSAGE}\n")]


def test_without_process_0_there_is_one_line(port):
    process = start(MEETING, **by_hand(port, 2, 1), PATIENCE="2")
    line = f"jaxinterp: process 1 of 2 did not meet all others at 127.0.0.1:{port} in 2 s: start them all, and check"
    assert ends([process]) == [(2, "", f"{line} --coordinator\n")]


def test_when_process_0_is_killed_the_others_end_with_one_line(port):
    killed, other = ends([start(MEETING, **by_hand(port, 2, process)) for process in range(2)])
    assert killed == (-signal.SIGKILL, "", "")
    assert other == (2, "", f"jaxinterp: gone: process 0 of this training, or the connection to it; {GONE}\n")


@pytest.mark.usefixtures("optimized")
def test_four_train_until_one_is_killed_and_two_go_on_to_the_same_networks(tmp_path, port):
    kill = {2: {"KILLED_IN": "3"}}
    *others, last = ends(
        [
            start(
                PROGRAM,
                "train",
                "--distributed",
                *OPTIONS,
                tmp_path / "run",
                **by_hand(port, 4, process),
                **kill.get(process, {}),
            )
            for process in (0, 1, 3, 2)
        ]
    )
    assert last == (-signal.SIGKILL, "", "")
    for code, out, err in others:
        assert (code, out, err.splitlines()[-1]) == (2, "", f"jaxinterp: gone: process 2 of this training; {GONE}")
        assert err.count("jaxinterp") == 1  # process 0 may have shown its progress before
    path = tmp_path / "run" / "x"
    assert not store.is_complete(path)
    resume = ("train", "--resume", path, "--distributed", "--format", "json")
    first, second = ends([start(PROGRAM, *resume, **by_slurm(port, 2, process)) for process in range(2)])
    assert first[0] == 0 and len(json.loads(first[1])["rows"]) == 3 and "jaxinterp" not in first[2]
    assert second == (0, "", "")
    jobs.train_run(tmp_path / "alone" / "x", store.read_config(path))
    assert commands.contents(tmp_path / "run") == commands.contents(tmp_path / "alone")
    assert not commands.leftovers(tmp_path / "run")
