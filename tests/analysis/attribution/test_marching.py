"""Going from piece to piece gives the same as cutting layer by layer, and adds up where nothing else is exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import networks
from jaxinterp.analysis import attribution
from jaxinterp.analysis.attribution import marching
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
