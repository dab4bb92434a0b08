import jax
import numpy as np
import pytest
import sklearn.metrics
from support.findings import judged
from support.judging import plant
from support.random_results import random_results

from jaxinterp.studies.bottleneck_neurons import STUDY, clusters
from jaxinterp.studies.bottleneck_neurons.clusters import FEW, NORMALISED, SIZES


def test_silhouettes_are_of_the_neurons_that_the_other_half_chooses(toy, toy_inputs, toy_results):
    network = jax.tree.map(lambda leaf: leaf[0], toy[2].networks)
    found = toy_results["subspaces"].isel(seeds=0)
    whole = toy_results["separation"].sel(recipes=STUDY.name, conditions="trained").isel(seeds=0)
    choosing, scoring = (half.spaced(clusters.MEASURED) for half in (toy_inputs.choosing, toy_inputs.scoring))
    first, values = (np.asarray(network(half.images)[1]["hidden1/post"], np.float64) for half in (choosing, scoring))

    def silhouette(units, points=values):
        return sklearn.metrics.silhouette_score(points[:, units], scoring.labels)

    everything = list(range(values.shape[1]))
    np.testing.assert_allclose(whole.layer, silhouette(everything), atol=1e-4)
    np.testing.assert_allclose(whole.pixels, silhouette(slice(None), np.asarray(scoring.images)), atol=1e-4)
    assert abs(whole.permuted) < 0.1
    means = np.stack([first[choosing.labels == label].mean(axis=0) for label in range(2)])
    index = (means - means[::-1]) / (means.sum(axis=0) + 1e-3)  # of two classes, one is the other's rest
    order = np.argsort(-index.max(axis=0), kind="stable")
    expected = [silhouette(order[:size]) for size in SIZES]
    np.testing.assert_allclose(found.selective, expected, atol=1e-4)
    samples = [
        sklearn.metrics.silhouette_samples(values[:, np.argsort(-own, kind="stable")[:FEW]], scoring.labels)
        for own in index
    ]
    expected = [[own[scoring.labels == label].mean() for label in range(2)] for own in samples]
    np.testing.assert_allclose(found.own, expected, atol=1e-4)
    for values_ in (found.picked, found.random.isel(draws=0)):
        np.testing.assert_allclose(values_.sel(sizes=slice(len(everything), None)), whole.layer, atol=1e-5)


def test_without_the_other_recipes_their_claims_are_left_out(toy_results):
    assert list(toy_results["separation"].recipes) == [STUDY.name]  # the others are optional
    assert set(judged(STUDY, toy_results, clusters.claims)) == {
        f"4.7 {n}" for n in ("layer", "picked", "selective", "own")
    }


def planted_silhouettes(**means):
    """Results in which every silhouette is 0.1, but for these of trained networks."""
    results = random_results(STUDY)
    for number, name in enumerate(results["subspaces"]):
        plant(results["subspaces"][name], means.get(name, 0.1), seed=number)
    for number, name in enumerate(results["separation"]):
        plant(results["separation"][name], 0.1, seed=100 + number)
        plant(results["separation"][name], means.get(name, 0.1), seed=200 + number, conditions="trained")
    return results


@pytest.mark.parametrize("control", ["permuted", "pixels"])
def test_digits_must_lie_further_apart_than_in_every_control(control):
    def verdict(**means):
        return judged(STUDY, planted_silhouettes(**means), clusters.claims)["4.7 layer"].verdict

    assert verdict(layer=0.3) == "holds"
    assert verdict(layer=0.3, **{control: 0.4}) == "does not hold"
    assert verdict(layer=0.05) == "does not hold"  # less than before training


@pytest.mark.parametrize("name", ["picked", "selective"])
def test_chosen_neurons_must_exceed_random_ones(name):
    def verdict(mean):
        return judged(STUDY, planted_silhouettes(**{name: mean}), clusters.claims)[f"4.7 {name}"].verdict

    assert (verdict(0.2), verdict(0.05)) == ("holds", "does not hold")


def test_a_digit_must_lie_apart_where_its_own_neurons_are_read():
    results = planted_silhouettes()
    own = results["subspaces"].own
    mine = own.owners == own.classes
    results["subspaces"]["own"] = own + 0.2 * mine
    assert judged(STUDY, results, clusters.claims)["4.7 own"].verdict == "holds"
    results["subspaces"]["own"] = own + 0.2 * ~mine
    assert judged(STUDY, results, clusters.claims)["4.7 own"].verdict == "does not hold"


@pytest.mark.parametrize("recipe", NORMALISED.values())
def test_normalised_networks_are_compared_with_the_same_seeds_without(recipe):
    results = random_results(STUDY)
    found = results["separation"].layer
    for mean, verdict in ((0.3, "holds"), (0.1, "does not hold")):
        plant(found, 0.2, seed=1, conditions="trained", recipes=STUDY.name)
        plant(found, mean, seed=2, conditions="trained", recipes=recipe)
        finding = judged(STUDY, results, clusters.claims)[f"4.7 {recipe.removeprefix(f'{STUDY.name}-')}"]
        assert finding.verdict == verdict
    optional = random_results(STUDY, optional=False)
    assert len(judged(STUDY, optional, clusters.claims)) == len(judged(STUDY, results, clusters.claims)) - 2
