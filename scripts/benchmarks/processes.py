"""What needs its own Python process? Imports, a JAX that has one device, and memory peaks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def running(code: str) -> Iterator[Any]:
    """A fresh Python process that runs the code, per turn."""
    while True:
        yield subprocess.run([sys.executable, "-c", code], check=True)


def command_seconds(*arguments: str, cache: Path) -> float:
    """Seconds of one command of jaxinterp, which keeps its compiled programs in the cache."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-m", "jaxinterp", *arguments]
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begin


def call(module: str, function: str, *arguments) -> Any:
    """The result of a function of this package in a fresh Python; arguments are literals, the result is JSON."""
    code = f"import json; from benchmarks.{module} import {function} as f; print(json.dumps(f(*{arguments!r})))"
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    command, environment = [sys.executable, "-c", code], os.environ | {"PYTHONPATH": path}
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
