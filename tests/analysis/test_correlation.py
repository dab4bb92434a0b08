"""Correlations are NumPy's, over the entries that are asked, and know neither scale nor shift."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp.analysis import correlation


@given(st.integers(0, 2**31), st.floats(0.1, 1e3), st.floats(-5, 5))
@settings(max_examples=25)
def test_correlations_are_numpys_over_what_is_asked_and_know_no_scale(seed, scale, shift):
    rng = np.random.default_rng(seed)
    rows, others, where = rng.normal(size=(3, 20)), rng.normal(size=(2, 4, 20)), rng.uniform(size=20) < 0.7
    where[:3] = True
    found = np.asarray(correlation.pairwise(rows * scale + shift, others, where))
    assert found.shape == (3, 2, 4)
    expected = [[[np.corrcoef(m[where], o[where])[0, 1] for o in group] for group in others] for m in rows]
    np.testing.assert_allclose(found, expected, atol=2e-5)
    np.testing.assert_allclose(
        correlation.rowwise(rows, others[:, 0][[0, 1, 0]], where), found[:, [0, 1, 0], 0].diagonal(), atol=2e-5
    )


def test_everything_is_asked_unless_something_is_named():
    rng = np.random.default_rng(0)
    rows, others = rng.normal(size=(2, 3, 11))
    np.testing.assert_allclose(correlation.pairwise(rows, others), np.corrcoef(rows, others)[:3, 3:], atol=1e-6)


@given(st.floats(-1e3, 1e3, width=32), st.sampled_from((2, 30, 784)))
@settings(max_examples=25)
def test_a_constant_correlates_with_nothing_and_leaves_the_others_alone(value, entries):
    rows = np.stack([np.full(entries, value), np.arange(entries)]).astype(np.float32)
    found = np.asarray(correlation.pairwise(rows, rows))
    assert np.isnan(found[0]).all() and np.isnan(found[:, 0]).all()
    np.testing.assert_allclose(found[1, 1], 1, atol=1e-5)
    where = np.arange(entries) < 1  # one entry does not vary
    assert np.isnan(correlation.rowwise(rows, rows, where)).all()


def test_no_size_is_too_small_or_too_large():
    rows = np.random.default_rng(0).normal(size=(2, 30)).astype(np.float32)
    expected = np.corrcoef(rows)[0, 1]
    for scale in (1e-30, 1e30):
        np.testing.assert_allclose(correlation.rowwise(rows[:1] * np.float32(scale), rows[1:]), expected, atol=1e-5)
