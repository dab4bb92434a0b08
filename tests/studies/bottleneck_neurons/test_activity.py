import jax
import numpy as np
from support import planted
from support.findings import judged
from support.judging import plant
from support.random_results import random_results

from jaxinterp.studies.bottleneck_neurons import STUDY, activity


def test_activity_over_training(toy, toy_results):
    _, splits, trained = toy
    found = toy_results["activity"]
    assert found.conditions.to_numpy().tolist() == ["untrained", "epoch 2", "trained"]
    ensembles = (trained.snapshots[0], trained.snapshots[2], trained.networks)
    for condition, ensemble in zip(found.conditions, ensembles, strict=True):
        activations = jax.vmap(lambda network: network(splits.test.images)[1])(ensemble)
        for layer in ("hidden0", "hidden1"):
            own = found.sel(conditions=condition, layers=layer)
            fires = np.asarray(activations[f"{layer}/post"] > 0).mean(axis=1)
            np.testing.assert_allclose(own.firing_rate[:, : fires.shape[1]], fires, atol=1e-5)
            np.testing.assert_array_equal(own.dead[:, : fires.shape[1]], fires == 0)
            assert own.dead[:, fires.shape[1] :].isnull().all()


def test_histograms_share_out_all_images(toy_inputs, toy_results):
    found, centres = toy_results["activity"], toy_results["bins"].centre
    np.testing.assert_allclose(found.histogram.sum("bins"), 1, atol=1e-5)
    assert float(found.histogram.sel(parts="post").where(centres < 0).max()) < 1e-6  # nothing is below 0 after a ReLU
    shares = np.bincount(toy_inputs.sample.labels) / len(toy_inputs.sample.labels)
    pooled = (found.class_histogram * shares[:, None]).sum("classes")
    np.testing.assert_allclose(pooled, found.histogram.sel(parts="pre").transpose(*pooled.dims), atol=1e-5)


def test_pixel_statistics_are_those_of_the_training_images(toy, toy_results):
    images, labels = toy[1].train.images, toy[1].train.labels
    found = toy_results["pixels"]
    for values, own in ((images, found.everything), (images[labels == 1], found.by_class.sel(classes="1"))):
        expected = [values.mean(), values.std(), (values == 0).mean()]
        np.testing.assert_allclose(own.sel(statistics=["mean", "sd", "share at 0"]), expected, rtol=1e-4)


def test_the_planted_dead_unit_is_dead(planted_results):
    dead = planted_results["activity"].dead.sel(conditions="trained", layers="hidden0")
    np.testing.assert_array_equal(dead, [np.arange(planted.UNITS) == planted.DEAD] * 3)


def test_units_must_die_in_training():
    def verdicts(before, after):
        results = random_results(STUDY)
        dead = results["activity"]["dead"]
        plant(dead, before)
        plant(dead, after, conditions="trained", layers="hidden0", seed=1)
        return [finding.verdict for finding in judged(STUDY, results, activity.claims).values()]

    assert verdicts(0.05, 0.25) == ["holds", "does not hold"]
    assert verdicts(0.2, 0.2) == ["does not hold", "does not hold"]  # they were dead before
