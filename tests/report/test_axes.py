import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import findings

from jaxinterp.report import axes
from jaxinterp.stats import Estimate
from jaxinterp.studies import Rule

NAN = float("nan")


def estimate(mean, width):
    return Estimate(mean, 1.0, mean - width, mean + width, 8)


@given(*[st.floats(-1e6, 1e6)] * 2, st.floats(0, 1e6), st.floats(0, 1e6))
def test_ours_and_its_control_lie_on_their_axis_in_order(ours, control, width, other):
    finding = findings.finding(measured=estimate(ours, width), control=estimate(control, other))
    drawn = axes.measured(finding)
    assert len(drawn["marks"]) == 2
    for _, low, mean, high, _ in drawn["marks"]:
        assert 0 <= low <= mean <= high <= 100
    (_, _, first, _, _), (_, _, second, _, _) = drawn["marks"]
    assert (first - second) * (ours - control) >= 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_the_axis_of_shares_stays_between_0_and_1(values):
    drawn = axes.axis(values)
    assert 0 <= drawn.low <= min(values) <= max(values) <= drawn.high <= 1 and drawn.low < drawn.high


@pytest.mark.parametrize("rule", [Rule(low=0.5), Rule(high=-2.0), Rule(-0.1, 0.1), Rule(0.0, 9.0)])
@pytest.mark.parametrize("score", [(0.6, 0.2), (-30.0, 1.0), (5.0, 4.0), (0.5, 0.0), (NAN, NAN)])
def test_a_score_lies_inside_where_the_claim_holds(rule, score):
    finding = findings.finding(score=estimate(*score), rule=rule)
    drawn = axes.scored(finding)
    start, width = drawn["inside"]
    assert 0 <= start <= start + width <= 100 and width > 0
    if score[0] == score[0]:
        low, mean, high = drawn["joint"]
        assert 0 <= low <= mean <= high <= 100
        assert (finding.verdict == "holds") == (start < low and high < start + width)
    else:
        assert drawn["joint"] is drawn["score"] is drawn["value"] is None


def test_labels_of_bars_that_are_close_become_one():
    near, far = (axes.scored(findings.finding(score=estimate(m, 0.1), rule=Rule(-0.1, 0.1))) for m in (3.0, 0.05))
    assert [text for _, text, _ in near["bars"]] == ["−0.1 to 0.1"]
    assert [text for _, text, _ in far["bars"]] == ["−0.1", "0.1"]
