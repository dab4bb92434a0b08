import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.toy_ensemble import PIXELS, SEEDS, SITES, networks

from jaxinterp import controls, ensemble
from jaxinterp.analysis.similarity.controlled import CONDITIONS, compare
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP

EXAMPLES, KEY = 60, jax.random.key(0)
OFF = ~np.eye(SEEDS, dtype=bool)


@pytest.fixture(scope="module")
def data():
    images = np.random.default_rng(0).uniform(size=(EXAMPLES, PIXELS))
    return Dataset(images.astype(np.float32), np.random.default_rng(1).integers(0, 3, EXAMPLES).astype(np.int32))


def test_networks_that_are_not_finite_change_nothing_for_the_others(data):
    strangers = compare(networks(1), networks(2), data, SITES, key=KEY)
    variables = jax.tree.map(lambda leaf: leaf.at[3].set(jnp.nan), networks(1).variables)
    broken = compare(networks(1).replace(variables=variables), networks(2), data, SITES, key=KEY)
    kept = np.delete(np.arange(SEEDS), 3)
    for name, values in broken._asdict().items():
        alone = getattr(strangers, name)
        assert np.isnan(values[..., 3]).all(), name
        np.testing.assert_allclose(
            values[..., kept[:, None], kept] if values.ndim > 1 else values[kept],
            alone[..., kept[:, None], kept] if alone.ndim > 1 else alone[kept],
            atol=1e-4,
        )


def test_a_mirrored_unit_counts_as_the_same_where_the_activation_is_odd(data):
    def mirror(network, sign):
        weights = network.variables["params"]
        flip = {name: leaf * sign for name, leaf in weights["hidden0"].items()}
        back = weights["output"] | {"kernel": weights["output"]["kernel"] * sign[:, None]}
        return network.replace(variables={"params": {"hidden0": flip, "output": back}})

    signs = jnp.where(jax.random.bernoulli(jax.random.key(3), shape=(SEEDS, 12)), 1.0, -1.0)
    for activation, same in (("tanh", True), ("relu", False)):
        model = MLP(widths=(12,), outputs=3, activation=activation, initializer_gain=2.0)
        one = ensemble.take(controls.untrained(ensemble.keys(5, 1), model, PIXELS), 0)
        flipped = jax.vmap(mirror, in_axes=(None, 0))(one, signs)
        found = compare(flipped, flipped, data, ("hidden0/post", "logits"), key=KEY)
        trained = CONDITIONS.index("trained")
        assert (found.matched[trained, 0][OFF] > 0.999).all() == same
        assert np.abs(found.similarity[trained, 0, 0]).min() < 0.9


def test_one_output_is_read_as_it_was_trained(data):
    one = controls.untrained(ensemble.keys(0, 3), MLP(widths=(4,), outputs=1), PIXELS)
    logits = jax.vmap(lambda network: network(data.images)[0])(one)[..., 0]
    for loss, threshold in (("squared_error", 0.5), ("binary_cross_entropy", 0.0)):
        found = compare(one, one, data, ("logits",), key=KEY, loss=loss)
        np.testing.assert_allclose(found.accuracy, ((logits > threshold) == data.labels).mean(1), atol=1e-6)
