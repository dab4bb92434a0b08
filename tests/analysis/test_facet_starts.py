import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp.analysis import facet_starts
from jaxinterp.networks import MLP, init

PIXELS = 9
KEY = jax.random.key(0)
IMAGES = np.random.default_rng(0).uniform(size=(20, PIXELS)).astype(np.float32)


def test_candidates_hold_the_optima_of_the_first_layer():
    network = init(KEY, MLP((5, 4), 3, norm="batch", input_mean=0.3, input_std=0.5), PIXELS)
    pool = facet_starts.candidates(network, IMAGES, "hidden0/post")
    assert len(pool) == 20 + 2 * 5 and np.array_equal(pool[:20], IMAGES)
    kernel = np.asarray(network.variables["params"]["hidden0"]["kernel"])
    corners = (np.arange(2**PIXELS)[:, None] >> np.arange(PIXELS) & 1).astype(np.float32)
    of_all, of_pool = (np.asarray(network(images)[1]["hidden0/pre"]) for images in (corners, pool))
    np.testing.assert_allclose(of_pool.max(0), of_all.max(0), rtol=1e-5)
    np.testing.assert_allclose(of_pool.min(0), of_all.min(0), rtol=1e-5)
    np.testing.assert_array_equal(pool[20:25], kernel.T > 0)


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_candidates_of_a_later_layer_hold_those_of_the_earlier_ones(norm):
    network = init(KEY, MLP((5, 4), 3, norm=norm), PIXELS)
    pool = facet_starts.candidates(network, IMAGES, "hidden1/post")
    assert len(pool) == 20 + 2 * 5 + 2 * 4
    np.testing.assert_array_equal(pool[:30], facet_starts.candidates(network, IMAGES, "hidden0/post"))
    assert set(np.unique(pool[20:])) == {0, 1}


def test_best_are_the_highest_of_those_that_are_orthogonal():
    # The second is almost in the direction of the first, the fourth and fifth have no gain.
    vectors = jnp.float32([[3, 0, 0], [2.9, 0.05, 0], [0, 2, 0.1], [0, 0, 0], [0, 0.1, -1]])
    pool, otherwise = jnp.arange(5.0)[:, None], jnp.arange(10.0, 14.0)[:, None]
    found = facet_starts.best(pool, vectors.sum(1), vectors, otherwise)
    np.testing.assert_array_equal(found[:, 0], [0, 2, 12, 13])
