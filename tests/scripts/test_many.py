"""The benchmark of many seeds at toy size."""

import numpy as np
import pytest
from benchmarks import many, similarity
from benchmarks.options import Options
from support.toys import random_splits

from jaxinterp.analysis.similarity import MEASURES


@pytest.fixture(autouse=True)
def toy_size(monkeypatch):
    for name, value in {"FEW": 2, "MANY": 8, "PAIRS": 4, "EXAMPLES": 50, "UNITS": (3, 2)}.items():
        monkeypatch.setattr(many, name, value)


def test_ratios_are_to_as_many_times_the_few_and_to_their_memory_with_the_weights(monkeypatch):
    used = {
        2: {"seconds": 1.0, "peak": 1e9, "weights": 1e8},
        8: {"seconds": 4.4, "peak": 1.56e9, "weights": 4e8},
    }
    monkeypatch.setattr(many.processes, "call", lambda module, function, seeds, epochs: used[seeds])
    timings, results = many.measure(random_splits(), Options(rounds=1))
    training, peak, both, *sites = results
    assert training.ratio == pytest.approx((1.1,) * 3) and training.rate == (4.4,) * 3
    assert peak.ratio == pytest.approx((1.2,) * 3)
    assert both.note == "28 pairs" and both.rate[0] == sum(own["ours"].seconds[0] for own in timings["pairs"].values())
    assert [row.name for row in sites] == ["debiased CKA, 3 units", "debiased CKA, 2 units"]
    assert all(row.ratio is not None for row in sites)


def test_the_loop_compares_as_ours_does():
    activations = similarity.made(8, 50, 3)
    table = np.asarray(next(similarity.ours(MEASURES["debiased_cka"], activations).turns))
    np.testing.assert_allclose(many._loop(np.asarray(activations)), np.diagonal(table[:4, 4:]), atol=1e-5)
