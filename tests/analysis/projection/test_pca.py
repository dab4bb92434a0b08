import jax
import numpy as np
import pytest
import sklearn.decomposition

from jaxinterp.analysis import projection
from jaxinterp.errors import InputError

RNG = np.random.default_rng(0)
POINTS = np.float32(RNG.normal(size=(3, 60, 5)) * [3, 0.5, 2, 1, 0] + 10)


def test_components_are_those_of_scikit_learn_for_every_network_at_once():
    found = jax.jit(jax.vmap(lambda points: projection.pca(points, components=4)))(POINTS)
    for network, points in enumerate(POINTS):
        expected = sklearn.decomposition.PCA(4, svd_solver="full").fit(np.float64(points))
        np.testing.assert_allclose(found.mean[network], expected.mean_, rtol=1e-5)
        np.testing.assert_allclose(found.directions[network], expected.components_, atol=1e-4)
        np.testing.assert_allclose(found.variance[network], expected.explained_variance_, rtol=1e-4)
        np.testing.assert_allclose(found.share[network], expected.explained_variance_ratio_, rtol=1e-4)
        np.testing.assert_allclose(found.scores[network], expected.transform(np.float64(points)), atol=1e-3)


def test_the_sign_does_not_depend_on_that_of_the_solver():
    """Mirrored activations have mirrored scores, and the same directions."""
    found, mirrored = (projection.pca(sign * POINTS[0], components=4) for sign in (1, -1))
    np.testing.assert_allclose(mirrored.directions, found.directions, atol=1e-5)
    np.testing.assert_allclose(mirrored.scores, -found.scores, atol=1e-4)
    largest = np.argmax(np.abs(found.directions), axis=1)
    assert (np.take_along_axis(found.directions, largest[:, None], axis=1) > 0).all()


def test_a_dead_layer_has_no_variance_and_one_unit_a_plane():
    dead = projection.plane(np.full((6, 4), 0.3, np.float32))
    assert (dead.share == 0).all() and np.abs(dead.scores).max() < 1e-6
    single = projection.plane(POINTS[0, :, :1])
    np.testing.assert_allclose(single.scores[:, 0], POINTS[0, :, 0] - POINTS[0, :, 0].mean(), atol=1e-5)
    assert (single.scores[:, 1] == 0).all()


def test_wrong_input_is_refused_in_a_line():
    with pytest.raises(InputError, match="components is 6 for 5 units: use 1 to 5"):
        projection.pca(POINTS[0], components=6)
    with pytest.raises(InputError, match="need 2 or more examples, got 1"):
        projection.pca(POINTS[0, :1], components=1)
