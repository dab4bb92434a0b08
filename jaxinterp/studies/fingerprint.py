"""Is a stored measurement still what would be measured? It is if its fingerprint is the same.

A fingerprint covers all that a result depends on: config, weights and data of every recipe, the measurement's
arguments, the code that it depends on, and the libraries of an extra and the files that it names.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping

import jax

from jaxinterp import data, machine
from jaxinterp.config import to_json
from jaxinterp.studies import sources
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.study import AnyMeasurement, files_of


def fingerprint(measurement: AnyMeasurement, inputs: Mapping[str, Inputs], by: Callable) -> str:
    """The fingerprint of a measurement on these recipes' inputs; by: the function that applies it to them."""
    functions = [value for value in vars(measurement).values() if callable(value)]
    arguments = {
        field.name: repr(getattr(measurement, field.name))
        for field in dataclasses.fields(measurement)
        if field.name in ("name", "conditions", "recipes", "key")
    }
    parts = {
        "code": sources.code(by, *functions),
        "arguments": arguments,
        "libraries": {name: machine.version(name) for name in getattr(measurement, "libraries", ())},
        "files": {
            recipe: [_hash(file.read_bytes()) for file in files_of(measurement, own)] for recipe, own in inputs.items()
        },
        "runs": {recipe: [to_json(own.config), *own.once(_arrays)] for recipe, own in inputs.items()},
    }
    return _hash(json.dumps(parts, sort_keys=True).encode())


def _arrays(inputs: Inputs) -> tuple[str, str]:
    """Hashes of a run's weights and of its data."""
    weights = jax.tree.leaves(inputs.networks.variables)
    return data.hash_arrays(weights), data.fingerprint(inputs.splits)


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
