"""Estimators follow dimensions, and scores their formulas."""

import math

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.claims import claim, only, seeds, shares

from jaxinterp import stats
from jaxinterp.errors import InputError
from jaxinterp.stats import SHARE, RankCorrelation
from jaxinterp.studies.scores import Calibrated, Difference, Given, Itself, Ratio, ShareBelow, estimate


@given(hnp.arrays(float, (5, 3), elements=st.floats(0.1, 0.9)))
def test_one_value_per_seed_gets_students_interval_after_averaging_the_rest(values):
    found = estimate(xr.DataArray(values, dims=("seeds", "units")))
    assert found == stats.over_seeds_estimate(values.mean(axis=1))
    assert found == estimate(xr.DataArray(values.T, dims=("units", "seeds")))


def test_bounds_hold_for_measured_values_and_what_lies_within():
    always, control = xr.DataArray(np.ones((8, 3)), dims=("seeds", "classes")), seeds(np.zeros(8))
    shown = {"within": seeds(np.full(8, 0.5)), "beyond": seeds(np.arange(8.0))}
    found = only(claim(always, Itself(), {"null": control}, bounds=SHARE, shown=shown))
    assert found.measured == found.score == stats.over_seeds_estimate(np.ones(8), bounds=SHARE._replace(things=3))
    assert found.control == stats.over_seeds_estimate(np.zeros(8), bounds=SHARE) and found.control.low == 0
    within, beyond = (other.estimate for other in found.others)
    assert within.low > 0 and beyond == stats.over_seeds_estimate(np.arange(8.0))
    assert math.isnan(only(claim(always, Itself())).score.low)
    with pytest.raises(InputError, match="values from 0 to 1 are needed, got 2"):
        only(claim(always * 2, Itself(), bounds=SHARE))


def test_pairs_get_a_bootstrap_over_networks_whatever_their_order():
    table = xr.DataArray(np.random.default_rng(0).uniform(size=(5, 5)), dims=("seeds", "seeds_other"))
    assert estimate(table) == stats.over_pairs_estimate(table.to_numpy())
    assert estimate(table.T) == estimate(table)


def test_what_is_independent_but_no_network_counts_like_one_and_a_constant_has_no_interval():
    values = np.random.default_rng(0).uniform(size=7)
    assert estimate(xr.DataArray(values, dims="samples")) == estimate(seeds(values))
    constant = estimate(xr.DataArray(0.25))
    assert constant.mean == 0.25 and math.isnan(constant.low) and constant.n == 0


def test_a_rank_correlation_over_networks_is_scipys():
    first, second = np.random.default_rng(0).normal(size=(2, 12))
    found = estimate(RankCorrelation(seeds(first), seeds(second)))
    assert found.mean == pytest.approx(scipy.stats.spearmanr(first, second).statistic)
    assert found.low < found.mean < found.high and found.n == 12
    same = estimate(RankCorrelation(seeds(first), seeds(first)))
    assert same.mean == pytest.approx(1) and same.high <= 1
    assert math.isnan(estimate(RankCorrelation(seeds(first), seeds(np.ones(12)))).mean)


def test_dimensions_without_an_estimator_are_refused():
    values = xr.DataArray(np.zeros((2, 2)), dims=("seeds", "samples"))
    with pytest.raises(InputError, match="no estimator for values over seeds, samples"):
        estimate(values)


# Scores.


def test_near_the_best_possible_value_a_calibrated_score_is_as_unsure_as_what_is_measured():
    perfect, control = seeds(np.ones(16)), seeds(np.linspace(0.1, 0.3, 16))
    free = only(claim(perfect, Calibrated(), {"null": control})).score
    assert free.mean == pytest.approx(1) and math.isnan(free.low)  # no uncertainty is seen
    found = only(claim(perfect, Calibrated(), {"null": control}, bounds=SHARE)).score
    alone = stats.over_seeds_estimate(np.ones(16), bounds=SHARE)
    assert (found.low, found.high) == pytest.approx(((alone.low - 0.2) / 0.8, 1))


@given(shares, st.floats(0, 0.9))
def test_against_a_constant_a_scores_interval_is_the_measured_ones_moved_and_stretched(measured, control):
    alone = stats.over_seeds_estimate(measured, bounds=SHARE)
    for score, moved in (
        (Calibrated(), lambda value: (value - control) / (1 - control)),
        (Difference(), lambda value: value - control),
    ):
        found = only(claim(seeds(measured), score, {"null": xr.DataArray(control)}, bounds=SHARE)).score
        assert (found.low, found.high) == pytest.approx((moved(alone.low), moved(alone.high)), abs=1e-9)


def test_differences_that_are_all_alike_are_as_unsure_as_what_they_compare():
    none = xr.DataArray(np.zeros((32, 16)), dims=("seeds", "units"))
    found = only(claim(none, Difference(), {"null": none}, bounds=SHARE)).score
    known = estimate(none, SHARE)
    assert (found.mean, found.low, found.high) == (0, -known.high, known.high) and found.high < 0.01


@given(shares, shares)
def test_a_difference_of_shares_stays_within_its_bounds(measured, control):
    found = only(claim(seeds(measured), Difference(), {"null": seeds(control)}, bounds=SHARE)).score
    assert -1 <= found.low < found.high <= 1


@given(shares, shares)
def test_a_calibrated_score_is_that_of_the_means(measured, control):
    found = only(claim(seeds(measured), Calibrated(), {"null": seeds(control)}))
    t, c = measured.mean(), control.mean()
    if c < 1 - 1e-6:
        assert found.score.mean == pytest.approx((t - c) / (1 - c), rel=1e-6, abs=1e-6)


def test_a_calibrated_scores_interval_is_the_delta_methods():
    rng = np.random.default_rng(0)
    control = rng.uniform(0.1, 0.3, 4000)
    measured = 0.6 + 0.5 * control + rng.normal(0, 0.05, 4000)
    found = only(claim(seeds(measured), Calibrated(), {"null": seeds(control)})).score
    draws = [rng.integers(0, 4000, 4000) for _ in range(300)]
    scores = [(measured[d].mean() - control[d].mean()) / (1 - control[d].mean()) for d in draws]
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.std(scores), rel=0.15)


def test_a_single_control_near_one_makes_no_pole_and_nothing_is_clipped():
    measured, control = seeds([0.5, 0.5, 0.5, 0.9]), seeds([0.2, 0.2, 0.2, 0.999999])
    found = only(claim(measured, Calibrated(), {"null": control})).score
    assert -1 < found.mean < 1 and np.isfinite([found.low, found.high]).all()
    worse = only(claim(seeds([0.0, 0.1]), Calibrated(), {"null": seeds([0.8, 0.9])})).score
    assert worse.mean == pytest.approx((0.05 - 0.85) / 0.15)  # far below −1


def test_a_control_that_leaves_nothing_open_decides_nothing():
    found = only(claim(seeds([1.0, 1.0]), Calibrated(), {"null": seeds([1.0, 1.0])}))
    assert math.isnan(found.score.mean) and found.verdict == "undecided"


def test_networks_without_a_control_are_left_out_of_a_calibrated_score():
    measured, control = seeds([0.5, 0.6, 0.9]), seeds([0.1, 0.2, np.nan])
    found = only(claim(measured, Calibrated(), {"null": control})).score
    assert found.n == 2 and found.mean == pytest.approx((0.55 - 0.15) / 0.85)


@given(shares, hnp.arrays(float, 6, elements=st.floats(0.1, 1.0)))
def test_a_ratio_is_that_of_the_means(measured, control):
    found = only(claim(seeds(measured), Ratio(), {"null": seeds(control)})).score
    assert found.mean == pytest.approx(measured.mean() / control.mean(), abs=1e-9)


def test_a_ratio_to_itself_is_one_without_spread():
    values = seeds([0.2, 0.5, 0.9])
    found = only(claim(values, Ratio(), {"null": values})).score
    assert found.mean == pytest.approx(1) and found.sd == pytest.approx(0, abs=1e-12)


@given(shares, shares)
def test_a_difference_is_paired(measured, control):
    found = only(claim(seeds(measured), Difference(), {"null": seeds(control)})).score
    expected = stats.paired_estimate(measured, control)
    assert found.mean == pytest.approx(expected.mean) and found.sd == pytest.approx(expected.sd)


def test_a_share_below_counts_what_is_known():
    values = xr.DataArray([[0.05, 0.2], [0.05, np.nan]], dims=("seeds", "classes"))
    found = only(claim(values, ShareBelow(0.1)))
    assert found.score.n == 2 and found.score.mean == pytest.approx(0.75)


def test_a_score_known_between_two_ends_reaches_from_the_lowest_to_the_highest():
    low, high = seeds([0.1, 0.2, 0.3]), seeds([0.6, 0.7, 0.8])
    found = only(claim(seeds([1, 2, 3]), Given(low, None, high=high)))
    assert (found.score.low, found.score.high) == (estimate(low).low, estimate(high).high)
    assert found.measured.mean == 2
