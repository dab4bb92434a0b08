"""Every claim holds where its effect is planted, and does not where it is absent."""

import numpy as np
import pytest
from looking_for_four_records import planted, record

from jaxinterp.studies import looking_for_four as study
from jaxinterp.studies.looking_for_four import backwards, focus, growth, ladder
from jaxinterp.studies.looking_for_four.record import KINDS, LIKEST_TURN, STUDY, TARGET, TURNED

SEEDS = 8
EVERY = slice(None)
DIFFERENCE = KINDS.index("difference")


def near(mean, seed=0):
    return mean + 0.005 * np.random.default_rng(seed).normal(size=SEEDS)


def verdicts(made, start):
    found = {f.claim.id: f.verdict for f in study.findings(made) if f.claim.id.startswith(start)}
    assert found
    return set(found.values())


@pytest.mark.parametrize(("gain", "verdict"), [(0.02, "holds"), (-0.02, "does not hold")])
def test_a_rung_is_compared_with_the_one_before_seed_by_seed(gain, verdict):
    made = record(SEEDS)
    accuracy = made.rung_accuracy.copy()
    seeds = np.random.default_rng(1).uniform(0.8, 0.9, SEEDS)  # networks differ by more than rungs do
    for rung, values in enumerate(accuracy):
        values[:, ladder.VALIDATION] = seeds + (gain + 1e-4 * rung) * _steps(ladder.RUNGS[rung]) + near(0, rung) / 10
    made = made._replace(rung_accuracy=accuracy)
    found = [f for f in study.findings(made) if f.claim.id.startswith("5.1") and "published" not in f.claim.id]
    assert {f.verdict for f in found} == {verdict} and len(found) == len(ladder.BEFORE)


def _steps(rung):
    return 1 + _steps(ladder.BEFORE[rung][0]) if rung in ladder.BEFORE else 0


def test_rungs_that_were_not_trained_are_left_out():
    rows = [f.claim.id for f in study.findings(record(SEEDS, rungs=(STUDY,))) if f.claim.id.startswith("5.1")]
    assert rows == ["5.1 published"]


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.981, "holds"), (0.95, "does not hold")])
def test_the_published_accuracy(accuracy, verdict):
    made = record(SEEDS)
    values = made.rung_accuracy.copy()
    values[-1, :, ladder.VALIDATION] = accuracy + near(0) / 10
    assert verdicts(made._replace(rung_accuracy=values), "5.1 published") == {verdict}


@pytest.mark.parametrize(("pixels", "verdict"), [(20.0, "holds"), (190.0, "does not hold")])
def test_focus(pixels, verdict):
    made, statistic = record(SEEDS), focus.STATISTICS.index("participation")
    for field in ("focus_mean", "focus_best"):
        made = planted(made, field, 200.0, 1, EVERY, EVERY, statistic)
        made = planted(made, field, pixels, 0, EVERY, EVERY, statistic)
    assert verdicts(made, "5.2 focus") == verdicts(made, "5.2 most focused") == {verdict}


@pytest.mark.parametrize(("share", "verdict"), [(0.9, "holds"), (0.15, "does not hold")])
def test_one_place_and_two(share, verdict):
    made = planted(record(SEEDS), "focus_best", 0.1, 1, EVERY, EVERY, focus.STATISTICS.index("largest"))
    made = planted(made, "focus_best", share, 0, EVERY, EVERY, focus.STATISTICS.index("largest"))
    made = planted(made, "focus_mean", 0.15, 1, EVERY, EVERY, focus.STATISTICS.index("two_foci"))
    made = planted(made, "focus_mean", share, 0, EVERY, EVERY, focus.STATISTICS.index("two_foci"))
    assert verdicts(made, "5.2 one place") == verdicts(made, "5.2 two foci") == {verdict}


@pytest.mark.parametrize(("width", "verdict"), [(100, "holds"), (25, "does not hold")])
def test_two_foci_must_be_of_more_than_one_neuron_of_the_layer(width, verdict):
    made, place = record(SEEDS), focus.STATISTICS.index("two_foci")
    made = planted(planted(made, "focus_mean", 0.0, 1, EVERY, EVERY, place), "focus_mean", 0.02, 0, EVERY, EVERY, place)
    assert verdicts(made._replace(widths=np.full(2, width)), "5.2 two foci") == {verdict}


@pytest.mark.parametrize(("settled", "kept_on", "verdict"), [(0.9, 0.95, "holds"), (0.45, 0.5, "does not hold")])
def test_growth(settled, kept_on, verdict):
    made = planted(record(SEEDS), "settled", 0.4, 0)
    made = planted(made, "settled", settled, 1)
    made = planted(made, "kept_on", kept_on)
    assert verdicts(made, "5.3 settled") == verdicts(made, "5.3 direction") == {verdict}
    alone = made._replace(snapshots=("untrained", growth.KEPT))
    assert not [f for f in study.findings(alone) if f.claim.id.startswith("5.3")]


@pytest.mark.parametrize(("alike", "verdict"), [(0.1, "holds"), (0.9, "does not hold")])
def test_a_logit_that_looks_like_its_digit_or_does_not(alike, verdict):
    made = planted(record(SEEDS), "look", 0.05)
    made = planted(made, "look", alike, 0, EVERY, DIFFERENCE, 0, TARGET)
    assert verdicts(made, "5.4 unlike") == {verdict}


def test_a_claim_from_above_is_judged_by_its_lowest_control():
    """To be unlike, a map must be so beside either control: a high one alone does not excuse it."""
    trained, before = (record(1).conditions.index(name) for name in ("trained", "untrained"))
    for place in (trained, before):
        made = planted(record(SEEDS), "look", 0.05)
        made = planted(made, "look", 0.9, place)
        made = planted(made, "look", 0.9, trained, EVERY, DIFFERENCE, 0, TARGET)
        found = [f for f in study.findings(made) if f.claim.id.startswith("5.4 unlike")]
        assert {f.verdict for f in found} == {"does not hold"} and {round(f.control.mean, 6) for f in found} == {0.05}
        assert {f.control_name for f in found} == {"untrained" if place == trained else TURNED}
    made = planted(planted(record(SEEDS), "look", 0.9), "look", 0.1, trained, EVERY, DIFFERENCE, 0, TARGET)
    assert verdicts(made, "5.4 unlike") == {"holds"}


def test_the_likest_turn_is_told_beside_the_mean_of_turns():
    made = planted(planted(record(SEEDS), "look", 0.1), "look", 0.8, 0, EVERY, DIFFERENCE, 3, TARGET)
    for finding in study.findings(made):
        if finding.claim.id.startswith("5.4 unlike"):
            others = {control.name: control.estimate.mean for control in finding.others}
            assert others[LIKEST_TURN] == pytest.approx(0.8) and others[TURNED] == pytest.approx((6 * 0.1 + 0.8) / 7)


def test_what_looks_as_much_like_a_turned_digit_does_not_look_like_it():
    made = planted(record(SEEDS), "best_match", 0.9, 0)
    made = planted(made, "teller_match", 0.9, 0)
    made = planted(made, "best_match", 0.1, 1)
    made = planted(made, "teller_match", 0.1, 1)
    assert verdicts(made, "5.6 a neuron") == verdicts(made, "5.6 differentiated") == {"does not hold"}


def test_what_untrained_networks_match_as_well_does_not_count():
    made = planted(record(SEEDS), "best_match", 0.1)
    made = planted(made, "best_match", 0.9, EVERY, EVERY, EVERY, DIFFERENCE, 0, TARGET)  # trained and untrained
    assert verdicts(made, "5.6 a neuron") == {"does not hold"}
    made = planted(made, "best_match", 0.1, 1)
    assert verdicts(made, "5.6 a neuron") == {"holds"}


@pytest.mark.parametrize(("value", "verdict"), [(0.9, "holds"), (0.1, "does not hold")])
def test_favourites_and_the_most_differentiated(value, verdict):
    made = planted(record(SEEDS), "favourites", value, backwards.FAVOURITES - 1)
    made = planted(made, "teller_match", 0.05)
    made = planted(made, "teller_match", value, 0, EVERY, EVERY, 0, TARGET)
    assert verdicts(made, "5.4 favourites") == verdicts(made, "5.6 differentiated") == {verdict}


def test_deletion_is_judged_by_the_harder_order():
    steps = np.linspace(1, 0, 9)
    made = record(SEEDS)
    for place, order in enumerate(backwards.ORDERS):
        power = {backwards.INK: 1, backwards.BRIGHTEST: 6}.get(order, 4)
        made = planted(made, "deletion", 3 + 2 * steps**power, place)  # from 5 to the blank image's 3
    areas = dict(zip(backwards.ORDERS, backwards.areas(made)[0], strict=True))
    assert areas[backwards.INK] == pytest.approx(0.5)
    found = [f for f in study.findings(made) if f.claim.id.startswith("5.4 deletion")]
    assert {f.verdict for f in found} == {"does not hold"} and {f.control_name for f in found} == {backwards.BRIGHTEST}
    made = planted(made, "deletion", 3 + 2 * steps**0.5, backwards.ORDERS.index(backwards.BRIGHTEST))
    found = [f for f in study.findings(made) if f.claim.id.startswith("5.4 deletion")]
    assert {f.verdict for f in found} == {"holds"} and {f.control_name for f in found} == {backwards.INK}


@pytest.mark.parametrize(("other", "verdict"), [(0.2, "holds"), (0.85, "does not hold")])
def test_a_real_four_beside_averages(other, verdict):
    made = planted(record(SEEDS), "trace", 0.0, 0, TARGET)
    made = planted(made, "trace", other, 0, TARGET, 9)
    made = planted(made, "trace", 0.9, 0, TARGET, TARGET)
    made = planted(planted(made, "path", 0.1), "path", other, 0, TARGET, 7)
    made = planted(made, "path", 0.9, 0, TARGET, TARGET)
    assert verdicts(made, "5.5") == {verdict}


@pytest.mark.parametrize("place", [(0, 2, TARGET), (0, TARGET, 2), (1, TARGET, TARGET)])
def test_a_path_is_judged_by_its_highest_control(place):
    """Images of other digits, averages of other digits, and the untrained: any of them alone takes the path away."""
    made = planted(planted(record(SEEDS), "path", 0.1), "path", 0.9, 0, TARGET, TARGET)
    assert verdicts(made, "5.5 path") == {"holds"}
    made = planted(made, "path", 0.85, *place)
    assert verdicts(made, "5.5 path") == {"does not hold"}


@pytest.mark.parametrize(("auc", "loss", "verdict"), [(0.99, 0.9, "holds"), (0.6, 0.01, "does not hold")])
def test_firing_and_need(auc, loss, verdict):
    made = planted(planted(record(SEEDS), "match_auc", auc, 0), "baseline", 0.95)
    made = planted(made, "match_loss", loss)
    assert verdicts(made, "5.6 fires") == verdicts(made, "5.6 needed") == {verdict}


def test_a_network_that_diverged_counts_nowhere():
    made = record(SEEDS, diverged=(2,))
    for finding in study.findings(made):
        assert finding.measured.n == SEEDS - 1 or finding.claim.id.startswith("5.1"), finding.claim.id
        assert "1 of 8 networks diverged" in finding.note
