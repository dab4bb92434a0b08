import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from jaxinterp import controls
from jaxinterp.analysis import silhouettes

RNG = np.random.default_rng(0)
LABELS = np.arange(90) % 3
BLOBS = np.float32(RNG.normal(size=(90, 5)) + 3 * np.eye(3, 5)[LABELS])


def flawed():
    """Blobs with equal points, a dead unit, a class without examples and one with a single example."""
    points, labels = BLOBS.copy(), np.where(LABELS == 1, 4, LABELS)
    points[:20], points[:, 3], labels[7] = points[0], 0, 3
    return points, labels


@pytest.mark.parametrize(("points", "labels"), [(BLOBS, LABELS), (BLOBS + 1000, LABELS), flawed()])
def test_silhouettes_are_those_of_scikit_learn(points, labels):
    expected = sklearn.metrics.silhouette_samples(np.float64(points), labels)
    found = silhouettes.silhouettes(points, labels, classes=6)
    np.testing.assert_allclose(found, expected, atol=1e-3 if points.min() > 100 else 2e-5)


def test_distances_are_euclidean_and_exactly_0_between_equal_points():
    points, _ = flawed()
    found = np.asarray(silhouettes.distances(points + 0.1))
    np.testing.assert_allclose(found, sklearn.metrics.pairwise_distances(np.float64(points)), atol=2e-3)
    assert (found[:20, :20] == 0).all()


def test_labels_that_say_nothing_give_about_0():
    shuffled = controls.shuffled_rows(jax.random.key(0), jnp.asarray(LABELS))
    found = silhouettes.silhouettes(BLOBS, shuffled, classes=3)
    assert abs(found.mean()) < 0.05 < 0.3 < silhouettes.silhouettes(BLOBS, LABELS, classes=3).mean()


@pytest.mark.parametrize(("points", "labels"), [(np.ones((6, 2)), np.arange(6) % 2), (BLOBS[:6], np.zeros(6, int))])
def test_one_point_or_one_class_has_silhouette_0_and_nan_stays_nan(points, labels):
    assert (silhouettes.silhouettes(points, labels, classes=2) == 0).all()
    assert np.isnan(silhouettes.silhouettes(np.full_like(points, np.nan), labels, classes=2)).all()


def test_subspaces_are_the_points_without_the_other_units():
    members = np.array([[True, False, True, False, False], [False, True, True, True, True]])
    found = jax.jit(jax.vmap(lambda p: silhouettes.of_subspaces(p, LABELS, members, classes=3)))
    expected = [[silhouettes.silhouettes(p[:, own], LABELS, classes=3) for own in members] for p in (BLOBS, BLOBS**2)]
    np.testing.assert_allclose(found(np.stack([BLOBS, BLOBS**2])), expected, atol=1e-5)


def test_a_search_drops_what_the_silhouette_is_highest_without():
    """Units 0 to 2 tell the classes apart by construction, and unit 3 is a loud one that does not."""
    points = np.concatenate([BLOBS[:, :3] * [1, 2, 1], 20 * RNG.normal(size=(90, 1))], axis=1).astype(np.float32)
    order = np.asarray(silhouettes.picked(points, LABELS, classes=3)).tolist()
    assert sorted(order) == [0, 1, 2, 3] and order[-1] == 3
    for left in (4, 3, 2):
        kept = order[:left]
        means = {
            unit: float(silhouettes.silhouettes(points[:, [u for u in kept if u != unit]], LABELS, classes=3).mean())
            for unit in kept
        }
        assert max(means, key=means.__getitem__) == kept[-1]
