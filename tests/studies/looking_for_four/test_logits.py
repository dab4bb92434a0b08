import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from support.judging import judged, plant, shake, verdicts
from support.random_results import random_results
from support.toy_networks import bright, copying

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


def test_the_write_ups_map_and_the_gradient_are_two_questions():
    results = random_results(STUDY)
    results["logits"]["alike"][:] = 0.05
    plant(results["logits"]["alike"], 0.9, methods=logits.KERNELS, **OWN)
    found = judged(STUDY, results, "5.4 unlike")
    expected = {f"5.4 unlike {logits.KERNELS}": "does not hold", f"5.4 unlike {logits.GATED}": "holds"}
    assert {name: finding.verdict for name, finding in found.items()} == expected
    sentences = {finding.text for finding in found.values()}
    assert len(sentences) == 2 and not any("batch norms folded" in text for text in sentences)
    assert any(logits.FOLDED in control.name for control in found[f"5.4 unlike {logits.GATED}"].others)


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


def test_one_neuron_carries_a_logit_that_reads_it_alone():
    network, data = copying(), bright(0)
    carried = np.asarray(logits.of_neurons(network, data))
    assert carried[TARGET] > 0.3 and np.abs(np.delete(carried, TARGET)).max() == 0
    for shares in logits.evidence(network, data, bright(1)):
        np.testing.assert_allclose(shares, 1, rtol=1e-6)


def area(values):
    """Of one deletion curve, as the study takes it."""
    logit = xr.DataArray(values, {"gone": np.linspace(0, 1, len(values))}, "gone")
    return float(logits.areas(xr.Dataset({"logit": logit})))


def test_areas_are_on_a_scale_from_the_blank_image_to_the_untouched():
    assert area([5.0, 4, 3]) == pytest.approx(0.5) and area([5.0, 3, 3]) == pytest.approx(0.25)
    assert area([5.0, -3, 3]) < 0  # what speaks against the target goes last
    assert np.isnan(area([3.0, 4, 3]))


def test_signed_maps_of_a_linear_logit_fall_below_the_blank_image():
    network, images = copying(), np.full((1, 9), 0.5, np.float32)
    kernel = np.zeros((6, 5))
    kernel[:4, TARGET] = 3, 2, -1, -2
    params = {**network.variables["params"], "output": {"kernel": jnp.float32(kernel), "bias": jnp.zeros(5)}}
    found = logits.deletion(network.replace(variables={"params": params}), jnp.asarray([0, 0], jnp.uint32), images)
    by_order = dict(zip(logits.ORDERS, np.asarray(found.logit), strict=True))
    for name in logits.ATTRIBUTIONS:
        assert by_order[name].min() == pytest.approx(-1.5, abs=1e-5) and by_order[name][-1] == pytest.approx(0)
        assert area(by_order[name]) < min(area(by_order[order]) for order in (logits.INK, logits.BRIGHTEST))


def test_a_heat_map_is_judged_by_the_harder_order():
    results = random_results(STUDY)
    left = 1 - results["deletion"].gone
    for order in logits.ORDERS:
        power = {logits.INK: 1, logits.BRIGHTEST: 6}.get(order, 4)
        results["deletion"]["logit"].loc[{"orders": order}] = 3 + 2 * left**power  # from 5 to the blank image's 3
    assert logits.areas(results["deletion"]).sel(orders=logits.INK).isel(seeds=0) == pytest.approx(0.5)
    shake(results["deletion"]["logit"])
    found = judged(STUDY, results, "5.4 deletion").values()
    assert {f.verdict for f in found} == {"does not hold"} and {f.control_name for f in found} == {logits.BRIGHTEST}
    results["deletion"]["logit"].loc[{"orders": logits.BRIGHTEST}] = 3 + 2 * left**0.5
    shake(results["deletion"]["logit"])
    found = judged(STUDY, results, "5.4 deletion").values()
    assert {f.verdict for f in found} == {"holds"} and {f.control_name for f in found} == {logits.INK}


@pytest.mark.parametrize(("share", "verdict"), [(0.9, "holds"), (0.1, "does not hold")])
def test_a_few_favourites_carry_most_or_not(share, verdict):
    results = random_results(STUDY)
    plant(results["evidence"]["by_weight"], share, neurons=logits.FEW)
    assert verdicts(STUDY, results, "5.4 favourites") == {verdict}
