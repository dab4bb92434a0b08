import jax
import jax.numpy as jnp
import numpy as np
from support import planted
from support.findings import judged
from support.random_results import random_results

from jaxinterp.analysis import responses
from jaxinterp.studies.bottleneck_neurons import STUDY, neurons, selectivity


def test_chosen_neurons_are_those_of_the_network_itself(toy, toy_inputs, toy_results):
    network = jax.tree.map(lambda leaf: leaf[0], toy[2].networks)
    found = toy_results["selectivity"].sel(conditions="trained").isel(seeds=0)

    def index(data):
        values = np.asarray(network(data.images)[1]["hidden1/post"], np.float64)
        means = np.stack([values[data.labels == label].mean(axis=0) for label in range(2)])
        return (means - means[::-1]) / (means.sum(axis=0) + 1e-3), values  # of two classes, one is the other's rest

    top = index(toy_inputs.choosing)[0].argmax(axis=1)
    own, values = index(toy_inputs.scoring)
    np.testing.assert_allclose(found.index, own, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.chosen_index, own[[0, 1], top], rtol=1e-4)
    np.testing.assert_allclose(found.chosen_firing, (values[:, top] > 0).mean(axis=0), rtol=1e-5)
    labels, key = toy_inputs.scoring.labels, neurons.keys(toy_inputs)[1]
    null = responses.selectivity_null(key, jnp.float32(values), labels, classes=2, draws=selectivity.DRAWS).index
    expected = [np.quantile(null[:, label, top[label]], 0.95) for label in range(2)]
    np.testing.assert_allclose(found.chosen_null, expected, rtol=1e-3)


def test_planted_units_are_selective(planted_results):
    index = planted_results["selectivity"].index.sel(conditions="trained")
    assert (index[:, planted.ALONE_CLASS, planted.ALONE] > 0.99).all() and (index[:, :, planted.DEAD] == 0).all()


def planted_levels(before, after, null, firing=0.5):
    results = random_results(STUDY)
    found = results["selectivity"]
    found["chosen_index"].loc[{"conditions": "untrained"}] = before
    found["chosen_index"].loc[{"conditions": "trained"}] = after
    found["chosen_null"][:], found["chosen_firing"][:] = null, firing
    return judged(STUDY, results, selectivity.claims)


def test_selectivity_must_exceed_both_nulls():
    assert planted_levels(0.1, 0.6, 0.2)["4.5 selective"].verdict == "holds"
    assert planted_levels(0.6, 0.6, 0.2)["4.5 selective"].verdict == "does not hold"  # so it was before training
    assert planted_levels(0.1, 0.6, 0.7)["4.5 selective"].verdict == "does not hold"


def test_selective_neurons_must_be_active():
    assert planted_levels(0.1, 0.6, 0.2, firing=0.2)["4.5 fires"].verdict == "holds"
    assert planted_levels(0.1, 0.6, 0.2, firing=0.02)["4.5 fires"].verdict == "does not hold"


def test_measures_that_rank_alike_agree():
    results = random_results(STUDY, {"units": 16})
    assert judged(STUDY, results, selectivity.claims)["4.5 agrees"].verdict == "does not hold"
    found = results["selectivity"]
    found["index"] -= 0.5
    found["d_prime"], found["auc"], found["mutual_information"] = np.exp(found.index), found.index**3, abs(found.index)
    for values in selectivity.agreement(results).values():
        np.testing.assert_allclose(values, 1)
    finding = judged(STUDY, results, selectivity.claims)["4.5 agrees"]
    assert finding.verdict == "holds" and abs(finding.control.mean) < 0.2
