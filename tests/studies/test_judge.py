"""Verdicts follow intervals, estimators dimensions, scores their formulas; the hardest control decides."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from support.claims import claim, only, seeds, shares
from support.findings import finding

from jaxinterp import stats
from jaxinterp.errors import InputError
from jaxinterp.stats import SHARE, Estimate
from jaxinterp.studies.judge import Rule, above, below, between, judge
from jaxinterp.studies.scores import Calibrated, Difference, Itself, estimate


def score_of(low, high):
    return Estimate((low + high) / 2, 1.0, low, high, 8)


@pytest.mark.parametrize(
    ("rule", "low", "high", "verdict"),
    [
        (above(0.5), 0.6, 0.7, "holds"),
        (above(0.5), 0.1, 0.4, "does not hold"),
        (above(0.5), 0.4, 0.6, "undecided"),
        (below(0.5), 0.1, 0.4, "holds"),
        (below(0.5), 0.6, 0.7, "does not hold"),
        (between(-0.1, 0.1), -0.05, 0.05, "holds"),
        (between(-0.1, 0.1), 0.2, 0.3, "does not hold"),
        (between(-0.1, 0.1), -0.3, -0.2, "does not hold"),
        (between(-0.1, 0.1), -0.3, 0.3, "undecided"),
        (above(0.5), math.nan, math.nan, "undecided"),
    ],
)
def test_verdict_follows_from_the_whole_interval(rule, low, high, verdict):
    assert finding(rule=rule, score=score_of(low, high)).verdict == verdict


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1))
def test_a_rule_and_its_opposite_never_both_hold(low, width, bound):
    score = score_of(low, low + width)
    opposite = {"holds": "does not hold", "does not hold": "holds", "undecided": "undecided"}
    if bound not in (score.low, score.high):
        assert Rule(low=bound).verdict(score) == opposite[Rule(high=bound).verdict(score)]


@pytest.mark.parametrize(
    ("rule", "words", "bar"),
    [
        (above(0.5), "above 0.5", "> 0.5"),
        (below(0.5), "below 0.5", "< 0.5"),
        (between(-0.1, 0.1), "between -0.1 and 0.1", "-0.1 to 0.1"),
    ],
)
def test_a_rule_states_its_bar(rule, words, bar):
    assert words in rule.sentence and rule.bar == bar


# Controls.


@pytest.mark.parametrize(("rule", "hardest"), [(above(0.5), "high"), (below(0.5), "low"), (between(0.0, 1.0), "high")])
def test_the_hardest_control_decides(rule, hardest):
    controls = {"low": seeds([0.1, 0.2]), "high": seeds([0.3, 0.4]), "unknown": seeds([np.nan, np.nan])}
    found = only(claim(seeds([0.5, 0.6]), Difference(), controls, rule))
    assert found.control_name == hardest and found.control == estimate(controls[hardest])
    assert {other.name for other in found.others} == {"low", "high", "unknown"} - {hardest}
    assert hardest in found.scored


def test_a_claim_without_a_control_can_be_scored_only_by_itself():
    assert only(claim(seeds([0.6, 0.7]), Itself())).control_name == "—"
    with pytest.raises(InputError, match="give the claim one"):
        only(claim(seeds([0.6, 0.7]), Difference()))


def test_what_is_shown_decides_nothing():
    shown = {"a table": seeds([0.0, 1.0]), "a number": Estimate(3.0, 0.0, 3.0, 3.0, 2)}
    plain = only(claim(seeds([0.6, 0.7]), Itself()))
    found = only(claim(seeds([0.6, 0.7]), Itself(), shown=shown))
    assert found._replace(others=()) == plain and [other.name for other in found.others] == list(shown)


# All claims of a study together.


def test_claims_are_judged_by_holms_method():
    """As p-values are: each claim is decided at the level at which Holm's method rejects its bar, or not at all."""
    rng = np.random.default_rng(0)
    distances = [0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0]
    values = [rng.normal(distance, 1, 12) for distance in distances]
    values = [np.concatenate([own, 2 * own.mean() - own]) for own in values]  # symmetric, so that Student's t is right
    p = np.array([scipy.stats.ttest_1samp(own, 0).pvalue for own in values])
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = judge("s", [claim(seeds(own), Itself(), rule=above(0.0)) for own in values])
    assert [one.verdict != "undecided" for one in found] == (adjusted < 0.05).tolist()
    assert 0 < sum(one.verdict == "undecided" for one in found) < np.sum(p > 0.05) + 3
    for own, one in zip(values, found, strict=True):
        assert one.score == estimate(seeds(own)) and one.joint == estimate(seeds(own), None, one.level)
        assert one.joint.low <= one.score.low and one.score.high <= one.joint.high


def test_a_claim_alone_is_judged_by_its_own_interval():
    found = only(claim(seeds([0.6, 0.7, 0.9]), Itself()))
    assert found.joint == found.score and found.level == stats.LEVEL


def test_claims_without_an_interval_are_not_counted():
    own, unknown = claim(seeds([0.6, 0.7, 0.9]), Itself()), claim(seeds([np.nan, np.nan, np.nan]), Itself())
    alone, beside, lost = (*judge("s", [own]), *judge("s", [own, unknown]))
    assert beside == alone and lost.verdict == "undecided" and math.isnan(lost.joint.low)


@given(st.lists(shares, min_size=1, max_size=5))
def test_together_no_claim_is_decided_that_is_not_decided_alone(values):
    claims = [claim(seeds(own), Itself(), bounds=SHARE) for own in values]
    for own, found in zip(claims, judge("s", claims), strict=True):
        assert found.verdict in ("undecided", only(own).verdict)


# Images.


def of_parts(*means, score=None, **fields):
    """A claim about eight networks, and the same on parts of the images, where they have these means."""
    spread = np.linspace(-0.01, 0.01, 8)
    made = [claim(seeds(mean + spread), score or Itself(), **fields) for mean in (np.mean(means), *means)]
    return made[0], [[own] for own in made[1:]]


def test_parts_that_differ_make_every_interval_of_a_claim_longer():
    whole, parts = of_parts(0.5, 0.6, 0.7, controls={"c": seeds([0.1, 0.2])}, shown={"s": seeds([0.3, 0.4])})
    for place, part in enumerate(parts):
        moved = {"c": seeds([0.1, 0.2 + place])}, {"s": seeds([0.3, 0.4 + place])}
        part[0] = replace(part[0], controls=moved[0], shown=moved[1])
    (alone,), (both,) = judge("s", [whole]), judge("s", [whole], parts)
    assert both.over_images and not alone.over_images
    others = [(own.others[0].estimate, own.measured, own.control, own.score, own.joint) for own in (alone, both)]
    for first, second in zip(*others, strict=True):
        assert first.mean == second.mean and second.low < first.low and second.high > first.high
    np.testing.assert_allclose(both.score, stats.with_images(alone.score, np.array([0.5, 0.6, 0.7])))


def test_parts_that_agree_change_nothing():
    whole, parts = of_parts(0.6, 0.6, 0.6)
    (alone,), (both,) = judge("s", [whole]), judge("s", [whole], parts)
    assert both == alone._replace(over_images=True)


def test_images_can_leave_undecided_what_networks_alone_decide():
    whole, parts = of_parts(0.45, 0.7, 0.6)
    assert judge("s", [whole])[0].verdict == "holds"
    assert judge("s", [whole], parts)[0].verdict == "undecided"


def test_a_part_without_the_claim_is_left_out():
    whole, parts = of_parts(0.5, 0.6, 0.7)
    (found,) = judge("s", [whole], [*parts, []])
    np.testing.assert_allclose(found.score, stats.with_images(only(whole).score, np.array([0.5, 0.6, 0.7, np.nan])))


@pytest.mark.parametrize("score", [Itself(), Difference(), Calibrated()])
def test_an_interval_over_images_stays_within_the_limits_of_its_score(score):
    whole, parts = of_parts(0.7, 0.97, score=score, controls={"c": seeds(np.linspace(0, 0.02, 8))}, bounds=SHARE)
    (found,) = judge("s", [whole], parts)
    limits = score.limits(SHARE)
    assert limits.low <= found.joint.low < 0.6 and found.joint.high == limits.high
