import jax
import numpy as np
import pytest
import sklearn.metrics
from support import planted
from support.findings import judged
from support.random_results import random_results

from jaxinterp.analysis.doses import rises
from jaxinterp.interventions import ablate, identity, replace, rescale, select
from jaxinterp.studies.bottleneck_neurons import STUDY, neurons, scaling
from jaxinterp.studies.bottleneck_neurons.neurons import DIRECTION, RANDOM, of_chosen
from jaxinterp.studies.bottleneck_neurons.scaling import STRENGTHS, most_damaging

RISING = np.linspace(0, 1, 13)
BUMP = np.concatenate([np.linspace(0, 1, 5), np.linspace(1, 0.2, 8)])
IMAGES = np.array([500])


def rise(curve):
    return rises(np.float32(curve)[None, :, None], IMAGES).item()


def test_planted_curves_rise_to_their_plateau(planted_results):
    worst = most_damaging(planted_results)
    curve = of_chosen(planted_results["scaling"].accuracy, units=worst).isel(classes=planted.ALONE_CLASS)
    assert (curve[:, 0] == 0).all() and (curve[:, 4:] > 0.999).all() and (curve.diff("strengths") > -1e-6).all()
    np.testing.assert_array_equal(of_chosen(planted_results["scaling"].rises, units=worst), [[1, 0, 1, 0]] * 3)


@pytest.mark.parametrize("seed", [0, 3])
def test_predictions_are_those_of_the_network_itself(toy, toy_inputs, toy_results, seed):
    network = jax.tree.map(lambda leaf: leaf[seed], toy[2].networks)
    data, found = toy_inputs.scoring, toy_results["scaling"].isel(seeds=seed)

    def shares(label, edit):
        predictions = np.asarray(network(data.images, {"hidden1/post": edit})[0]).argmax(axis=-1)
        return [np.mean(predictions[data.labels == label] == answer) for answer in range(2)]

    for label in range(2):
        for unit in range(6):
            own, mask = found.isel(units=unit, classes=label), select([unit], 6)
            expected = shares(label, rescale(mask, 1.75))[label]
            assert own.accuracy.sel(strengths=1.75) == pytest.approx(expected, abs=0.003)
            edits = {"before": identity(), "without": ablate(mask), "tripled": rescale(mask, 3.0)}
            for name, edit in edits.items():
                np.testing.assert_allclose(own.confusion.sel(edits=name), shares(label, edit), atol=0.003)


@pytest.mark.parametrize("seed", [0, 3])
def test_margins_and_f1_are_those_of_the_network_itself(toy, toy_inputs, toy_results, seed):
    network = jax.tree.map(lambda leaf: leaf[seed], toy[2].networks)
    data, found = toy_inputs.scoring, toy_results["scaling"].isel(seeds=seed)
    for unit in range(6):
        edit = {"hidden1/post": rescale(select([unit], 6), 1.75)}
        logits = np.asarray(network(data.images, edit)[0], np.float64)
        own = found.isel(units=unit).sel(strengths=1.75)
        f1 = sklearn.metrics.f1_score(data.labels, logits.argmax(axis=-1), average=None, zero_division=0)
        np.testing.assert_allclose(own.f1, f1, atol=0.003)
        margin = [np.mean((logits[:, c] - logits[:, 1 - c])[data.labels == c]) for c in range(2)]
        np.testing.assert_allclose(own.margin, margin, atol=1e-3)


def test_directions_are_scaled_as_units_are(toy, toy_inputs, toy_results):
    network = jax.tree.map(lambda leaf: leaf[0], toy[2].networks)
    data, found = toy_inputs.scoring, toy_results["scaling"].isel(seeds=0)
    key = neurons.keys(toy_inputs)[2]
    directions = np.asarray(jax.jit(scaling.worst_directions)(network, toy_inputs.choosing, key))
    values = np.asarray(network(data.images)[1]["hidden1/post"])
    # Chosen as those are whose ablation is scored: strength 0 is zero-ablation.
    for basis, label in np.ndindex(2, 2):
        direction = directions[basis, label]
        for strength in (0, 3):
            moved = values + (strength - 1) * np.outer(values @ direction, direction)
            logits = np.asarray(network(data.images, {"hidden1/post": replace(moved)})[0])
            margin = np.mean((logits[:, label] - logits[:, 1 - label])[data.labels == label])
            own = found.direction_margin.isel(bases=basis, classes=label).sel(strengths=strength)
            assert own == pytest.approx(margin, abs=1e-3)
            if strength == 0:
                left = toy_results["damage"].direction_accuracy.isel(seeds=0, bases=basis, classes=label)
                accuracy = np.mean(logits.argmax(axis=-1)[data.labels == label] == label)
                assert left.sel(kinds="zero") == pytest.approx(accuracy, abs=0.003)


def scaled(own, other, direction=BUMP):
    """Findings where a digit's own neuron has one curve, other neurons and directions others; steadiness follows."""
    results = random_results(STUDY, {"units": 4})
    found, worst = results["scaling"], results["damage"]["worst"]
    worst[:] = 2
    curves, shake = np.where(np.arange(4)[:, None] == 2, own, other), np.random.default_rng(0)
    found["margin"][:] = curves[:, :, None] + shake.uniform(-0.01, 0.01, found.margin.shape)
    found["direction_margin"][:] = direction[:, None] + shake.uniform(-0.01, 0.01, found.direction_margin.shape)
    found["rises"][:] = np.array([rise(curve) for curve in curves])[:, None]
    found["direction_rises"][:] = rise(direction)
    findings = judged(STUDY, results, scaling.claims)
    return {name: finding for name, finding in findings.items() if "dose" in name}


def test_scaling_is_judged_by_the_digits_own_neuron():
    assert {finding.verdict for finding in scaled(RISING, BUMP).values()} == {"holds"}
    falling = {name.split()[-1]: finding.verdict for name, finding in scaled(BUMP, RISING, RISING).items()}
    # Of digits whose directions all rise, nothing more could be asked of neurons.
    assert falling == {"gain": "does not hold", "neurons": "does not hold", "monotonic": "undecided"}
    assert scaled(BUMP, BUMP, BUMP)["4.6 dose monotonic"].verdict == "does not hold"
    finding = scaled(RISING, BUMP)["4.6 dose gain"]
    gain = [curve[-1] - curve[list(STRENGTHS).index(1)] for curve in (RISING, BUMP)]
    assert finding.measured.mean == pytest.approx(gain[0], abs=0.01)
    assert dict(finding.others)["a random neuron"].mean == pytest.approx((gain[0] + 3 * gain[1]) / 4, abs=0.01)


def test_a_gain_must_exceed_none_and_those_of_other_neurons_and_directions():
    more = scaled(RISING, BUMP, direction=2 * RISING)
    assert more["4.6 dose gain"].verdict == "holds" and more["4.6 dose gain"].control_name == "no gain"
    assert more["4.6 dose neurons"].verdict == "does not hold" and more["4.6 dose neurons"].control_name == DIRECTION
    other = scaled(RISING, 2 * RISING)["4.6 dose gain"]
    assert (other.verdict, other.control_name) == ("does not hold", RANDOM)
    falling = scaled(BUMP, 2 * BUMP, direction=2 * BUMP)["4.6 dose gain"]
    assert (falling.verdict, falling.control_name) == ("does not hold", "no gain")  # it falls less than they do
    assert scaled(RISING, BUMP, direction=RISING)["4.6 dose monotonic"].verdict != "holds"
