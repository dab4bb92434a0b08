import jax
import numpy as np
import pytest
from support.one_vs_seven import findings, network, plant, results

from jaxinterp.data import Dataset
from jaxinterp.studies.one_vs_seven import top_bar
from jaxinterp.studies.one_vs_seven.top_bar import SIZES

UNITS = 12


def test_the_unit_that_reads_the_bar_restores_all_of_it():
    """Pixel and unit 3 are the bar of a 7; unit 5 also tells 7s from 1s, but not by their bar."""
    rng = np.random.default_rng(0)
    labels = np.tile([1, 7], 40).astype(np.int32)
    images = rng.uniform(0, 0.1, (80, UNITS)).astype(np.float32)
    images[:, 3] += labels == 7
    images[:, 5] += 2 * (labels == 7)
    clean = images[labels == 7]
    corrupt = clean.copy()
    corrupt[:, 3] = 0
    output = np.zeros((UNITS, 10))
    output[[3, 5], 7] = 2
    copy = (np.eye(UNITS), np.zeros(UNITS))
    reader = network(copy, copy, (output, np.zeros(10)))
    found = jax.jit(top_bar.patched)(reader, Dataset(images, labels), clean, corrupt, jax.random.key(0))
    np.testing.assert_allclose(found.total, 2 * clean[0::2, 3].mean() * np.ones(2), rtol=1e-4)
    np.testing.assert_allclose(found.restored, np.ones((2, len(SIZES))), atol=1e-5)
    np.testing.assert_allclose(found.top, [1, 1], atol=1e-5)
    # Groups of three of twelve hold the unit in a quarter of the draws.
    np.testing.assert_allclose(np.unique(np.round(found.random, 3)), [0, 1], atol=1e-6)
    np.testing.assert_allclose(found.random.mean(axis=1), 0.25, atol=0.1)
    np.testing.assert_allclose(found.by_difference, [1, 1], atol=1e-5)
    assert (found.overlap >= 1 / 3).all()


def test_sevens_without_a_bar_have_no_twin():
    seven = np.zeros((28, 28), np.float32)
    seven[4:25, 14:18] = seven[4:7, 2:18] = 1
    stem = np.where(np.arange(28) < 14, 0, seven)
    test = Dataset(np.stack([seven, stem, seven]).reshape(3, -1), np.array([7, 7, 1], np.int32))
    clean, corrupt = top_bar.bar_twins(test)
    np.testing.assert_array_equal(clean, seven.reshape(1, -1))
    np.testing.assert_array_equal(corrupt.reshape(28, 28)[:, 14:], seven[:, 14:])
    assert not corrupt.reshape(28, 28)[:, :14].any()


@pytest.mark.parametrize(("level", "expected"), [(0.9, "holds"), (0.0, "does not hold")])
def test_the_units_must_beat_random_ones(level, expected):
    values = plant(results(), "top_bar", "top", level, layers="hidden1")
    values["top_bar"]["random"][:] = 0.1
    found = findings(values)["1.10 MNIST hidden1"]
    assert found.verdict == expected and found.score.mean == pytest.approx((level - 0.1) / 0.9, abs=1e-6)
    assert f"largest p of a network {1 / 21 if level else 1:.3f}" in found.note
