"""Is a stored measurement still what would be measured? It is if its fingerprint is the same.

A fingerprint covers all that a result depends on: config, weights and data of every recipe, the measurement's
arguments and the libraries of an extra that it names, the package's version, and the code that measures. Comments and
docstrings do not count.
"""

import ast
import dataclasses
import hashlib
import inspect
import json
from collections.abc import Mapping
from functools import cache
from importlib import metadata, resources
from pathlib import Path

import jax

from jaxinterp import data
from jaxinterp.config import to_json
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.study import AnyMeasurement

_SHOWING = ("report", "cli")  # these only show results


def fingerprint(measurement: AnyMeasurement, inputs: Mapping[str, Inputs]) -> str:
    """The fingerprint of a measurement on these recipes' inputs."""
    arguments = {
        field.name: repr(getattr(measurement, field.name))
        for field in dataclasses.fields(measurement)
        if field.name in ("name", "conditions", "recipes", "key")
    }
    parts = {
        "code": [code(), _own_source(measurement)],
        "arguments": arguments,
        "libraries": {name: _version(name) for name in getattr(measurement, "libraries", ())},
        "runs": {recipe: [to_json(own.config), *own.once(_arrays)] for recipe, own in inputs.items()},
    }
    return _hash(json.dumps(parts, sort_keys=True).encode())


def _version(library: str) -> str | None:
    """The version of a library; None where it is not installed."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _own_source(measurement: AnyMeasurement) -> str:
    """The file of a measurement that is defined outside the package; nothing for those inside."""
    fn = getattr(measurement.fn, "func", measurement.fn)  # a partial's function
    file = inspect.getsourcefile(fn)
    if file is None or Path(file).is_relative_to(str(resources.files("jaxinterp"))):
        return ""
    return _hash(Path(file).read_bytes())


@cache
def code() -> str:
    """A hash of the package's version and of all its code but that which only shows results."""
    root = Path(str(resources.files("jaxinterp")))
    files = sorted(file for file in root.rglob("*.py") if file.relative_to(root).parts[0] not in _SHOWING)
    trees = [f"{file.relative_to(root).as_posix()}: {_without_docstrings(file.read_text())}" for file in files]
    return _hash("\n".join(trees).encode())


def _without_docstrings(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # pyright: ignore[reportAttributeAccessIssue]
                part for part in body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
    return ast.dump(tree)


def _arrays(inputs: Inputs) -> tuple[str, str]:
    """Hashes of a run's weights and of its data."""
    weights = jax.tree.leaves(inputs.networks.variables)
    return data.hash_arrays(weights), data.fingerprint(inputs.splits)


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
