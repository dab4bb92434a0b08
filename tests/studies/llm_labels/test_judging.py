import numpy as np
import pytest
import scipy.stats

from jaxinterp import stats
from jaxinterp.studies.llm_labels import judging

CLAIM = judging.claimed("0", "a claim", judging.calibrated_score("chance"), 0.5)


def seeds(mean, n=20, sd=0.05, seed=0):
    values = np.random.default_rng(seed).normal(0, sd, n)
    return mean + values - values.mean()


@pytest.mark.parametrize("yes, n", [(0, 40), (40, 40), (30, 40), (2, 2)])
def test_yes_and_no_have_wilsons_interval(yes, n):
    found = judging.share_estimate(np.append(np.arange(n) < yes, np.nan).astype(float))
    z = scipy.stats.norm.ppf(0.975)
    share = yes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    assert found.mean == share and found.n == n
    np.testing.assert_allclose([found.low, found.high], [middle - half, middle + half], atol=1e-12)


def test_other_shares_have_students_interval_and_one_network_has_none():
    values = np.array([0, 0.5, 1, np.nan])
    assert judging.share_estimate(values) == stats.over_seeds_estimate(values)
    assert np.isnan(judging.share_estimate(np.array([1.0, np.nan])).low)


def test_wilsons_interval_covers_and_students_does_not():
    rng = np.random.default_rng(0)
    draws = (rng.random((400, 20)) < 0.95).astype(float)
    wilson, student = (
        np.mean([found.low <= 0.95 <= found.high for found in map(estimate, draws)])
        for estimate in (judging.share_estimate, stats.over_seeds_estimate)
    )
    assert wilson > 0.9 > student


def test_the_score_is_calibrated_by_the_highest_control():
    controls = {"low": seeds(0.1, seed=1), "high": seeds(0.4, seed=2), "unknown": np.full(20, np.nan)}
    found = judging.judged_beside(CLAIM, seeds(0.7), controls, others={"more": seeds(0.3)})
    assert found.control_name == "high" and found.score.mean == pytest.approx(0.5)
    assert [other.name for other in found.others] == ["low", "unknown", "more"]
    assert "0 is chance and 1 all" in CLAIM.rule.sentence


def test_a_score_is_cut_at_minus_one_and_unknown_where_nothing_is_left_open():
    found = judging.judged_beside(CLAIM, seeds(0.1), {"high": seeds(0.8, seed=1)})
    assert found.score.mean == -1 and found.verdict == "does not hold"
    found = judging.judged_beside(CLAIM, np.ones(20), {"all": np.ones(20)})
    assert np.isnan(found.score.mean) and found.verdict == "undecided"


def test_the_interval_is_that_of_the_ratio_of_means():
    rng = np.random.default_rng(0)
    own, null = np.clip(rng.normal(0.7, 0.1, 400), 0, 1), np.clip(rng.normal(0.4, 0.1, 400), 0, 0.95)
    found = judging.judged_beside(CLAIM, own, {"null": null}).score
    draws = rng.integers(0, 400, (4000, 400))
    scores = (own[draws].mean(1) - null[draws].mean(1)) / (1 - null[draws].mean(1))
    np.testing.assert_allclose([found.low, found.high], np.quantile(scores, [0.025, 0.975]), atol=0.004)


def test_the_highest_of_controls_that_are_not_known_is_the_first():
    assert judging.highest({"one": np.full(3, np.nan), "other": np.full(3, np.nan)}) == "one"
