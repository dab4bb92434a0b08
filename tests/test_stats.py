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


@pytest.mark.parametrize("yes, n", [(0, 40), (40, 40), (30, 40), (2, 2)])
def test_yes_and_no_have_wilsons_interval(yes, n):
    found = stats.share_estimate(np.append(np.arange(n) < yes, np.nan).astype(float))
    z = scipy.stats.norm.ppf(0.975)
    share = yes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    assert found.mean == share and found.n == n
    np.testing.assert_allclose([found.low, found.high], [middle - half, middle + half], atol=1e-12)


def test_other_shares_have_students_interval_and_one_network_has_none():
    values = np.array([0, 0.5, 1, np.nan])
    assert stats.share_estimate(values) == stats.over_seeds_estimate(values)
    assert np.isnan(stats.share_estimate(np.array([1.0, np.nan])).low)


def test_wilsons_interval_covers_and_students_does_not():
    rng = np.random.default_rng(0)
    draws = (rng.random((400, 20)) < 0.95).astype(float)
    wilson, student = (
        np.mean([found.low <= 0.95 <= found.high for found in map(estimate, draws)])
        for estimate in (stats.share_estimate, stats.over_seeds_estimate)
    )
    assert wilson > 0.9 > student


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


def two_way(rng, networks, images, *, signal=1.0, level=0.0):
    """Pairs of networks averaged over images, true mean 0, and the same on random halves of the images."""
    network, image = rng.normal(size=networks), rng.normal(size=images)
    both, noise = rng.normal(size=(networks, images)), rng.normal(size=(networks, networks, images))
    table = signal * (network[:, None] + network)[:, :, None] + 2 * image + (both[:, None] + both) + noise
    halves = np.stack([rng.permutation(images)[: images // 2] for _ in range(40)])
    return table.mean(-1), np.stack([table[..., half].mean(-1) for half in halves]) + level


def test_two_way_interval_covers_where_networks_alone_do_not():
    rng = np.random.default_rng(0)
    covered = one_way = 0
    for _ in range(200):
        matrix, draws = two_way(rng, 8, 20, signal=0.15)
        both, alone = stats.two_way_estimate(matrix, draws, resamples=400), stats.over_pairs_estimate(matrix)
        assert (both.mean, both.sd, both.n) == (alone.mean, alone.sd, alone.n)
        covered += both.low <= 0 <= both.high
        one_way += alone.low <= 0 <= alone.high
    assert 0.91 <= covered / 200
    assert one_way / 200 < 0.8


def test_two_way_interval_with_images_that_agree_is_that_of_networks_and_never_depends_on_the_level():
    rng = np.random.default_rng(1)
    matrix, draws = two_way(rng, 6, 20)
    same = np.broadcast_to(matrix, (7, 6, 6)) + 3
    np.testing.assert_allclose(stats.two_way_estimate(matrix, same), stats.over_pairs_estimate(matrix))
    expected = stats.two_way_estimate(matrix, draws)
    np.testing.assert_allclose(stats.two_way_estimate(matrix, draws + 5), expected)
    draws[3, 2, :] = draws[3, :, 2] = np.nan
    kept = [0, 1, 3, 4, 5]
    without = stats.two_way_estimate(matrix[np.ix_(kept, kept)], draws[:, kept][:, :, kept])
    np.testing.assert_allclose(stats.two_way_estimate(matrix, draws), without)
    with pytest.raises(InputError, match=r"draws of shape \(6, 6\) are needed, got an array of shape \(1, 6, 6\)"):
        stats.two_way_estimate(matrix, draws[:1])


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


def test_the_nearest_to_the_median_is_one_that_is_known():
    assert stats.nearest_median(np.array([0.9, np.nan, 0.1, 0.52, 0.5])) == 3
    assert stats.nearest_median(np.full(3, np.nan)) == 0


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
