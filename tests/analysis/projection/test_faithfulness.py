import jax
import numpy as np
import pytest
import sklearn.manifold
import sklearn.neighbors

from jaxinterp.analysis import projection
from jaxinterp.errors import InputError

RNG = np.random.default_rng(0)
POINTS = np.float32(RNG.normal(size=(60, 6)))
PICTURE = POINTS[:, :2]


@pytest.mark.parametrize("neighbours", [3, 10])
def test_trustworthiness_and_continuity_are_those_of_scikit_learn(neighbours):
    of = jax.jit(projection.trustworthiness, static_argnames="neighbours")
    expected = sklearn.manifold.trustworthiness(POINTS, PICTURE, n_neighbors=neighbours)
    swapped = sklearn.manifold.trustworthiness(PICTURE, POINTS, n_neighbors=neighbours)
    np.testing.assert_allclose(of(POINTS, PICTURE, neighbours=neighbours), expected, atol=1e-6)
    np.testing.assert_allclose(projection.continuity(POINTS, PICTURE, neighbours=neighbours), swapped, atol=1e-6)


def with_equal_points():
    points = POINTS.copy()
    points[:20], points[20:25] = points[0], points[30]
    return points


@pytest.mark.parametrize("points", [POINTS, with_equal_points(), np.zeros_like(POINTS)])
def test_a_picture_that_is_the_layer_is_trustworthy(points):
    for picture in (points, 2 * points[:, ::-1] + 1):
        assert projection.trustworthiness(points, picture) == projection.continuity(points, picture) == 1
        assert projection.neighbour_overlap(points, picture) == 1


def test_chance_gives_about_a_half_and_few_shared_neighbours():
    of = jax.jit(
        lambda picture: (projection.trustworthiness(POINTS, picture), projection.neighbour_overlap(POINTS, picture))
    )
    found = np.mean([of(RNG.permutation(POINTS)) for _ in range(20)], axis=0)
    excess = 49 * 50 / (2 * 59)  # of a rank that is uniform from 1 to 59 above 10, on average
    np.testing.assert_allclose(found, [1 - 2 * excess / (2 * 60 - 3 * 10 - 1), 10 / 59], atol=0.02)


def test_shared_neighbours_are_counted():
    def nearest(points):
        return sklearn.neighbors.NearestNeighbors(n_neighbors=10).fit(points).kneighbors(return_distance=False)

    shared = [len(set(a) & set(b)) / 10 for a, b in zip(nearest(POINTS), nearest(PICTURE), strict=True)]
    assert projection.neighbour_overlap(POINTS, PICTURE) == pytest.approx(np.mean(shared))


def test_few_examples_are_compared_by_fewer_neighbours_and_two_are_refused():
    assert projection.trustworthiness(POINTS[:4], PICTURE[:4]) <= 1
    assert np.isnan(projection.trustworthiness(POINTS, np.full_like(PICTURE, np.nan)))
    with pytest.raises(InputError, match="10 neighbours of 2 examples"):
        projection.trustworthiness(POINTS[:2], PICTURE[:2])
