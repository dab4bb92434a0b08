import jax
import numpy as np
import pytest
from support.random_networks import random_network

from jaxinterp import interventions, networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.networks import moved_by_one_unit

SHAPE = (9, 8, 2)
CONVOLUTIONS = {"channels": (4, 3), "image_shape": SHAPE, "padding": (1, 0)}
MODELS = {
    "neurons": ModelConfig((6, 5), 3),
    "largest": ModelConfig((5,), 3, **CONVOLUTIONS),
    "means": ModelConfig((5,), 3, pool="mean", stride=(2, 1), pool_size=(1, 2), **CONVOLUTIONS),
    "no pooling": ModelConfig((), 3, pool_size=(1,), **CONVOLUTIONS),
    "norm after the product": ModelConfig((), 3, norm="batch", norm_position="after", **CONVOLUTIONS),
}


def made(name, key):
    return random_network(MODELS[name], np.prod(SHAPE).item(), key)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_difference_of_two_whole_passes(name, key):
    network, found = made(name, key), []
    images = jax.random.uniform(key, (3, np.prod(SHAPE).item()))
    before = network(images)[1]
    for number, layer in enumerate(network.model.layers):
        site = layer.last if MODELS[name].norm_position == "after" else layer.post
        after = moved_by_one_unit(network, site)
        assert after is not None
        moved, target = after
        following = [*(own.pre for own in network.model.layers), networks.LOGITS][number + 1]
        assert target == following
        values, unit = before[site], layer.units - 1
        change = jax.random.normal(jax.random.fold_in(key, number), values.shape[:-1])
        edited = {site: interventions.replace(values.at[..., unit].add(change))}
        logits, activations = network(images, edited)
        whole = (logits if target == networks.LOGITS else activations[target]) - before.get(target, network(images)[0])
        np.testing.assert_allclose(moved(unit, values[..., unit], change), whole, rtol=1e-3, atol=1e-4)
        found.append(np.abs(whole).max())
    assert min(found) > 0.01


def test_there_is_none_where_more_lies_between(key):
    network = random_network(ModelConfig((5,), 3, norm="layer", **CONVOLUTIONS), np.prod(SHAPE).item(), key)
    for site in ("input", "conv0/pre", "conv0/post", "logits"):
        assert moved_by_one_unit(network, site) is None
    with pytest.raises(InputError, match="no site 'conv9/post'"):
        moved_by_one_unit(network, "conv9/post")
