import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import planted

from jaxinterp import choices, interventions, networks
from jaxinterp.analysis import attribution
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import Network

NORMS = [("none", "before"), *itertools.product(choices.NORMS, ("before", "after"))]


@jax.jit
def jacobians(network, images):
    """Of every site, image by image."""
    return jax.vmap(jax.jacrev(lambda image: network(image)[1]))(images)


def every_gradient(network, images, chunk):
    return {s: attribution.gradients(network, images, site=s, chunk=chunk) for s in networks.sites(network.model)}


def every_weight(network):
    return {s: attribution.weights(network, site=s) for s in networks.sites(network.model) if s != "input"}


@pytest.mark.parametrize(("norm", "position"), NORMS)
def test_gradients_are_those_of_jax(norm, position, build, images):
    network = build(norm, position, "relu" if position == "before" else "tanh")
    found = jax.jit(every_gradient, static_argnums=2)(network, images, 2 if norm == "batch" else 8)
    for site, expected in jacobians(network, images).items():
        np.testing.assert_allclose(found[site], expected.mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("norm", "position"), NORMS[:3])
def test_without_activation_functions_weights_are_the_gradient_everywhere(norm, position, build, images):
    network = build(norm, position, "identity")
    expected = jacobians(network, images)
    for site, found in jax.jit(every_weight)(network).items():
        for image in range(2):
            np.testing.assert_allclose(found, expected[site][image], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("norm", "position"), NORMS)
def test_the_gradient_of_the_explained_unit_is_that_of_jax(norm, position, build, images):
    network = build(norm, position)
    units = np.arange(len(images)) % 3
    expected = jacobians(network, images)
    for site in ("hidden0/pre", "hidden1/post", "logits"):
        one = jax.jit(partial(attribution.gradient, site=site))(network, images, units)
        np.testing.assert_allclose(one, expected[site][np.arange(len(images)), units], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        attribution.gradient_times_input(network, images, 2), images * expected["logits"][:, 2], rtol=1e-4, atol=1e-5
    )


def test_effective_weights_are_the_weights_of_the_explained_unit(build, images):
    network = build("batch", "after")
    units = jnp.arange(len(images)) % 5
    found = attribution.effective_weights_times_input(network, images, units, site="hidden1/pre")
    weights = attribution.weights(network, site="hidden1/pre")
    np.testing.assert_allclose(found, np.asarray(images) * np.asarray(weights)[units], rtol=1e-6)


@pytest.mark.parametrize("name", attribution.METHODS)
def test_all_methods_are_weights_times_input_in_a_linear_network(name, build, images):
    method = attribution.METHODS[name]
    for norm, position in NORMS[1:3]:
        network = build(norm, position, "identity")
        expected = attribution.weights(network, site="logits")[1] * (1 if name == "gradient" else images)
        found = jax.jit(method)(network, images, 1)
        np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", attribution.METHODS)
def test_methods_see_the_function_and_not_how_it_is_written(name, build, images):
    """Units in another order, and made larger while their outgoing weights shrink, compute the same."""
    network, random = build(), np.random.default_rng(0)
    params = {name: dict(part) for name, part in network.variables["params"].items()}
    for layer, after in (("hidden0", "hidden1"), ("hidden1", "output")):
        order = random.permutation(len(params[layer]["bias"]))
        scale = random.uniform(0.5, 2, len(order)).astype(np.float32)
        params[layer] = {part: values[..., order] * scale for part, values in params[layer].items()}
        params[after]["kernel"] = params[after]["kernel"][order] / scale[:, None]
    other = network.replace(variables={"params": params})
    method = jax.jit(attribution.METHODS[name])
    np.testing.assert_allclose(method(network, images, 0), method(other, images, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", attribution.METHODS)
def test_every_seed_is_explained_alike(name, build, images):
    every = [build("batch", "after", seed=seed) for seed in range(3)]
    ensemble = Network(every[0].model, jax.tree.map(lambda *leaves: jnp.stack(leaves), *[n.variables for n in every]))
    method, units = attribution.METHODS[name], np.arange(len(images)) % 3
    found = jax.jit(over_seeds(method, chunk=2))(ensemble, images, units)
    for one, expected in zip(found, every, strict=True):
        np.testing.assert_allclose(one, jax.jit(method)(expected, images, units), rtol=1e-4, atol=1e-5)


def test_which_unit_is_explained_is_checked(build, images):
    for method in attribution.METHODS.values():
        with pytest.raises(InputError, match="no unit 3 at logits: use 0 to 2"):
            method(build(), images, 3)
        with pytest.raises(InputError, match="no unit -1 at hidden0/post: use 0 to 5"):
            method(build(), images, np.array([0] * 11 + [-1]), site="hidden0/post")
        with pytest.raises(InputError, match=r"one per image \(12\), got 2"):
            method(build(), images, np.array([0, 1]))
        with pytest.raises(InputError, match="choose a site after input"):
            method(build(), images, 0, site="input")


def test_first_layer_weights_are_its_kernel(build):
    network = build()
    kernel = network.variables["params"]["hidden0"]["kernel"]
    for site in ("hidden0/pre", "hidden0/post"):
        np.testing.assert_allclose(attribution.weights(network, site=site), kernel.T / 0.5, rtol=1e-6)


def test_probes_are_the_weights_until_a_unit_depends_on_others(build, images):
    network, pixels = build("none", "before"), images.shape[-1]
    first = attribution.probes(network, pixels, site="hidden0/pre")
    np.testing.assert_allclose(first, attribution.weights(network, site="hidden0/pre"), rtol=1e-4, atol=1e-5)
    found = attribution.probes(network, pixels, site="logits")
    for pixel in (0, pixels - 1):
        image = np.zeros((1, pixels), np.float32)
        blank, image[0, pixel] = network(image)[0][0], 1
        np.testing.assert_allclose(found[:, pixel], network(image)[0][0] - blank, rtol=1e-4, atol=1e-5)
    assert not np.allclose(found, attribution.weights(network, site="logits"), atol=1e-3)
    with pytest.raises(InputError, match="no site"):
        attribution.probes(network, pixels, site="hidden9/pre")


def test_weights_and_gradients_differ_where_units_are_shut(images):
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


def test_no_hidden_layer(build, images):
    network = build(widths=())
    expected = network.variables["params"]["output"]["kernel"].T / 0.5
    np.testing.assert_allclose(attribution.weights(network, site="logits"), expected, rtol=1e-6)
    np.testing.assert_allclose(attribution.gradients(network, images, site="logits"), expected, rtol=1e-5)


def test_every_seed_is_asked_alike(build, images):
    every = [build("batch", "after", seed=seed) for seed in range(3)]
    ensemble = Network(every[0].model, jax.tree.map(lambda *leaves: jnp.stack(leaves), *[n.variables for n in every]))

    def both(network, images):
        gradients = attribution.gradients(network, images, site="logits")
        return jnp.stack([gradients, attribution.weights(network, site="logits")])

    expected = [jax.jit(both)(network, images) for network in every]
    for chunk in (None, 2):
        found = jax.jit(over_seeds(both, chunk=chunk))(ensemble, images)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_answered_is_refused(build, images):
    with pytest.raises(InputError, match="norm0 has no fixed weights: use gradients"):
        attribution.weights(build("layer", "after"), site="hidden1/pre")
    with pytest.raises(InputError, match="no site 'hidden2/pre'"):
        attribution.weights(build(), site="hidden2/pre")
    with pytest.raises(InputError, match="no site 'hidden2/pre'"):
        attribution.gradients(build(), images, site="hidden2/pre")
    with pytest.raises(InputError, match="choose a site after input"):
        attribution.weights(build(), site="input")
    # A norm after the site is no obstacle.
    assert attribution.weights(build("layer", "after"), site="hidden0/post").shape == (6, 7)


def test_a_logits_gradient_is_fixed_where_the_network_is_linear_behind_the_site(build, images):
    network, before = build(), "hidden0/post"
    kernel = network.variables["params"]["output"]["kernel"]
    last = attribution.logit_gradients(network, images, site="hidden1/post")
    np.testing.assert_allclose(last, np.broadcast_to(kernel.T, last.shape), atol=1e-6)
    assert attribution.is_fixed(last, tolerance=1e-4).all()
    earlier = attribution.logit_gradients(network, images, site=before)
    one = jax.jacrev(lambda row: network(images[3], {before: interventions.replace(row)})[0])
    np.testing.assert_allclose(earlier[3], one(network(images[3])[1][before]), atol=1e-5)
    assert not attribution.is_fixed(earlier, tolerance=1e-4).all(axis=-1).any()
    assert attribution.is_fixed(earlier, tolerance=100.0).all()
    with pytest.raises(InputError, match="no site"):
        attribution.logit_gradients(network, images, site="hidden7/post")
