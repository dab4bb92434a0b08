import jax
import numpy as np
import pytest
from support.judging import judged, plant, verdicts
from support.random_results import random_results

from jaxinterp.analysis import locality
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four import STUDY, focus
from jaxinterp.studies.looking_for_four.maps import USED, VIEWS, WEIGHTS


def test_focus_is_of_inked_pixels_alone(known, monkeypatch):
    """Weights of pixels without ink stay as they began, and say nothing of what is learnt."""
    measure = jax.jit(lambda network, images, inked: focus.focus(network, jax.random.key(0), images, inked))
    kernel = np.array(known.network.variables["params"]["hidden0"]["kernel"])
    found = []
    for factor in (1, 100):
        scaled = np.where(known.inked[:, None], kernel, factor * kernel)
        params = dict(known.network.variables["params"])
        params["hidden0"] = {**params["hidden0"], "kernel": scaled}
        # The images are blank where pixels do not count, so that only the maps there change.
        blank = np.where(known.inked, known.choosing.images, 0)
        network = known.network.replace(variables={**known.network.variables, "params": params})
        found.append(measure(network, blank, known.inked))
    for first, other in zip(*found, strict=True):
        np.testing.assert_allclose(first, other, rtol=1e-4)
    of_layer = dict(zip(VIEWS, known.views(known.choosing.replace(images=blank))[1], strict=True))
    for number, view in enumerate(VIEWS):
        mass = of_layer[view][:, known.inked] ** 2
        pixels = found[0].participation[number, 1]
        np.testing.assert_allclose(pixels[:6], mass.sum(axis=1) ** 2 / (mass**2).sum(axis=1), rtol=1e-3)
        assert np.isnan(pixels[6:]).all()  # the second layer has six neurons
    assert found[0].neurons.tolist() == [8, 6] and VIEWS == (WEIGHTS, USED)


def test_shuffled_maps_are_those_of_the_inked_pixels_elsewhere(known):
    found = focus.focus(known.network, jax.random.key(0), known.choosing.images, known.inked)
    order = np.asarray(locality.shuffled(jax.random.key(0), known.inked))
    weights = np.where(known.inked, known.views(known.choosing)[0][0], 0).astype(np.float32)
    np.testing.assert_allclose(found.largest[0, 0], locality.locality(weights).largest, rtol=1e-4)
    np.testing.assert_allclose(found.largest_shuffled[0, 0], locality.locality(weights[:, order]).largest, rtol=1e-4)


def results_with(**levels):
    """Results whose statistics are (untrained, trained) at these levels."""
    results = random_results(STUDY)
    for statistic, (before, after) in levels.items():
        plant(results["focus"][statistic], before, conditions=UNTRAINED)
        plant(results["focus"][statistic], after, seed=1, conditions=TRAINED)
    return results


@pytest.mark.parametrize(("pixels", "verdict"), [(20.0, "holds"), (190.0, "does not hold")])
def test_neurons_focus_where_pixels_are_given_up(pixels, verdict):
    results = results_with(participation=(200.0, pixels))
    assert verdicts(STUDY, results, "5.2 focus") == verdicts(STUDY, results, "5.2 most focused") == {verdict}


@pytest.mark.parametrize(("share", "verdict"), [(0.9, "holds"), (0.15, "does not hold")])
def test_one_place_is_asked_of_the_most_focused_neuron(share, verdict):
    results = results_with(participation=(200.0, 200.0), largest=(0.1, 0.5), largest_shuffled=(0.1, 0.1))
    results["focus"]["participation"][..., 1] = 10.0
    plant(results["focus"]["largest"][..., 1], share, conditions=TRAINED)
    assert verdicts(STUDY, results, "5.2 one place") == {verdict}


def test_few_pixels_are_no_place_where_their_order_does_not_matter():
    results = results_with(participation=(200.0, 10.0), largest=(0.1, 0.9), largest_shuffled=(0.1, 0.88))
    findings = judged(STUDY, results, "5.2 one place").values()
    assert {(found.verdict, found.control_name) for found in findings} == {("does not hold", focus.SHUFFLED)}


@pytest.mark.parametrize(("neurons", "verdict"), [(100, "holds"), (15, "does not hold")])
def test_two_foci_must_be_of_more_than_one_neuron_of_the_layer(neurons, verdict):
    results = results_with(two_foci=(0.05, 0.09))
    results["focus"]["neurons"][:] = neurons
    assert verdicts(STUDY, results, "5.2 two foci") == {verdict}
