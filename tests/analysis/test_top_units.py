from functools import partial

import numpy as np
import pytest

from jaxinterp.analysis import top_units
from jaxinterp.errors import InputError

TOP, UNITS = 3, 16
overlap = partial(top_units.overlap, top=TOP)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_largest_are_those_that_a_sort_puts_first(count):
    values = np.random.default_rng(0).normal(size=(5, 8))
    values[0, 3], values[1, :2] = np.nan, 9.0  # unknown, and a tie
    found = np.asarray(top_units.largest(values, count))
    order = np.argsort(np.where(np.isnan(values), np.inf, -values), axis=1, kind="stable")
    np.testing.assert_array_equal(found, (np.argsort(order, axis=1) < count))
    np.testing.assert_array_equal(top_units.highest(values), order[:, 0])


def test_counts_broadcast():
    found = top_units.largest(np.array([0.1, 0.3, 0.2]), np.arange(4)[:, None])
    np.testing.assert_array_equal(found, [[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1]])


@pytest.mark.parametrize("top", [0, -1])
def test_lists_of_no_neurons_are_refused(top):
    with pytest.raises(InputError, match=f"top is {top}: use 1 or more units"):
        top_units.overlap(np.zeros((2, 10, UNITS), np.float32), top=top)


def test_lists_of_the_same_neurons_overlap():
    one = np.random.default_rng(0).uniform(size=(1, 10, UNITS)).astype(np.float32)
    own, other = overlap(np.repeat(one, 3, axis=0))
    assert own == 1 and other < 0.5
    hub = np.broadcast_to(np.arange(UNITS, dtype=np.float32), (3, 10, UNITS))  # the same units for every class
    assert overlap(hub) == (1, 1)
    unrelated = np.random.default_rng(1).uniform(size=(3, 300, UNITS)).astype(np.float32)
    np.testing.assert_allclose(overlap(unrelated), TOP / UNITS, atol=0.02)
    with_absent = np.repeat(one, 3, axis=0)
    with_absent[1, 4] = np.nan
    without = np.delete(np.repeat(one, 3, axis=0), 4, axis=1)
    np.testing.assert_allclose(overlap(with_absent), overlap(without))
