"""Going from piece to piece gives the same as cutting layer by layer, and adds up where nothing else is exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import networks
from jaxinterp.analysis import attribution
from jaxinterp.analysis.attribution import integrals, marching
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError

SIDE = 8
CONVOLUTIONS = {"channels": (3, 4), "padding": (1,), "image_shape": (SIDE, SIDE, 1)}


def made(key, **options):
    network = networks.init(key, networks.build(ModelConfig(outputs=3, bias_initializer="torch", **options)), SIDE**2)
    return network, jax.random.uniform(key, (3, SIDE**2))


def marched(network, images, unit, site="logits"):
    units = jnp.full(len(images), unit)
    return images * marching.mean_gradients(network, jnp.zeros_like(images), images, units, site=site, chunk=3)


@pytest.mark.parametrize("site", ["logits", "hidden1/pre"])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_layers_of_neurons_are_as_when_cut_layer_by_layer(key, site, norm):
    network, images = made(key, widths=(9, 7), norm=norm)
    expected = attribution.exact_integrated_gradients(network, images, 1, site=site)
    np.testing.assert_allclose(marched(network, images, 1, site), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("pool", ["max", "mean"])
@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("site", ["logits", "conv1/pre"])
def test_attributions_of_convolutions_add_up(key, pool, activation, site):
    network, images = made(key, widths=(6,), pool=pool, activation=activation, **CONVOLUTIONS)
    found = attribution.exact_integrated_gradients(network, images, 1, site=site)
    values, blank = (network.units(x)[site][:, 1] for x in (images, jnp.zeros((1, SIDE**2))))
    np.testing.assert_allclose(jnp.sum(found, axis=1), values - blank, rtol=1e-3, atol=1e-5)


def test_many_steps_come_near(key):
    network, images = made(key, widths=(6,), **CONVOLUTIONS)
    exact = attribution.exact_integrated_gradients(network, images, 1)
    errors = [
        float(jnp.max(jnp.abs(attribution.integrated_gradients(network, images, 1, steps=steps) - exact)))
        for steps in (8, 512)
    ]
    assert errors[1] < 1e-3 and errors[1] < errors[0] / 4


@pytest.mark.parametrize(
    ("options", "message"),
    [({"activation": "tanh"}, "exact only for"), ({"norm": "layer"}, "a norm over units is not linear in pieces")],
)
def test_what_is_not_linear_in_pieces_is_refused(key, options, message):
    network, images = made(key, widths=(6,), **CONVOLUTIONS, **options)
    with pytest.raises(InputError, match=message):
        attribution.exact_integrated_gradients(network, images, 1)


@pytest.mark.parametrize("through", ["conv0/pre", "conv0/post", "conv0/pool", "conv1/post", "hidden0/post"])
def test_conductances_of_convolutions_add_up_and_are_what_many_steps_come_near(key, through):
    network, images = made(key, widths=(6,), **CONVOLUTIONS)
    found = attribution.exact_conductance(network, images, 1, through=through)
    values, blank = (network(x)[0][:, 1] for x in (images, jnp.zeros((1, SIDE**2))))
    np.testing.assert_allclose(jnp.sum(found, axis=1), values - blank, rtol=1e-4, atol=1e-5)
    near = attribution.conductance(network, images, 1, through=through, steps=1024)
    np.testing.assert_allclose(near, found, atol=1e-2 * float(jnp.abs(found).max()))


def test_wide_layers_of_neurons_are_followed_from_piece_to_piece(key, monkeypatch):
    network, images = made(key, widths=(9, 7), norm="batch")
    cut = attribution.exact_integrated_gradients(network, images, 1)
    passed = attribution.exact_conductance(network, images, 1, through="hidden0/post")
    assert attribution.exact_is_cheap(network)
    monkeypatch.setattr(integrals, "_MOST_PIECES", 10)
    assert attribution.exact_is_cheap(network)
    followed = attribution.exact_integrated_gradients(network, images, 1)
    np.testing.assert_allclose(followed, cut, rtol=1e-3, atol=1e-5)
    followed = attribution.exact_conductance(network, images, 1, through="hidden0/post")
    np.testing.assert_allclose(followed, passed, rtol=1e-3, atol=1e-5)


def test_breaks_are_counted_up_to_the_site(key):
    network, _ = made(key, widths=(6,), **CONVOLUTIONS)
    first, second = 3 * SIDE**2, 4 * (SIDE // 2) ** 2  # inputs of the activation functions, and as many in squares
    assert marching.break_count(network, site="conv0/pre") == 0
    assert marching.break_count(network, site="conv1/pre") == 2 * first
    assert marching.break_count(network, site="logits") == 2 * first + 2 * second + 6


def test_the_exact_methods_are_cheap_where_they_are_exact_and_breaks_are_few(key, monkeypatch):
    network, _ = made(key, widths=(6,), **CONVOLUTIONS)
    assert attribution.exact_is_cheap(network)
    assert not attribution.exact_is_cheap(made(key, widths=(6,), activation="tanh")[0])
    assert not attribution.exact_is_cheap(made(key, widths=(6,), norm="layer")[0])
    monkeypatch.setattr(integrals, "_MOST_BREAKS", 100)
    assert not attribution.exact_is_cheap(network) and attribution.exact_is_cheap(network, site="conv0/pre")
