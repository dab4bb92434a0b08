#!/usr/bin/env bash
# jax 0.10.2: can a program say in its own words that jax.distributed found no coordinator, or lost another process?
#
# Guess: initialize raises within initialization_timeout, as its documentation says ("the initialization will error"),
# and a lost process is an exception in the next call. try and except, or an atexit function, then tell the user.
# Seen: neither can be caught. C++ code logs a stack trace and calls abort: the process ends by SIGABRT, and no except,
# finally or atexit runs. Both hold on the CPU, without any computation. The missed_heartbeat_callback of jaxlib's client
# is no way out: a Python function there ends the process, too, with std::bad_cast. What helps is a handler of SIGABRT in
# C (by ctypes) that does not return; Python's own signal handlers run too late.
#
# Output:
#   no coordinator: ended by SIGABRT, its own lines: []
#   process 1 killed, process 0: ended by SIGABRT, its own lines: ['met']
#   with a callback, process 0: ended by SIGABRT, its own lines: ['met'], std::bad_cast True
#   with a handler in C: exit code 3, its own lines: ['handled']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" <<'PYTHON'
import signal
import socket
import subprocess
import sys

PROGRAM = """
import atexit, ctypes, functools, os, signal, sys, time
import jax
from jaxlib import _jax
kind, port, processes, process = sys.argv[1], *map(int, sys.argv[2:])
say = functools.partial(print, flush=True)
if kind == "callback":
    client = _jax.get_distributed_runtime_client
    _jax.get_distributed_runtime_client = functools.partial(client, missed_heartbeat_callback=lambda _: say("called"))
if kind == "handler":
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda _: (say("handled"), os._exit(3)))
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = ctypes.c_int, ctypes.c_void_p
    libc.signal(signal.SIGABRT, ctypes.cast(handler, ctypes.c_void_p))
atexit.register(say, "atexit")
try:
    jax.distributed.initialize(
        f"127.0.0.1:{port}", processes, process, initialization_timeout=5 if kind in ("alone", "handler") else 60,
        heartbeat_timeout_seconds=5,
    )
    say("met")
    if process == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
except BaseException as error:
    say("caught", error)
finally:
    say("finally")
"""


def run(kind, *processes):
    """How the first of these processes ends: its exit status, its lines, and what it writes on stderr."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    count = max(2, len(processes))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, kind, *map(str, (port, count, process))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for process in processes
    ]
    texts = [process.communicate() for process in started]
    return started[0].returncode, texts[0][0].splitlines(), texts[0][1]


def end(code):
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


seen = {
    "no coordinator": run("alone", 1),
    "process 1 killed, process 0": run("killed", 0, 1),
    "with a callback, process 0": run("callback", 0, 1),
    "with a handler in C": run("handler", 1),
}
for name, (code, lines, errors) in seen.items():
    cast = f", std::bad_cast {'std::bad_cast' in errors}" if "callback" in name else ""
    print(f"{name}: {end(code)}, its own lines: {lines}{cast}")
assert [code for code, _, _ in seen.values()] == [-signal.SIGABRT] * 3 + [3]
assert [lines for _, lines, _ in seen.values()] == [[], ["met"], ["met"], ["handled"]]
assert "std::bad_cast" in seen["with a callback, process 0"][2]
PYTHON
