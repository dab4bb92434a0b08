import jax
import numpy as np
import pytest

from jaxinterp import networks
from jaxinterp.analysis.maximization import optima
from jaxinterp.config import ModelConfig
from jaxinterp.studies.bottleneck_neurons.maximisers import maximisers

SIDE = 6


@pytest.mark.parametrize("options", [{}, {"channels": (3,), "padding": (1,), "image_shape": (SIDE, SIDE, 1)}])
def test_a_maximiser_reaches_the_closed_form_where_there_is_one_and_beats_real_images(options):
    network = networks.init(jax.random.key(0), networks.build(ModelConfig((5,), 3, **options)), SIDE**2)
    images = np.random.default_rng(0).uniform(size=(40, SIDE**2)).astype(np.float32)
    found = jax.jit(maximisers)(network, jax.random.key(1), images)
    layers, units = len(network.model.layers), max(layer.units for layer in network.model.layers)
    assert found.image.shape == (layers, units, SIDE**2)
    for number, layer in enumerate(network.model.layers):
        own = found.image[number, : layer.units]
        values = np.diagonal(network.units(own)[layer.pre])
        np.testing.assert_allclose(found.value[number, : layer.units], values, atol=1e-4)
        real = network.units(images)[layer.pre].max(axis=0)
        np.testing.assert_allclose(found.exemplar[number, : layer.units], real, atol=1e-5)
        assert (values > real).all()
        assert np.isnan(found.value[number, layer.units :]).all()
    if not options:  # linear in the pixels: the optimum is known
        _, best = optima.box_optimum(*optima.affine(network))
        np.testing.assert_allclose(found.value[0], best, rtol=0.01)
