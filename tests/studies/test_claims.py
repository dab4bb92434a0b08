import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxinterp.stats import Estimate
from jaxinterp.studies import Claim, Finding, Rule

ABOVE, BELOW, BETWEEN = Rule("s", low=0.5), Rule("s", high=0.5), Rule("s", low=-0.1, high=0.1)


def estimate(low, high):
    return Estimate((low + high) / 2, 1.0, low, high, 8)


@pytest.mark.parametrize(
    ("rule", "low", "high", "verdict"),
    [
        (ABOVE, 0.6, 0.7, "holds"),
        (ABOVE, 0.1, 0.4, "does not hold"),
        (ABOVE, 0.4, 0.6, "undecided"),
        (BELOW, 0.1, 0.4, "holds"),
        (BELOW, 0.6, 0.7, "does not hold"),
        (BETWEEN, -0.05, 0.05, "holds"),
        (BETWEEN, 0.2, 0.3, "does not hold"),
        (BETWEEN, -0.3, -0.2, "does not hold"),
        (BETWEEN, -0.3, 0.3, "undecided"),
        (ABOVE, math.nan, math.nan, "undecided"),
    ],
)
def test_verdict_follows_from_the_whole_interval(rule, low, high, verdict):
    claim = Claim("study", "1", "text", "—", rule)
    assert Finding(claim, estimate(0, 1), estimate(0, 1), "null", estimate(low, high)).verdict == verdict


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1))
def test_a_rule_and_its_opposite_never_both_hold(low, width, bound):
    score = estimate(low, low + width)
    opposite = {"holds": "does not hold", "does not hold": "holds", "undecided": "undecided"}
    if bound not in (score.low, score.high):
        assert Rule("s", low=bound).verdict(score) == opposite[Rule("s", high=bound).verdict(score)]


@pytest.mark.parametrize(
    ("rule", "words"), [(ABOVE, "above 0.5"), (BELOW, "below 0.5"), (BETWEEN, "between -0.1 and 0.1")]
)
def test_sentence_states_the_threshold(rule, words):
    assert words in rule.sentence and "95 %" in rule.sentence
