import jax
import jax.numpy as jnp
import numpy as np
import planted
import pytest

from jaxinterp import networks
from jaxinterp.analysis import attribution
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network

PIXELS, EXAMPLES = 7, 12
NORMS = [("none", "before"), ("batch", "before"), ("batch", "after"), ("layer", "before"), ("layer", "after")]


def build(norm="none", position="before", activation="relu", widths=(6, 5), seed=0):
    """A network whose norms, too, are far from where they start."""
    model = MLP(widths, 3, activation, norm=norm, norm_position=position, input_mean=0.3, input_std=0.5)
    network = networks.init(jax.random.key(seed), model, PIXELS)
    leaves, tree = jax.tree.flatten(network.variables)
    keys = jax.random.split(jax.random.key(seed + 1), len(leaves))
    moved = [
        leaf + jax.random.uniform(k, leaf.shape, minval=0.1, maxval=1) for k, leaf in zip(keys, leaves, strict=True)
    ]
    return network.replace(variables=jax.tree.unflatten(tree, moved))


def images(seed=2):
    return jax.random.uniform(jax.random.key(seed), (EXAMPLES, PIXELS))


@jax.jit
def jacobians(network, images):
    """Of every site, image by image."""
    return jax.vmap(jax.jacrev(lambda image: network(image)[1]))(images)


def every_gradient(network, images, chunk):
    return {s: attribution.gradients(network, images, site=s, chunk=chunk) for s in networks.sites(network.model)}


def every_weight(network):
    return {s: attribution.weights(network, site=s) for s in networks.sites(network.model) if s != "input"}


@pytest.mark.parametrize(("norm", "position"), NORMS)
def test_gradients_are_those_of_jax(norm, position):
    network = build(norm, position, "relu" if position == "before" else "tanh")
    found = jax.jit(every_gradient, static_argnums=2)(network, images(), 2 if norm == "batch" else 8)
    for site, expected in jacobians(network, images()).items():
        np.testing.assert_allclose(found[site], expected.mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("norm", "position"), NORMS[:3])
def test_without_activation_functions_weights_are_the_gradient_everywhere(norm, position):
    network = build(norm, position, "identity")
    expected = jacobians(network, images())
    for site, found in jax.jit(every_weight)(network).items():
        for image in range(2):
            np.testing.assert_allclose(found, expected[site][image], rtol=1e-4, atol=1e-5)


def test_first_layer_weights_are_its_kernel():
    network = build()
    kernel = network.variables["params"]["hidden0"]["kernel"]
    for site in ("hidden0/pre", "hidden0/post"):
        np.testing.assert_allclose(attribution.weights(network, site=site), kernel.T / 0.5, rtol=1e-6)


def test_weights_and_gradients_differ_where_units_are_shut():
    network = planted.network()
    data = planted.data()
    plain = attribution.weights(network, site="hidden1/pre")
    gated = attribution.gradients(network, data.images, site="hidden1/pre")
    pixel = np.zeros(planted.PIXELS)
    pixel[planted.ALONE_CLASS] = 1
    np.testing.assert_allclose(plain[planted.ALONE], pixel, atol=1e-6)
    # The unit is open on the images of its class alone, a quarter of them, and the dead one on none.
    np.testing.assert_allclose(gated[planted.ALONE], pixel / planted.CLASSES, atol=1e-6)
    np.testing.assert_array_equal(gated[planted.DEAD], 0)


def test_no_hidden_layer():
    network = build(widths=())
    expected = network.variables["params"]["output"]["kernel"].T / 0.5
    np.testing.assert_allclose(attribution.weights(network, site="logits"), expected, rtol=1e-6)
    np.testing.assert_allclose(attribution.gradients(network, images(), site="logits"), expected, rtol=1e-5)


def test_every_seed_is_asked_alike():
    every = [build("batch", "after", seed=seed) for seed in range(3)]
    ensemble = Network(every[0].model, jax.tree.map(lambda *leaves: jnp.stack(leaves), *[n.variables for n in every]))

    def both(network, images):
        gradients = attribution.gradients(network, images, site="logits")
        return jnp.stack([gradients, attribution.weights(network, site="logits")])

    expected = [jax.jit(both)(network, images()) for network in every]
    for chunk in (None, 2):
        found = jax.jit(over_seeds(both, chunk=chunk))(ensemble, images())
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_answered_is_refused():
    with pytest.raises(InputError, match="cannot pass norm0: use gradients"):
        attribution.weights(build("layer", "after"), site="hidden1/pre")
    with pytest.raises(InputError, match="no site 'hidden2/pre'"):
        attribution.weights(build(), site="hidden2/pre")
    with pytest.raises(InputError, match="no site 'hidden2/pre'"):
        attribution.gradients(build(), images(), site="hidden2/pre")
    with pytest.raises(InputError, match="choose a site after input"):
        attribution.weights(build(), site="input")
    # A norm after the site is no obstacle.
    assert attribution.weights(build("layer", "after"), site="hidden0/post").shape == (6, PIXELS)
