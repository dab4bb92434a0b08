"""What needs a Python of its own? Imports, a JAX that sees one device, and peaks of memory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def running(code: str) -> Iterator[Any]:
    """A fresh Python that runs the code, a turn."""
    while True:
        yield subprocess.run([sys.executable, "-c", code], check=True)


def answer(module: str, function: str, *arguments) -> Any:
    """What a function of this package answers in a fresh Python; arguments are literals, the answer comes as JSON."""
    code = f"import json; from benchmarks.{module} import {function} as f; print(json.dumps(f(*{arguments!r})))"
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    command, environment = [sys.executable, "-c", code], os.environ | {"PYTHONPATH": path}
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
