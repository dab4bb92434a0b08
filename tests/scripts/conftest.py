"""Small images and networks for every part of the benchmark."""

import pytest
from benchmarks import ablation
from support.toy_benchmark import PIXELS, config, toy_splits

from jaxinterp import recipes


@pytest.fixture(scope="module")
def splits():
    return toy_splits()


@pytest.fixture
def toy_recipe(monkeypatch):
    """Every test of a module has the same small networks, so that each program is compiled but once."""
    monkeypatch.setattr(recipes, "config", lambda name, seeds=None: config("sgd", seeds))


@pytest.fixture
def many(toy_recipe):
    return ablation.untrained(3, PIXELS)
