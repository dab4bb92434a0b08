import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxinterp import networks
from jaxinterp.analysis import ablation, directions
from jaxinterp.errors import InputError
from jaxinterp.interventions import replace
from jaxinterp.networks import MLP

KEY, SITE, UNITS = jax.random.key(3), "hidden0/post", 7
IMAGES = np.random.default_rng(0).uniform(size=(60, 9)).astype(np.float32)
NETWORKS = {
    "linear next": {},
    "norm before": {"norm": "layer"},
    "norm after": {"norm": "layer", "norm_position": "after"},
    "gelu": {"activation": "gelu"},
}


def logits(values):
    return values


@pytest.mark.parametrize("name", NETWORKS)
def test_units_are_the_directions_of_the_identity_and_others_are_edited_alike(name):
    network = networks.init(jax.random.key(1), MLP((UNITS, 5), 4, **NETWORKS[name]), 9)
    activations, basis = network(IMAGES)[1][SITE], directions.random_bases(KEY, UNITS, draws=1)[0]

    def without(basis):
        along = directions.coordinates(activations, basis)
        fill = jnp.broadcast_to(jnp.mean(along, axis=0), along.shape)
        return directions.replaced(network, IMAGES, fill[None], basis, site=SITE, measure=logits, chunk=3)[0]

    fill = jnp.broadcast_to(jnp.mean(activations, axis=0), activations.shape)
    units = ablation.replaced_units(network, IMAGES, fill[None], site=SITE, measure=logits)[0]
    np.testing.assert_allclose(without(jnp.eye(UNITS)), units, atol=1e-4)
    for direction, found in zip(np.asarray(basis.T), without(basis), strict=True):
        along = np.asarray(activations) @ direction
        edited = activations + np.outer(along.mean() - along, direction)
        np.testing.assert_allclose(found, network(IMAGES, {SITE: replace(edited)})[0], atol=1e-4)


def test_random_bases_are_orthonormal_and_prefer_no_direction():
    bases = np.asarray(directions.random_bases(KEY, 3, draws=2000), np.float64)
    np.testing.assert_allclose(np.swapaxes(bases, 1, 2) @ bases, np.broadcast_to(np.eye(3), bases.shape), atol=1e-5)
    # A coordinate of a uniform direction in three dimensions is uniform on [−1, 1] (Archimedes).
    for column in range(3):
        assert scipy.stats.kstest(bases[:, 0, column], "uniform", (-1, 2)).pvalue > 1e-3


def test_a_site_that_does_not_exist_is_named():
    network = networks.init(KEY, MLP((UNITS,), 4), 9)
    with pytest.raises(InputError, match="no site 'hidden9/post' in this network"):
        directions.mover(network, IMAGES, jnp.eye(UNITS), site="hidden9/post", measure=logits)
