import numpy as np
import pytest
import reference
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp import stats
from jaxinterp.errors import InputError

finite = st.floats(-1e3, 1e3)


def symmetric(rng, n):
    """Pairs whose mean is 0 in truth and which share their networks' effects."""
    effect, noise = rng.normal(size=n), rng.normal(size=(n, n))
    return effect[:, None] + effect + 0.3 * (noise + noise.T)


def test_interval_over_seeds_is_scipys():
    values = np.random.default_rng(0).normal(size=9)
    estimate = stats.over_seeds_estimate(values)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert estimate.low == pytest.approx(expected.low) and estimate.high == pytest.approx(expected.high)
    assert (estimate.mean, estimate.sd, estimate.n) == (
        pytest.approx(values.mean()),
        pytest.approx(values.std(ddof=1)),
        9,
    )


@given(hnp.arrays(float, st.integers(2, 12), elements=finite), st.floats(-10, 10), st.floats(0.1, 10))
def test_estimate_moves_and_stretches_with_its_values(values, shift, scale):
    plain, moved = stats.over_seeds_estimate(values), stats.over_seeds_estimate(shift + scale * values)
    assert moved.mean == pytest.approx(shift + scale * plain.mean, abs=1e-6)
    assert moved.low == pytest.approx(shift + scale * plain.low, abs=1e-6)
    assert plain.low <= plain.mean <= plain.high


def test_diverged_seeds_are_left_out_and_counted():
    assert stats.over_seeds_estimate(np.array([1.0, np.nan, 3.0])) == stats.over_seeds_estimate(np.array([1.0, 3.0]))
    matrix = np.ones((5, 5))
    matrix[2, :] = matrix[:, 2] = np.nan
    assert stats.over_pairs_estimate(matrix) == stats.Estimate(1, 0, 1, 1, 4)


@pytest.mark.parametrize(("estimate", "shape"), [(stats.over_seeds_estimate, 3), (stats.over_pairs_estimate, (3, 3))])
def test_nothing_left_is_no_error(estimate, shape):
    empty = estimate(np.full(shape, np.nan))
    assert empty.n == 0 and np.isnan(empty[:4]).all()


def test_two_networks_have_no_interval():
    estimate = stats.over_pairs_estimate(np.array([[1.0, 0.4], [0.4, 1.0]]))
    assert estimate.mean == 0.4 and estimate.n == 2 and np.isnan([estimate.low, estimate.high]).all()


def test_mean_over_pairs_ignores_the_diagonal_and_takes_both_directions():
    matrix = np.array([[9.0, 1, 2], [3, 9, 4], [4, 6, 9]])
    assert stats.over_pairs_estimate(matrix).mean == pytest.approx(np.mean([2, 3, 5]))


def test_bootstrap_over_networks_equals_drawing_them_one_by_one():
    matrix = symmetric(np.random.default_rng(1), 6)
    copies = np.random.default_rng(0).multinomial(6, np.full(6, 1 / 6), size=300)
    means = [reference.bootstrap_of_pairs(matrix, c) for c in copies]
    half = scipy.stats.t.ppf(0.975, 5) * np.std(means, ddof=1) * np.sqrt(6 / 5)
    estimate = stats.over_pairs_estimate(matrix, resamples=300, seed=0)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(half)


def test_interval_over_pairs_covers_and_does_not_treat_pairs_as_independent():
    rng = np.random.default_rng(0)
    covered = naive = 0
    for _ in range(300):
        matrix = symmetric(rng, 8)
        estimate = stats.over_pairs_estimate(matrix, resamples=300)
        covered += estimate.low <= 0 <= estimate.high
        plain = stats.over_seeds_estimate(matrix[np.triu_indices(8, 1)])
        naive += plain.low <= 0 <= plain.high
    assert 0.9 <= covered / 300 <= 0.99
    assert naive / 300 < 0.8


def test_paired_arms_need_the_same_seeds():
    first, second = np.array([3.0, 5.0, 8.0]), np.array([1.0, 2.0, 4.0])
    assert stats.paired_estimate(first, second) == stats.over_seeds_estimate(first - second)
    with pytest.raises(InputError, match="same seeds"):
        stats.paired_estimate(first, second[:2])


def test_p_values_are_uniform_under_the_null():
    draws = np.random.default_rng(0).normal(size=(4000, 20))
    p = stats.permutation_p(draws[:, 0], draws[:, 1:])
    assert scipy.stats.chisquare(np.bincount(np.rint(p * 20).astype(int), minlength=21)[1:]).pvalue > 0.01
    assert p.min() == 1 / 20 and p.max() == 1


def test_calibrated_score_has_its_landmarks():
    assert stats.calibrated(0.9, 0.9) == 0 and stats.calibrated(1.0, 0.9) == 1
    assert stats.calibrated(0.8, 0.9) == pytest.approx(-1)
    assert np.isnan(stats.calibrated(1.0, 1.0))


@settings(max_examples=30)
@given(hnp.arrays(float, st.integers(1, 20), elements=st.floats(0, 1)))
def test_q_values_are_the_definition(p):
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    expected = np.empty_like(p)
    expected[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    np.testing.assert_allclose(stats.benjamini_hochberg(p), expected)


def test_q_value_of_no_test_is_nan():
    np.testing.assert_allclose(stats.benjamini_hochberg(np.array([0.01, np.nan, 0.5])), [0.02, np.nan, 0.5])


@pytest.mark.parametrize("fn", [stats.over_seeds_estimate, stats.over_pairs_estimate])
def test_wrong_shapes_are_refused(fn):
    with pytest.raises(InputError, match="shape"):
        fn(np.zeros((2, 3)))
