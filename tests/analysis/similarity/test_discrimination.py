"""Counting who is more alike, against SciPy and against slow loops."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxinterp.analysis.similarity import MEASURES, all_pairs
from jaxinterp.analysis.similarity.discrimination import alike, groups_apart, layers_found, more_alike, same_layer


@given(st.integers(0, 2**32 - 1), st.integers(3, 6))
def test_being_more_alike_is_the_area_under_the_curve(seed, seeds):
    rng = np.random.default_rng(seed)
    own, other = rng.integers(0, 4, (2, seeds, seeds)).astype(float)  # few values, so that there are ties
    for i, share in enumerate(more_alike(own, other)):
        first, second = np.delete(own[i], i), np.delete(other[i], i)
        u = scipy.stats.mannwhitneyu(first, second).statistic
        np.testing.assert_allclose(share, u / (len(first) * len(second)))


def test_pairs_that_are_unknown_count_nowhere():
    own, other = np.ones((4, 4)), np.zeros((4, 4))
    own[2] = own[:, 2] = other[2] = other[:, 2] = np.nan
    np.testing.assert_array_equal(more_alike(own, other), [1, 1, np.nan, 1])


def test_the_same_layer_is_found_where_it_is_the_most_alike():
    layers, seeds = 3, 4
    rng = np.random.default_rng(0)
    table = rng.uniform(size=(layers, seeds, layers, seeds))
    right = table.copy()
    right[range(layers), :, range(layers)] += 1
    np.testing.assert_array_equal(same_layer(right), np.ones(seeds))
    slow = [
        np.mean([table[i, s, :, o].argmax() == i for i in range(layers) for o in range(seeds) if o != s])
        for s in range(seeds)
    ]
    np.testing.assert_allclose(same_layer(table), slow)
    np.testing.assert_allclose(same_layer(np.ones_like(table)), np.full(seeds, 1 / layers))
    right[:, 1] = right[..., 1] = np.nan
    np.testing.assert_array_equal(same_layer(right), [1, np.nan, 1, 1])


def test_groups_of_one_kind_are_told_from_others_whatever_their_widths():
    rng = np.random.default_rng(0)
    common, other = rng.normal(size=(2, 40, 4))
    first = common + 0.01 * rng.normal(size=(3, 40, 4))
    second = other + 0.01 * rng.normal(size=(3, 40, 4))
    wide = np.concatenate([second, second], axis=-1)
    for name in ("debiased_cka", "procrustes"):
        np.testing.assert_array_equal(groups_apart(alike(MEASURES[name], [first, second])), 1)
        np.testing.assert_array_equal(groups_apart(alike(MEASURES[name], [first, wide])), 1)
    np.testing.assert_array_equal(groups_apart(alike(MEASURES["cosine"], [first, second])), 1)
    assert np.isnan(groups_apart(alike(MEASURES["cosine"], [first, wide]))).all()  # it needs as many units in both
    for name in ("debiased_cka", "procrustes"):
        np.testing.assert_array_equal(layers_found(alike(MEASURES[name], [first, second])), 1)
        np.testing.assert_array_equal(
            layers_found(alike(MEASURES[name], [first, wide])), 1
        )  # layers have widths of their own
    assert np.isnan(layers_found(alike(MEASURES["cosine"], [first, wide]))).all()


@pytest.mark.parametrize("name", ["debiased_cka", "procrustes", "pwcca"])  # higher and lower; not symmetric
@pytest.mark.parametrize("units", [(4, 4), (4, 6)])
def test_all_pairs_of_sets_are_the_measure_of_each_pair(name, units):
    measure, rng = MEASURES[name], np.random.default_rng(0)
    sets = [rng.normal(size=(3, 20, own)) for own in units]
    table, sign = alike(measure, sets), 1 if measure.direction == "higher" else -1
    assert table.shape == (2, 2, 3, 3)
    for i, j in np.ndindex(2, 2):
        np.testing.assert_allclose(sign * table[i, j], all_pairs(measure, sets[i], sets[j]), atol=1e-7)
    some = alike(measure, [own[::2] for own in sets])
    np.testing.assert_allclose(some, table[:, :, ::2, ::2], atol=1e-7)
