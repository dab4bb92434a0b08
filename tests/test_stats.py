import numpy as np
import pytest
import scipy.stats
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import reference

from jaxinterp import stats
from jaxinterp.errors import InputError
from jaxinterp.stats import SHARE, SIGNED

finite = st.floats(-1e3, 1e3)


def symmetric(rng, n):
    """Pairs whose mean is 0 in truth and which share their networks' effects."""
    effect, noise = rng.normal(size=n), rng.normal(size=(n, n))
    return effect[:, None] + effect + 0.3 * (noise + noise.T)


@pytest.mark.parametrize("level", [0.95, 0.999])
def test_interval_over_seeds_is_scipys_where_values_are_symmetric(level):
    half = np.random.default_rng(0).normal(size=9)
    values = np.concatenate([half, -half])  # no skewness
    estimate = stats.over_seeds_estimate(values, level=level)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(level)
    assert estimate.low == pytest.approx(expected.low) and estimate.high == pytest.approx(expected.high)
    assert (estimate.mean, estimate.sd, estimate.n) == (
        pytest.approx(values.mean()),
        pytest.approx(values.std(ddof=1)),
        18,
    )


@pytest.mark.parametrize("n", [8, 40])
def test_the_interval_of_skewed_values_is_halls_where_that_is_longer(n):
    values = np.random.default_rng(3).exponential(size=n)
    estimate, error = stats.over_seeds_estimate(values), values.std(ddof=1) / np.sqrt(n)
    skewness, t = scipy.stats.skew(values), scipy.stats.t.ppf(0.975, n - 1)

    def transformed(statistic):  # Hall's transform of (mean − truth)/error, which has no skewness
        g = skewness / np.sqrt(n)
        return statistic + g * statistic**2 / 3 + g**2 * statistic**3 / 27 + g / 6

    assert transformed((estimate.mean - estimate.high) / error) == pytest.approx(-t)
    assert (estimate.mean - estimate.low) / error == pytest.approx(t)
    mirrored = stats.over_seeds_estimate(-values)
    assert (-mirrored.high, -mirrored.low) == pytest.approx((estimate.low, estimate.high))


# Of values that differ by more than rounding.
spread_out = hnp.arrays(float, st.integers(3, 12), elements=finite).filter(lambda values: np.ptp(values) > 0.1)


@given(spread_out, st.floats(-10, 10), st.floats(0.1, 10))
def test_estimate_moves_and_stretches_with_its_values(values, shift, scale):
    plain, moved = stats.over_seeds_estimate(values), stats.over_seeds_estimate(shift + scale * values)
    assert moved.mean == pytest.approx(shift + scale * plain.mean, abs=1e-6)
    assert moved.low == pytest.approx(shift + scale * plain.low, rel=1e-6, abs=1e-4)
    assert plain.low < plain.mean < plain.high


@given(hnp.arrays(float, st.integers(2, 40), elements=st.floats(0, 1)), st.floats(-10, 10), st.floats(0.1, 10))
def test_bounds_are_kept_and_stretch_with_the_values(values, shift, scale):
    plain = stats.over_seeds_estimate(values, bounds=SHARE)
    assert 0 <= plain.low <= plain.mean <= plain.high <= 1 and plain.low < plain.high
    wide = stats.over_seeds_estimate(values, bounds=SHARE, level=0.99)
    assert wide.low <= plain.low and plain.high <= wide.high
    ends = stats.Bounds(shift, shift + scale)
    moved = stats.over_seeds_estimate(np.clip(shift + scale * values, *ends[:2]), bounds=ends)
    np.testing.assert_allclose(moved[2:4], shift + scale * np.array(plain[2:4]), atol=1e-3 * scale)


def test_bounds_hardly_matter_far_away_from_them():
    values = np.random.default_rng(0).normal(0.5, 0.01, 30)
    values = np.concatenate([values, 1 - values])
    near = stats.over_seeds_estimate(values, bounds=SHARE)
    np.testing.assert_allclose(near, stats.over_seeds_estimate(values), atol=1e-5)


def test_networks_that_are_all_alike_have_an_interval_only_between_bounds():
    perfect = stats.over_seeds_estimate(np.ones(32), bounds=SHARE)
    assert perfect.high == 1 and perfect.low == pytest.approx(0.025 ** (1 / 32))  # fewer would be seen too seldom
    digits = stats.over_seeds_estimate(np.ones(32), bounds=SHARE._replace(things=10))
    assert digits.high == 1 and digits.low == pytest.approx(0.025 ** (1 / 320))
    assert (
        stats.over_seeds_estimate(np.eye(8)[0], bounds=SHARE._replace(things=10)).high > 0.3
    )  # they are not all alike
    nearly = stats.over_seeds_estimate(1 - np.eye(32)[0] * 1e-9, bounds=SHARE)
    assert nearly.low == pytest.approx(perfect.low)
    for values in (np.ones(8), np.full(8, 0.1) * 3, np.zeros(8)):
        assert np.isnan(stats.over_seeds_estimate(values)[2:4]).all()
    assert np.isnan(stats.over_pairs_estimate(np.ones((6, 6)))[2:4]).all()
    pairs = stats.over_pairs_estimate(np.ones((32, 32)), bounds=SHARE)
    assert (pairs.low, pairs.high) == pytest.approx((perfect.low, 1))


def test_a_value_outside_its_bounds_is_refused_unless_by_rounding():
    rounded = np.ones(8) + 5e-7 * np.arange(8)
    assert stats.over_seeds_estimate(rounded, bounds=SHARE) == stats.over_seeds_estimate(np.ones(8), bounds=SHARE)
    assert stats.over_pairs_estimate(np.ones((4, 4)) + 1e-6, bounds=SIGNED).high == 1
    with pytest.raises(InputError, match=r"values from 0 to 1 are needed, got 1\.2"):
        stats.over_seeds_estimate(np.array([0.5, 1.2]), bounds=SHARE)
    with pytest.raises(InputError, match=r"values from -1 to 1 are needed, got -3"):
        stats.over_pairs_estimate(np.full((3, 3), -3.0), bounds=SIGNED)


def test_diverged_seeds_are_left_out_and_counted():
    assert stats.over_seeds_estimate(np.array([1.0, np.nan, 3.0])) == stats.over_seeds_estimate(np.array([1.0, 3.0]))
    matrix = np.ones((5, 5))
    matrix[2, :] = matrix[:, 2] = np.nan
    assert stats.over_pairs_estimate(matrix)[::4] == (1, 4)


@pytest.mark.parametrize(("estimate", "shape"), [(stats.over_seeds_estimate, 3), (stats.over_pairs_estimate, (3, 3))])
def test_nothing_left_is_no_error(estimate, shape):
    empty = estimate(np.full(shape, np.nan))
    assert empty.n == 0 and np.isnan(empty[:4]).all()


def test_two_networks_have_no_interval():
    estimate = stats.over_pairs_estimate(np.array([[1.0, 0.4], [0.4, 1.0]]))
    assert estimate.mean == 0.4 and estimate.n == 2 and np.isnan([estimate.low, estimate.high]).all()


@pytest.mark.parametrize("yes, n", [(0, 40), (40, 40), (30, 40), (2, 2), (1, 8)])
def test_the_interval_of_yes_and_no_lies_between_jeffreys_and_clopper_and_pearsons(yes, n):
    found = stats.over_seeds_estimate(np.append(np.arange(n) < yes, np.nan).astype(float), bounds=SHARE)
    exact = scipy.stats.binomtest(yes, n).proportion_ci(0.95, method="exact")
    jeffreys = scipy.stats.beta.ppf([0.025, 0.975], yes + 0.5, n - yes + 0.5)
    assert found.mean == yes / n and found.n == n
    assert found.low == 0 if yes == 0 else exact.low - 0.02 < found.low < jeffreys[0]
    assert found.high == 1 if yes == n else jeffreys[1] < found.high < exact.high + 0.02


def test_a_rank_correlation_and_its_interval():
    rng = np.random.default_rng(0)
    first = rng.normal(size=30)
    second = first + rng.normal(size=30)
    found = stats.rank_correlation_estimate(stats.RankCorrelation(first, second))
    assert found.mean == pytest.approx(scipy.stats.spearmanr(first, second)[0]) and found.n == 30
    assert -1 < found.low < found.mean < found.high < 1
    gap = stats.RankCorrelation(np.append(first, np.nan), np.append(second, 3))
    assert stats.rank_correlation_estimate(gap) == pytest.approx(found, nan_ok=True)
    assert np.isnan(stats.rank_correlation_estimate(stats.RankCorrelation(np.ones(30), second)).mean)
    assert stats.rank_correlation_estimate(stats.RankCorrelation(first, first)).high <= 1


def test_a_rank_correlations_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    pairs = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], (300, 40))
    true = 6 / np.pi * np.arcsin(0.3)  # Spearman's of a bivariate normal
    found = [stats.rank_correlation_estimate(stats.RankCorrelation(*pair.T)) for pair in pairs]
    assert 0.9 < np.mean([one.low < true < one.high for one in found]) < 0.99


def test_permuted_correlations_are_those_of_chance():
    first = np.append(np.arange(20.0), [np.nan, 3])
    second = np.append(np.arange(20.0) ** 2, [5, np.nan])
    null = stats.permuted_spearman(first, second, draws=2000)
    assert null.shape == (2000,) and abs(null.mean()) < 0.02
    assert null.std() == pytest.approx(1 / np.sqrt(19), rel=0.05)  # the null's known spread
    assert np.isnan(stats.permuted_spearman(np.ones(5), np.arange(5.0), draws=3)).all()


def test_mean_over_pairs_ignores_the_diagonal_and_takes_both_directions():
    matrix = np.array([[9.0, 1, 2], [3, 9, 4], [4, 6, 9]])
    assert stats.over_pairs_estimate(matrix).mean == pytest.approx(np.mean([2, 3, 5]))


@pytest.mark.parametrize("draw", [1, 2, 3])
def test_interval_over_pairs_is_the_longer_of_bootstrap_and_jackknife_one_by_one(draw):
    matrix = symmetric(np.random.default_rng(draw), 6)
    copies = np.random.default_rng(0).multinomial(6, np.full(6, 1 / 6), size=300)
    means = [reference.bootstrap_of_pairs(matrix, c) for c in copies]
    without = [np.delete(np.delete(matrix, i, 0), i, 1)[np.triu_indices(5, 1)].mean() for i in range(6)]
    errors = np.std(means, ddof=1) * np.sqrt(6 / 5), np.std(without) * np.sqrt(5)
    half = scipy.stats.t.ppf(0.975, 5) * max(errors)
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


def test_networks_alike_near_a_bound_are_means_of_many_things():
    for value in (0.999, 0.001, 0.5):
        found = stats.over_seeds_estimate(np.full(32, value), bounds=stats.SHARE)
        things = max(1 / value, 1 / (1 - value))
        expected = scipy.stats.binomtest(round(32 * things * value), round(32 * things)).proportion_ci()
        np.testing.assert_allclose((found.low, found.high), expected, rtol=1e-3)


def crossed(rng, networks, images, parts=10):
    """Networks averaged over images, true mean 0, and the mean over networks on each of several parts of the images."""
    effects, images = 0.03 * rng.normal(size=(networks, 1)), rng.normal(size=(1, images))
    values = effects + images + rng.normal(size=(networks, images.size))
    return values.mean(1), np.array([values[:, part::parts].mean() for part in range(parts)])


def test_interval_over_images_too_covers_where_that_over_networks_does_not():
    rng = np.random.default_rng(0)
    covered = alone_covered = 0
    for _ in range(300):
        values, by_part = crossed(rng, 8, 500)
        alone = stats.over_seeds_estimate(values)
        both = stats.with_images(alone, by_part)
        assert (both.mean, both.sd, both.n) == (alone.mean, alone.sd, alone.n)
        assert both.low < alone.low and both.high > alone.high
        covered += both.low <= 0 <= both.high
        alone_covered += alone.low <= 0 <= alone.high
    assert 0.93 <= covered / 300 <= 0.99
    assert alone_covered / 300 < 0.8


def test_parts_count_by_their_differences_alone():
    rng = np.random.default_rng(1)
    values, by_part = crossed(rng, 6, 100)
    alone = stats.over_seeds_estimate(values)
    assert stats.with_images(alone, np.full(10, 7.0)) == alone
    assert stats.with_images(alone, np.array([1.0])) == alone
    np.testing.assert_allclose(stats.with_images(alone, by_part + 5), stats.with_images(alone, by_part))


def test_without_networks_the_interval_is_students_over_parts():
    by_part = np.random.default_rng(2).normal(size=10)
    found = stats.with_images(stats.unknown()._replace(mean=by_part.mean()), by_part, level=0.9)
    expected = scipy.stats.ttest_1samp(by_part, 0).confidence_interval(0.9)
    np.testing.assert_allclose((found.low, found.high), expected)


def test_a_part_that_is_not_defined_leaves_the_others_variance_divided_by_all():
    by_part = np.array([0.1, 0.4, np.nan, 0.3])
    found = stats.with_images(stats.unknown()._replace(mean=0.0), by_part)
    half = scipy.stats.t.ppf(0.975, 2) * np.std([0.1, 0.4, 0.3], ddof=1) / 2
    np.testing.assert_allclose((found.low, found.high), (-half, half))


def test_interval_over_images_stays_within_bounds():
    alone = stats.over_seeds_estimate(np.array([0.98, 0.99, 0.97]), bounds=stats.SHARE)
    found = stats.with_images(alone, np.array([0.9, 1.0, 0.8, 1.0]), bounds=stats.SHARE)
    assert found.high == 1 and 0 < found.low < alone.low


def test_noise_ceiling_finds_the_planted_reliability():
    rng = np.random.default_rng(0)
    truth, noise = rng.normal(size=(1, 4000)), rng.normal(size=(20, 2, 4000))
    found = stats.noise_ceiling(truth[:, None] + noise)  # each half: variance 1 of truth, 1 of noise; both: 1 and 1/2
    assert found.reliability == pytest.approx(1 / 1.5, abs=0.01)
    assert found.ceiling == pytest.approx(np.sqrt(1 / 1.5), abs=0.01)
    assert found.standard_error.mean() == pytest.approx(np.sqrt(0.5), abs=0.01)


def test_noise_ceiling_has_its_landmarks():
    values = np.random.default_rng(0).normal(size=(3, 1, 50))
    same = stats.noise_ceiling(np.tile(values, (1, 2, 1)))
    assert same.reliability == pytest.approx(1) and not same.standard_error.any()
    opposite = stats.noise_ceiling(np.concatenate([values, -values], axis=1))
    assert opposite.reliability == opposite.ceiling == 0
    equal = stats.noise_ceiling(np.ones((3, 2, 50)))
    assert np.isnan([equal.reliability, equal.ceiling]).all() and not equal.standard_error.any()
    halves = np.random.default_rng(1).normal(size=(4, 2, 30))
    lost = halves.copy()
    lost[2, 0, 7] = np.nan
    found = stats.noise_ceiling(lost)
    assert found.reliability == pytest.approx(stats.noise_ceiling(np.delete(halves, 7, -1)).reliability)
    assert np.flatnonzero(np.isnan(found.standard_error)).tolist() == [7]
    with pytest.raises(InputError, match="two halves are needed, got 3"):
        stats.noise_ceiling(np.zeros((2, 3, 5)))


def test_p_value_of_no_test_is_nan_and_draws_that_failed_are_left_out():
    p = stats.permutation_p(np.array([np.nan, 1.0, 1.0]), np.array([[1, 2.0], [2.0, np.nan], [np.nan, np.nan]]))
    np.testing.assert_allclose(p, [np.nan, 1, np.nan])
    assert stats.permutation_p(np.array(0.5), np.array([0.1, 0.6, 0.2])) == 0.5


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


def test_the_share_is_0_for_number_alone_and_1_for_identity_alone():
    chosen, drawn = (xr.DataArray(x, dims="seeds") for x in ([0.4, 0.4, 0.4, 0.1, -0.1], [0.0, 0.4, 0.1, 0.4, -0.2]))
    np.testing.assert_allclose(stats.unexplained_share(chosen, drawn), [1, 0, 0.75, -0.75, np.nan])
    np.testing.assert_allclose(stats.unexplained_share(chosen, drawn), -stats.unexplained_share(drawn, chosen))


def test_labelled_draws_are_found_by_their_name():
    rng = np.random.default_rng(0)
    observed, null = rng.normal(size=(3, 2)), rng.normal(size=(3, 50, 2))
    found = stats.permutation_p_over(
        "draws", xr.DataArray(observed, dims=("seeds", "kinds")), xr.DataArray(null, dims=("seeds", "draws", "kinds"))
    )
    np.testing.assert_array_equal(found, stats.permutation_p(observed, np.swapaxes(null, 1, 2)))
