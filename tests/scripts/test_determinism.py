"""What docs/determinism.md promises where the number of devices changes, and how the script compares networks.

The rest of it is in tests/test_train.py (seeds, resuming, chunks, arms) and tests/test_jobs.py (kills).
"""

import dataclasses
from pathlib import Path

import determinism
import numpy as np
import pytest
from determinism import Difference, Training
from support.toys import TOY

from jaxinterp import store
from jaxinterp.errors import InputError

TOLERANCE = 1e-4  # of every weight, after a few epochs at toy size
CONFIG = dataclasses.replace(TOY, train=dataclasses.replace(TOY.train, epochs=2, seeds=3))
CACHE = Path(__file__).parents[2] / ".pytest_cache" / "jax"


def test_networks_that_change_devices_are_the_same_within_rounding(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(CACHE))
    # In chunks of one, one device has three chunks, and two devices have two each, of which one is filled up.
    for name, devices in {"two": (2,), "one, then two": (1, 2)}.items():
        determinism.train(tmp_path / name, CONFIG, Training(devices, chunk=1))
    difference = determinism.difference(tmp_path / "two", tmp_path / "one, then two")
    assert difference.before == 0 and difference.after <= TOLERANCE and difference.accuracy <= 0.002


def test_the_least_difference_is_found(toy, tmp_path):
    config, splits, trained = toy
    store.save(tmp_path / "a", config, trained, splits.test)
    variables = dict(trained.networks.variables)
    bias = np.array(variables["params"]["output"]["bias"])
    moved = {"bias": np.nextafter(bias, np.float32(1)), "kernel": variables["params"]["output"]["kernel"]}
    variables["params"] = variables["params"] | {"output": moved}
    other = trained._replace(networks=trained.networks.replace(variables=variables))
    store.save(tmp_path / "b", config, other, splits.test)
    assert determinism.difference(tmp_path / "a", tmp_path / "a") == (0, 0, 0)
    found = determinism.difference(tmp_path / "a", tmp_path / "b")
    assert found.before == found.accuracy == 0 < found.after == np.abs(moved["bias"].astype(float) - bias).max()


def test_the_table_has_a_row_for_each_way():
    text = determinism.table({"on 1 device": [Difference(0, 1e-5, 0), Difference(0, 0, 2e-4)]})
    assert text.splitlines()[-1] == "| on 1 device | 0 | 1.0e-05 | 0 | 0 | 2.0e-04 |"


def test_a_document_without_markers_is_refused_before_anything_is_trained(tmp_path):
    (tmp_path / "a.md").write_text("no markers")
    with pytest.raises(InputError, match="needs a line"):
        determinism.measure(document=tmp_path / "a.md")
