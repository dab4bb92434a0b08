#!/usr/bin/env bash
# orbax-checkpoint 0.12.8, jax 0.10.2: can each of several processes save a checkpoint of its own?
#
# Guess: MultiprocessingOptions(primary_host=p, active_processes={p}) is for that: its documentation says that a
# checkpointer then "runs over a subset of processes, rather than all processes".
# Seen: ocp.save still compares the hash of the path over all processes: with paths of their own both raise ValueError,
# and where only process 0 saves, it waits for process 1 until that calls save, too (for ever, if it does not).
#
# Output:
#   both save, each to its own folder: ValueError in process 0, ValueError in process 1
#   process 0 saves alone: still waiting after 20 seconds
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 \
  orbax-checkpoint==0.12.8 tensorstore==0.1.86
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import socket
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, sys, threading, time
import jax
import numpy as np
kind, folder, port, process = *sys.argv[1:4], int(sys.argv[4])
jax.distributed.initialize(f"127.0.0.1:{port}", 2, process)
from orbax.checkpoint import v1 as ocp
options = ocp.options.MultiprocessingOptions(
    primary_host=process, active_processes={process}, barrier_sync_key_prefix=f"process{process}"
)
def end(text):
    print(text, flush=True)
    time.sleep(3)  # the other one has its text, too
    os._exit(0)
if kind == "alone":
    threading.Timer(20, end, ["still waiting after 20 seconds"]).start()
    if process:
        time.sleep(60)
with ocp.Context(multiprocessing_options=options):
    try:
        ocp.save(f"{folder}/{kind}-{process}", {"a": np.arange(3.0)})
        end("saved")
    except Exception as error:
        end(type(error).__name__)
"""


def run(kind):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, kind, sys.argv[1], str(port), str(process)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for process in range(2)
    ]
    return [process.communicate()[0].splitlines()[-1] for process in started]


both, alone = run("both"), run("alone")
print("both save, each to its own folder:", ", ".join(f"{text} in process {n}" for n, text in enumerate(both)))
print("process 0 saves alone:", alone[0])
assert both == ["ValueError"] * 2 and alone[0] == "still waiting after 20 seconds"
PYTHON
