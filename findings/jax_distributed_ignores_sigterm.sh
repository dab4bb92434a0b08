#!/usr/bin/env bash
# jax 0.10.2: does `kill` still end a process after jax.distributed.initialize?
#
# Guess: initialize connects processes and leaves signals alone; its documentation does not speak of any.
# Seen: SIGTERM is taken by the "preemption service", which is on by default and notes it for
# multihost_utils.reached_preemption_sync_point. A program that never calls that lives on, however often it is told to
# end; schedulers then wait out their grace period and send SIGKILL. Python sees no handler: signal.getsignal says
# SIG_DFL. jax.config.update("jax_enable_preemption_service", False) before initialize gives the usual behaviour back.
#
# Output:
#   plain: ended by SIGTERM
#   initialized: still running 3 seconds after SIGTERM, signal.getsignal says SIG_DFL
#   initialized, without the service: ended by SIGTERM
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
import signal, sys, time
import jax
kind, port = sys.argv[1:]
if "without" in kind:
    jax.config.update("jax_enable_preemption_service", False)
if "initialized" in kind:
    jax.distributed.initialize(f"127.0.0.1:{port}", 1, 0)
print(signal.getsignal(signal.SIGTERM).name, flush=True)
time.sleep(60)
"""


def run(kind):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", PROGRAM, kind, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    name = process.stdout.readline().strip()
    process.terminate()
    try:
        return f"ended by {signal.Signals(-process.wait(3)).name}"
    except subprocess.TimeoutExpired:
        process.kill()
        return f"still running 3 seconds after SIGTERM, signal.getsignal says {name}"


seen = [(kind, run(kind)) for kind in ("plain", "initialized", "initialized, without the service")]
for kind, end in seen:
    print(f"{kind}: {end}")
assert [end.startswith("still running") and end.endswith("SIG_DFL") for _, end in seen] == [False, True, False]
PYTHON
