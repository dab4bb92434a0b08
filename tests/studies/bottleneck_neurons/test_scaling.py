import jax
import numpy as np
import planted
import pytest
from support.findings import judged
from support.random_results import random_results

from jaxinterp.interventions import ablate, identity, rescale, select
from jaxinterp.studies.bottleneck_neurons import STUDY, scaling
from jaxinterp.studies.bottleneck_neurons.neurons import of_chosen
from jaxinterp.studies.bottleneck_neurons.scaling import STRENGTHS, most_damaging, rises

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


def test_a_rise_may_fall_by_one_image():
    assert rise(RISING) == 1 and rise(BUMP) == 0 and rise(np.ones(13)) == 0
    step = RISING.copy()
    step[6] -= 1 / 12 + 1 / 500
    assert rise(step) == 1
    step[6] -= 1 / 500
    assert rise(step) == 0 and np.isnan(rise(np.full(13, np.nan)))


def test_scaling_is_judged_by_the_digits_own_neuron():
    def findings(own, other):
        results = random_results(STUDY, {"units": 4})
        found, worst = results["scaling"], results["damage"]["worst"]
        worst[:] = 2
        curves = np.where(np.arange(4)[:, None] == 2, own, other)
        found["accuracy"][:] = curves[:, :, None] + np.random.default_rng(0).uniform(-0.01, 0.01, found.accuracy.shape)
        found["rises"][:] = np.array([rise(curve) for curve in curves])[:, None]
        return judged(STUDY, results, scaling.claims)

    assert {finding.verdict for finding in findings(RISING, BUMP).values()} == {"holds"}
    assert {finding.verdict for finding in findings(BUMP, RISING).values()} == {"does not hold"}
    finding = findings(RISING, BUMP)["4.6 dose gain"]
    gain = [curve[-1] - curve[list(STRENGTHS).index(1)] for curve in (RISING, BUMP)]
    assert finding.measured.mean == pytest.approx(gain[0], abs=0.01)
    assert finding.control.mean == pytest.approx((gain[0] + 3 * gain[1]) / 4, abs=0.01)
