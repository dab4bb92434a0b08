import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.findings import judged
from support.judging import plant
from support.random_results import random_results

from jaxinterp.studies.bottleneck_neurons import STUDY, saliency


def test_maps_are_those_of_the_network_itself(toy, toy_inputs, toy_results):
    network, data = jax.tree.map(lambda leaf: leaf[0], toy[2].networks), toy_inputs.splits.test
    maps, found = toy_results["maps"], toy_results["saliency"].sel(conditions="trained", layers="hidden1").isel(seeds=0)
    gradient = jax.grad(lambda images: jnp.sum(network(images)[1]["hidden1/pre"][:, 2]))(toy_inputs.sample.images)
    np.testing.assert_allclose(maps.saliency[2], np.mean(gradient, axis=0), atol=1e-5)
    inked = np.mean(data.images > 0, axis=0) >= saliency.INKED
    table = np.corrcoef(maps.probe[:, inked], maps.saliency[:, inked])[:6, 6:]
    np.testing.assert_allclose(found.correlation, np.diagonal(table).mean(), atol=1e-4)
    np.testing.assert_allclose(found.correlation_other, table[~np.eye(6, dtype=bool)].mean(), atol=1e-4)


def test_probes_are_saliency_in_the_first_layer_and_only_there(toy_results):
    agree = toy_results["saliency"].agree.sel(conditions="trained")
    assert (agree.sel(layers="hidden0") == 1).all() and (agree.sel(layers="hidden1").mean("pixels") < 0.9).all()
    assert judged(STUDY, toy_results, saliency.claims)["4.8 first layer"].verdict == "holds"


def test_planted_maps_show_the_pixels_that_units_read(planted_results):
    found = planted_results["saliency"].sel(conditions="trained", layers="hidden0")
    assert (found.agree == 1).all()
    np.testing.assert_allclose(found.correlation, 1, atol=1e-6)  # the dead unit has no map to correlate
    # Another class's pixel is anticorrelated; the two units of the pair see the same one.
    pairs = 5 * 4
    np.testing.assert_allclose(found.correlation_other, (2 - (pairs - 2) / 8) / pairs, atol=1e-6)
    assert set(judged(STUDY, planted_results, saliency.claims)) == {"4.8 first layer"}  # there is one layer


@pytest.mark.parametrize(("other", "verdict"), [(0.0, "holds"), (0.85, "does not hold")])
def test_probes_are_judged_beyond_those_of_other_neurons(other, verdict):
    results = random_results(STUDY)
    plant(results["saliency"]["correlation"], 0.9)
    plant(results["saliency"]["correlation_other"], other)
    findings = judged(STUDY, results, saliency.claims)
    assert findings["4.8 probes"].verdict == verdict and findings["4.8 first layer"].verdict == "does not hold"
