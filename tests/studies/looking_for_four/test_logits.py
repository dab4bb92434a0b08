import jax
import numpy as np
import pytest
from support.judging import judged, plant, verdicts
from support.random_results import random_results

from jaxinterp.analysis import templates
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four import STUDY, logits
from jaxinterp.studies.looking_for_four.maps import BEST_TURN, DIFFERENCE, FOUR, TARGET, TURNED, UPRIGHT

OWN = {"conditions": TRAINED, "kinds": DIFFERENCE, "turns": UPRIGHT, "classes": FOUR}


def test_what_logits_look_like_agrees_with_numpy(known):
    data, classes = known.scoring, range(5)
    maps, found = jax.jit(lambda n, *rest: (logits.logit_maps(n, rest[0]), logits.logits(n, *rest)))(
        known.network, data, known.templates, known.inked
    )
    (first, second, last), (scale, next_scale) = known.parts()
    gated = []
    for label in classes:
        members = [active[data.labels == label] for active in known.active(data)]
        each = [
            ((first * a * scale) @ (second * b * next_scale)) @ last[:, label] for a, b in zip(*members, strict=True)
        ]
        gated.append(np.mean(each, axis=0))
    expected = [(first @ second @ last).T, ((first * scale) @ (second * next_scale) @ last).T, np.array(gated)]
    np.testing.assert_allclose(maps, expected, atol=1e-4)
    for of_method, own, target in zip(expected, found.alike, found.target_alike, strict=True):
        for kind in range(len(templates.KINDS)):
            for turn in range(len(templates.TURNS)):
                slow = [known.alike(of_method[label], known.templates[kind, turn, label]) for label in classes]
                np.testing.assert_allclose(own[kind, turn], slow, atol=1e-4)
        slow = [known.alike(of_method[TARGET], known.templates[1, 0, label]) for label in classes]
        np.testing.assert_allclose(target, slow, atol=1e-4)


@pytest.mark.parametrize(("alike", "verdict"), [(0.1, "holds"), (0.9, "does not hold")])
def test_a_logit_that_looks_like_its_digit_or_does_not(alike, verdict):
    results = random_results(STUDY)
    results["logits"]["alike"][:] = 0.05
    plant(results["logits"]["alike"], alike, **OWN)
    assert verdicts(STUDY, results, "5.4 unlike") == {verdict}


@pytest.mark.parametrize(("high", "low"), [(TRAINED, UNTRAINED), (UNTRAINED, TURNED)])
def test_a_claim_from_above_is_judged_by_its_lowest_control(high, low):
    """To be unlike, a map must be so against either control: a high one alone does not excuse it."""
    results = random_results(STUDY)
    results["logits"]["alike"][:] = 0.05
    results["logits"]["alike"].loc[{"conditions": high}] = 0.9
    results["logits"]["alike"].loc[OWN] = 0.9
    for finding in judged(STUDY, results, "5.4 unlike").values():
        assert finding.verdict == "does not hold" and finding.control_name == low
        assert finding.control.mean == pytest.approx(0.05)


def test_the_best_turn_is_shown_next_to_the_mean_of_turns():
    results = random_results(STUDY)
    results["logits"]["alike"][:] = 0.1
    results["logits"]["alike"].loc[OWN | {"turns": "half turn"}] = 0.8
    for finding in judged(STUDY, results, "5.4 unlike").values():
        others = {control.name: control.estimate.mean for control in finding.others}
        assert others[BEST_TURN] == pytest.approx(0.8) and others[TURNED] == pytest.approx((6 * 0.1 + 0.8) / 7)
