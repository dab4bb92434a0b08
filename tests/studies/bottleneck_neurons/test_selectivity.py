import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from support import planted
from support.findings import judged
from support.random_results import random_results

from jaxinterp.analysis import responses
from jaxinterp.studies.bottleneck_neurons import STUDY, neurons, selectivity


def test_chosen_neurons_are_those_of_the_network_itself(toy, toy_inputs, toy_results):
    network = jax.tree.map(lambda leaf: leaf[0], toy[2].networks)
    found = toy_results["selectivity"].sel(conditions="trained").isel(seeds=0)

    def read(data):
        return np.asarray(network(data.images)[1]["hidden1/post"], np.float64)

    def auc(values, data):
        return np.array(
            [[sklearn.metrics.roc_auc_score(data.labels == c, unit) for unit in values.T] for c in range(2)]
        )

    choosing, scoring = toy_inputs.choosing, toy_inputs.scoring
    values = read(scoring)
    top, own = auc(read(choosing), choosing).argmax(axis=1), auc(values, scoring)
    np.testing.assert_allclose(found.auc, own, atol=1e-5)
    np.testing.assert_allclose(found.chosen_auc, own[[0, 1], top], atol=1e-5)
    means = np.stack([values[scoring.labels == label].mean(axis=0) for label in range(2)])
    index = (means - means[::-1]) / (means.sum(axis=0) + 1e-3)  # of two classes, one is the other's rest
    np.testing.assert_allclose(found.index, index, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.chosen_index, index[[0, 1], top], rtol=1e-3)
    np.testing.assert_allclose(found.chosen_firing, (values[:, top] > 0).mean(axis=0), rtol=1e-5)
    key = neurons.keys(toy_inputs)[1]
    null = responses.selectivity_null(key, jnp.float32(values), scoring.labels, classes=2, draws=selectivity.DRAWS).auc
    expected = [np.quantile(null[:, label, top[label]], 0.95) for label in range(2)]
    np.testing.assert_allclose(found.chosen_null, expected, rtol=1e-3)
    for basis, of_basis in zip(neurons.random_bases(key, network.model), found.direction_auc, strict=True):
        best = auc(read(choosing) @ basis, choosing).argmax(axis=1)
        np.testing.assert_allclose(of_basis, auc(values @ basis, scoring)[[0, 1], best], atol=1e-4)


def test_planted_units_are_selective(planted_results):
    index = planted_results["selectivity"].index.sel(conditions="trained")
    assert (index[:, planted.ALONE_CLASS, planted.ALONE] > 0.99).all() and (index[:, :, planted.DEAD] == 0).all()


def planted_levels(before, after, null=0.52, firing=0.5, directions=0.6):
    results = random_results(STUDY)
    found = results["selectivity"]
    found["chosen_auc"].loc[{"conditions": "untrained"}] = before
    found["chosen_auc"].loc[{"conditions": "trained"}] = after
    found["chosen_null"][:], found["chosen_firing"][:] = null, firing
    found["direction_auc"][:] = directions + np.random.default_rng(0).uniform(0, 0.01, found.direction_auc.shape)
    return judged(STUDY, results, selectivity.claims)


def test_selectivity_must_exceed_both_nulls():
    assert planted_levels(0.7, 0.9)["4.5 selective"].verdict == "holds"
    assert planted_levels(0.9, 0.9)["4.5 selective"].verdict == "does not hold"  # so it was before training
    assert planted_levels(0.5, 0.6, null=0.7)["4.5 selective"].verdict == "does not hold"


def test_neurons_must_be_more_selective_than_directions():
    assert planted_levels(0.7, 0.9, directions=0.8)["4.5 neurons"].verdict == "holds"
    assert planted_levels(0.7, 0.9, directions=0.95)["4.5 neurons"].verdict == "does not hold"


def test_a_neuron_that_hardly_fires_is_not_selective_by_auc():
    """The index of a neuron that fires on one image of 4,000, one of its digit, is near 1; its AUC is near ½."""
    labels = np.arange(4000) % 10
    values = jnp.zeros((4000, 1)).at[3].set(5.0)
    found = responses.selectivity(values, labels, classes=10)
    assert found.index[3, 0] > 0.9 and found.auc[3, 0] == pytest.approx(0.5, abs=0.002)


def test_selective_neurons_must_be_active():
    assert planted_levels(0.7, 0.9, firing=0.2)["4.5 fires"].verdict == "holds"
    assert planted_levels(0.7, 0.9, firing=0.02)["4.5 fires"].verdict == "does not hold"


def test_measures_that_rank_alike_agree():
    results = random_results(STUDY, {"units": 16})
    assert judged(STUDY, results, selectivity.claims)["4.5 agrees"].verdict == "does not hold"
    found = results["selectivity"]
    found["index"] -= 0.5
    found["d_prime"], found["auc"], found["mutual_information"] = np.exp(found.index), found.index**3, abs(found.index)
    for values in selectivity.agreement(results).values():
        np.testing.assert_allclose(values, 1)
    found["d_prime"] += np.random.default_rng(1).normal(0, 0.02, found.d_prime.shape)  # networks that are not alike
    finding = judged(STUDY, results, selectivity.claims)["4.5 agrees"]
    assert finding.verdict == "holds" and abs(finding.control.mean) < 0.2
