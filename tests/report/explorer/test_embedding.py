"""The points of the page's embedding: each layer's plane, turned, and what it keeps."""

import jax
import numpy as np
import pytest
import scipy.linalg
import sklearn.decomposition
import sklearn.manifold
import sklearn.metrics

from jaxinterp import ensemble
from jaxinterp.networks import Network
from jaxinterp.report.explorer.embedding import EMBEDDED, embeddings
from jaxinterp.store import Run

HELD = [0, 2]
PLACE = {kept.name: place for place, kept in enumerate(EMBEDDED)}


@pytest.fixture(scope="module")
def run(toy):
    """The toy networks, the third of which is the first with its last hidden units in another order."""
    config, _, trained = toy
    order = np.array([5, 3, 0, 1, 4, 2])

    def copied(path, leaf):
        names, leaf = [key.key for key in path], np.array(leaf)
        if "hidden1" in names:
            leaf[2] = leaf[0][..., order]
        else:
            leaf[2] = leaf[0][order] if names[-2:] == ["output", "kernel"] else leaf[0]
        return leaf

    variables = jax.tree_util.tree_map_with_path(copied, trained.networks.variables)
    return Run(config, Network(trained.networks.model, variables), trained.history)


@pytest.fixture(scope="module")
def images(toy):
    return toy[1].test.take(slice(100))


@pytest.fixture(scope="module")
def found(run, images):
    return embeddings(run, images, HELD)


@pytest.mark.parametrize("layer", [0, 1])
def test_points_are_the_layers_plane_turned(found, run, images, layer):
    points, numbers = np.float64(found[layer]["points"]), found[layer]["embedded"]
    for place, seed in enumerate(HELD):
        values = np.float64(ensemble.take(run.networks, seed).units(images.images)[f"hidden{layer}/post"])
        plane = sklearn.decomposition.PCA(2).fit(values)
        scores = plane.transform(values)
        turn, scale = scipy.linalg.orthogonal_procrustes(scores, points[place])
        np.testing.assert_allclose(scores @ turn * scale / np.sum(scores**2), points[place], atol=30)
        assert np.abs(points[place]).max() == 32767
        for space, own in {"layer": values, "picture": scores}.items():
            trained, permuted, untrained = numbers[place, PLACE[f"silhouette in the {space}"]]
            assert trained == pytest.approx(sklearn.metrics.silhouette_score(own, images.labels), abs=1e-3)
            assert abs(permuted) < 0.1 and untrained < trained
        share, permuted, before = numbers[place, PLACE["share of variance"]]
        assert share == pytest.approx(plane.explained_variance_ratio_.sum(), abs=1e-4)
        assert np.isnan(permuted) and 0 < before <= 1
        trust = sklearn.manifold.trustworthiness(values, scores, n_neighbors=10)
        assert numbers[place, PLACE["trustworthiness"], 0] == pytest.approx(trust, abs=1e-3)


def test_the_order_of_units_moves_no_point(found):
    """Also with the last layer's order, the two networks are one: their pictures agree."""
    for layer in found:
        first, second = np.float64(layer["points"])
        np.testing.assert_allclose(first, second, atol=30)
        np.testing.assert_allclose(layer["embedded"][0, :, 0], layer["embedded"][1, :, 0], atol=1e-4)
