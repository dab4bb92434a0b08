#!/usr/bin/env bash
# wandb 0.31.0: does wandb.init(mode="offline") keep a program from connecting to a server?
#
# Guess: an offline run connects to no server; wandb sync does, when the user runs it.
# Seen: the run itself is offline, but the library's own telemetry reads the settings of the process, not those of the
# run: at the end it connects to the server of base_url (by default api.forge.coreweave.com). The environment variable
# WANDB_MODE=offline, which sets both, prevents that; so does WANDB_ERROR_REPORTING=false.
#
# The script has a server of its own on this machine count connections; the library is told that it is the W&B server.
#
# Output:
#   mode="offline": the server is connected to: True
#   mode="offline", WANDB_MODE=offline: the server is connected to: False
#   mode="offline", WANDB_ERROR_REPORTING=false: the server is connected to: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet wandb==0.31.0
cd "$folder"
HOME="$folder" "$folder/venv/bin/python" - <<'PYTHON'
import os
import socket
import subprocess
import sys
import threading

PROGRAM = """
import wandb
run = wandb.init(mode="offline", project="test", settings=wandb.Settings(silent=True, console="off"))
run.log({"loss": 0.5})
run.finish()
"""


def connected(**environment):
    """Whether a program with an offline run connects to the server that it is told of."""
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        ended = threading.Event()

        def serve():
            while not ended.is_set():
                try:
                    client, _ = server.accept()
                except TimeoutError:
                    continue
                seen.append(client.recv(200))
                client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        base_url = f"http://127.0.0.1:{server.getsockname()[1]}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        clean |= {"WANDB_BASE_URL": base_url, **environment}
        subprocess.run([sys.executable, "-c", PROGRAM], env=clean, check=True)
        ended.set()
        thread.join()
    return bool(seen)


found = {}
for environment in ({}, {"WANDB_MODE": "offline"}, {"WANDB_ERROR_REPORTING": "false"}):
    told = "".join(f", {name}={value}" for name, value in environment.items())
    found[told] = connected(**environment)
    print(f'mode="offline"{told}: the server is connected to: {found[told]}')
assert list(found.values()) == [True, False, False]
PYTHON
