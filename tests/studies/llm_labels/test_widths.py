import llm_labels_records as made
import numpy as np
import pytest
import scipy.stats

from jaxinterp.studies.llm_labels import widths
from jaxinterp.studies.llm_labels.record import SIX, WIDE


def record(counts, accuracies, wide_counts=None, wide=0.9):
    """Networks of six with so many live neurons and such accuracies."""
    counts = np.asarray(counts)
    dead = np.zeros((len(counts), 2, 2, made.UNITS))
    dead[:, 0, 1] = np.arange(made.UNITS) >= counts[:, None]
    dead[:, 1, 1] = np.arange(made.UNITS) >= np.asarray(counts if wide_counts is None else wide_counts)[:, None]
    dead[:, 0, :, made.NARROW :] = np.nan
    accuracy = np.stack([accuracies, np.full(len(counts), wide)], axis=1)
    return made.record(seeds=len(counts), dead=dead, accuracy=accuracy)


def test_a_rank_correlation_and_its_interval():
    rng = np.random.default_rng(0)
    first = rng.normal(size=30)
    second = first + rng.normal(size=30)
    found = widths.rank_correlation(first, second)
    assert found.mean == pytest.approx(scipy.stats.spearmanr(first, second)[0]) and found.n == 30
    assert -1 < found.low < found.mean < found.high < 1
    gap = widths.rank_correlation(np.append(first, np.nan), np.append(second, 3))
    assert gap == found
    assert np.isnan(widths.rank_correlation(np.ones(30), second).mean)
    assert widths.rank_correlation(first, first).high <= 1


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    pairs = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], (300, 40))
    true = 6 / np.pi * np.arcsin(0.3)  # Spearman's of a bivariate normal
    found = [widths.rank_correlation(*pair.T) for pair in pairs]
    assert 0.9 < np.mean([one.low < true < one.high for one in found]) < 0.99


def test_what_a_width_adds_beyond_its_live_neurons():
    found = record([1, 2, 2, 3], [0.2, 0.4, 0.6, 0.7], wide_counts=[2, 3, 9, 9])
    np.testing.assert_allclose(widths.beyond_live(found), [0.4, 0.2, np.nan, np.nan])
    assert widths.alive(found, SIX).tolist() == [1, 2, 2, 3] and widths.alive(found, WIDE).tolist() == [2, 3, 9, 9]


def test_the_example_is_the_network_nearest_the_median():
    assert widths.nearest_median(np.array([0.9, np.nan, 0.1, 0.52, 0.5])) == 3
    assert widths.nearest_median(np.full(3, np.nan)) == 0
