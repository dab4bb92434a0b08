import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import choices
from jaxinterp.analysis import attribution
from jaxinterp.errors import InputError
from jaxinterp.interventions import replace
from jaxinterp.networks import sites

AFFINE = [name for name, norm in choices.NORMS.items() if norm.over_units is None]
NORMS = [("none", "before"), *itertools.product(AFFINE, ("before", "after"))]


@pytest.mark.parametrize("widths", [(), (6, 5)], ids=str)
@pytest.mark.parametrize(("norm", "position"), NORMS)
def test_folded_layers_compute_every_site(norm, position, widths, build, images):
    network = build(norm, position, "tanh", widths)
    _, activations = jax.jit(lambda network, images: network(images))(network, images)
    folded = jax.jit(lambda network: {s: attribution.folded(network, site=s) for s in sites(network.model)[1:]})
    for site, layers in folded(network).items():
        x = np.asarray(images)
        for place, (kernel, bias) in enumerate(layers):
            x = (x if place == 0 else np.tanh(x)) @ np.asarray(kernel) + np.asarray(bias)
        np.testing.assert_allclose(x, activations[site], rtol=1e-4, atol=1e-5)


def test_folded_reaches_the_logits_by_itself(build):
    layers = attribution.folded(build("batch", "after"))
    assert [kernel.shape for kernel, _ in layers] == [(7, 6), (6, 5), (5, 3)]


def read_behind(network, image, source, activations):
    return network(image, {source: replace(activations)})[1]


@pytest.mark.parametrize(("norm", "position"), NORMS)
def test_virtual_weights_of_identity_networks_are_jacobians(norm, position, build, images):
    network = build(norm, position, "identity")
    every, image = sites(network.model), images[0]

    def both(network, image):
        found, expected, (_, activations) = {}, {}, network(image)
        for first, source in enumerate(every[:-1]):
            read = partial(read_behind, network, image, source)
            expected[source] = jax.jacrev(read)(activations[source])
            for site in every[first + 1 :]:
                found[source, site] = attribution.virtual_weights(network, source=source, site=site)
        return found, expected

    found, expected = jax.jit(both)(network, image)
    assert len(found) == len(every) * (len(every) - 1) / 2
    for (source, site), weights in found.items():
        np.testing.assert_allclose(weights, expected[source][site], rtol=1e-4, atol=1e-5)


def test_virtual_weights_compose(build):
    network = build("batch", "after", widths=(6, 5, 4))
    for middle in ("hidden0/norm", "hidden1/post", "hidden2/pre"):
        after = attribution.virtual_weights(network, source=middle, site="logits")
        before = attribution.virtual_weights(network, source="input", site=middle)
        np.testing.assert_allclose(after @ before, attribution.weights(network, site="logits"), rtol=1e-4, atol=1e-5)


def test_an_activation_function_is_passed_as_if_it_did_nothing(build):
    found = attribution.virtual_weights(build(), source="hidden1/pre", site="hidden1/post")
    np.testing.assert_array_equal(found, jnp.eye(5))


def test_what_has_no_fixed_weights_is_refused(build):
    with pytest.raises(InputError, match="norm0 has no fixed weights"):
        attribution.folded(build("layer", "before"))
    with pytest.raises(InputError, match="norm1 has no fixed weights"):
        attribution.virtual_weights(build("layer", "after"), source="hidden1/post", site="logits")
    with pytest.raises(InputError, match="choose a site after hidden1/pre, not hidden0/post"):
        attribution.virtual_weights(build(), source="hidden1/pre", site="hidden0/post")
    with pytest.raises(InputError, match="no site 'hidden9/pre'"):
        attribution.virtual_weights(build(), source="hidden9/pre", site="logits")
    # A norm behind the site is no obstacle, nor is one before the source.
    assert len(attribution.folded(build("layer", "after"), site="hidden0/post")) == 2
    assert attribution.virtual_weights(build("layer"), source="hidden1/post", site="logits").shape == (3, 5)


@pytest.mark.parametrize(("norm", "position"), NORMS)
def test_contributions_add_up_to_the_logit_but_for_the_folded_bias(norm, position, build, images):
    network = build(norm, position)
    logits, bias = network(images)[0], attribution.folded(network)[-1][1]
    for target in range(3):
        found = attribution.contributions(network, images, target).sum(axis=1) + bias[target]
        np.testing.assert_allclose(found, logits[:, target], rtol=1e-4, atol=1e-5)
    for target in (-1, 3, 2**31):
        with pytest.raises(InputError, match=f"there is no output {target}: use 0 to 2"):
            attribution.contributions(network, images, target)


@pytest.mark.parametrize("widths", [(), (6, 5)], ids=str)
def test_the_product_of_kernels_leaves_norms_out(widths, build):
    network = build("batch", "after", widths=widths)
    names = [f"hidden{layer}" for layer in range(len(widths))] + ["output"]
    kernels = [np.asarray(network.variables["params"][name]["kernel"], np.float64) for name in names]
    expected = np.linalg.multi_dot(kernels) if widths else kernels[0]
    np.testing.assert_allclose(attribution.kernel_product(network), expected.T, atol=1e-5)
