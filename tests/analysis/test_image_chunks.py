import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.random_networks import random_network

from jaxinterp import networks
from jaxinterp.analysis import ablation, image_chunks, units
from jaxinterp.analysis.image_chunks import joined, over_chunks
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset

CONVOLUTIONS = ModelConfig((5,), 3, channels=(4, 3), image_shape=(8, 8, 1), padding=(1,))
EXAMPLES = 37


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch):
    monkeypatch.setattr(image_chunks, "_IMAGES", 10)


@pytest.mark.parametrize(("config", "chunks"), [(CONVOLUTIONS, 4), (ModelConfig((5,), 3), 1)])
def test_every_image_is_read_once(config, chunks):
    squares, new = over_chunks(lambda rows, new: (rows**2, new), networks.build(config), examples=EXAMPLES)
    assert squares.shape[0] == new.shape[0] == chunks and new.sum() == EXAMPLES
    np.testing.assert_array_equal(joined(squares, examples=EXAMPLES), np.arange(EXAMPLES) ** 2)
    twice = over_chunks(lambda rows, _: jnp.stack([rows, -rows]), networks.build(config), examples=EXAMPLES)
    np.testing.assert_array_equal(joined(twice, examples=EXAMPLES, axis=1)[1], -np.arange(EXAMPLES))


def test_channels_are_described_as_they_are_all_at_once(key):
    network = random_network(CONVOLUTIONS, 64, key)
    images, labels = jax.random.uniform(key, (EXAMPLES, 64)), jnp.arange(EXAMPLES) % 3
    data = Dataset(images, labels.astype(jnp.int32))
    options = {"loss": "cross_entropy", "classes": 3, "exemplars": 4}
    found = jax.jit(lambda network, data: units.read(network, data, key, **options))(network, data)
    activations, before = network(images)[1], ablation.baseline(network, data)
    pooled = networks.unit_activations(network.model, activations)
    for layer, own in zip(network.model.layers, found, strict=True):
        np.testing.assert_allclose(own.mean, pooled[layer.post].mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(own.exemplars, np.argsort(-pooled[layer.pre].T, axis=1)[:, :4])
        for place, kind in enumerate(units.KINDS):
            after = ablation.units(network, data, site=layer.post, kind=kind, key=key)
            np.testing.assert_allclose(own.damage[place], before.accuracy - after.accuracy, atol=1e-6)
        maps = np.asarray(activations[layer.pre]).reshape(EXAMPLES, -1, layer.units)
        for unit, (images_, positions) in enumerate(zip(own.exemplars, own.exemplar_positions, strict=True)):
            np.testing.assert_array_equal(positions, maps[np.asarray(images_), :, unit].argmax(1))
    dead = units.dead(network, images)
    for layer, own in zip(network.model.layers, dead, strict=True):
        np.testing.assert_array_equal(own, np.ptp(np.asarray(pooled[layer.post]), axis=0) == 0)
