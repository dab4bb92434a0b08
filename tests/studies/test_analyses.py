"""Analyses that belong to no study: by the real path at toy size, from a file, stored, printed, skipped."""

import pytest
from support import toy_inputs

from jaxinterp import store
from jaxinterp.errors import InputError
from jaxinterp.report import tables
from jaxinterp.studies import analyses

OWN_FILE = """
from typing import NamedTuple
import jax.numpy as jnp
from jaxtyping import Array, Float
from jaxinterp.studies import Measurement

class Largest(NamedTuple):
    largest: Float[Array, ""]

def largest(network, images) -> Largest:
    return Largest(jnp.max(network(images)[0]))

MEASUREMENT = Measurement("largest", largest, lambda inputs: (inputs.scoring.images,))
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    toy_inputs.train("bottleneck-neurons", folder, source="strokes", outputs=2, widths=(6, 4))
    return folder


@pytest.mark.parametrize("name", analyses.ANALYSES)
def test_every_analysis_runs_is_stored_and_has_a_table(path, name):
    found = analyses.run(path, name)
    assert f"analyses/{name}" in store.results(path) and analyses.stored(path)[name].equals(found)
    assert all(variable.notnull().any() for variable in found.data_vars.values())
    table = tables.dataset_table(found)
    labelled = [dim for dim in found.dims if dim in found.coords]
    assert {"layers"} <= set(labelled) and len(table.cells) % 2 == 0  # two layers
    assert all(row["estimate"].n == 3 for row in table.values)


def test_an_analysis_can_come_from_a_file(path, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OWN_FILE)
    first = analyses.run(path, str(file))
    assert first.largest.dims == ("seeds",) and first.equals(analyses.run(path, str(file)))
    file.write_text(OWN_FILE.replace("jnp.max", "jnp.min"))  # another code is measured again
    assert (analyses.run(path, str(file)).largest < first.largest).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no analysis '.*nothing.py'; there are activity, damage, similarity, or name a Python file"),
        ("x = 1", "defines no MEASUREMENT"),
        ("1 / 0", "does not run: ZeroDivisionError"),
    ],
)
def test_what_is_no_analysis_is_refused(path, tmp_path, text, words):
    file = tmp_path / "nothing.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=words):
        analyses.run(path, str(file))
