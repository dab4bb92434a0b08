"""Facts of networks whose weights were written by hand are what was written."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import planted, planted_cnn

from jaxinterp import ensemble
from jaxinterp.analysis.ablation import baseline, damage, units
from jaxinterp.errors import InputError
from jaxinterp.explanation import facts
from jaxinterp.networks import from_layers

LOSS = "cross_entropy"


def cautious():
    """The planted network with more evidence needed against its default, so that a unit's mean is not enough."""
    made = planted.network()
    output = made.variables["params"]["output"]
    params = {**made.variables["params"], "output": {**output, "bias": 3 * output["bias"]}}
    return made.replace(variables={"params": params})


@pytest.fixture(scope="module")
def found():
    networks = ensemble.stack([planted.network(), cautious()])
    return facts.read(networks, planted.data(), jax.random.key(0), loss=LOSS, exemplars=5)


def test_a_planted_unit_is_described(found):
    data, one = planted.data(), found.of_unit(1, 0, planted.ALONE)
    assert (one.site, one.unit, one.layer, one.dead) == ("hidden0/post", planted.ALONE, 0, False)
    assert one.class_names == ("0", "1", "2", "3") and one.image_shape == (3, 3, 1)
    assert one.class_mean.argmax() == planted.ALONE_CLASS
    own = np.asarray(data.images)[:, planted.ALONE] - 0.3
    of_class = np.maximum(own, 0)[np.asarray(data.labels) == planted.ALONE_CLASS]
    np.testing.assert_allclose(one.class_mean[planted.ALONE_CLASS], of_class.mean(), rtol=1e-5)
    np.testing.assert_allclose(one.class_sd[planted.ALONE_CLASS], of_class.std(), rtol=1e-4)
    best = np.argsort(-own)[:5]
    np.testing.assert_array_equal(one.exemplars, np.asarray(data.images)[best])
    np.testing.assert_array_equal(one.exemplar_labels, np.asarray(data.labels)[best])
    np.testing.assert_allclose(one.exemplar_values, own[best], rtol=1e-5)


def test_it_is_connected_with_what_it_was_connected_with(found):
    first, second = (found.of_unit(0, layer, planted.ALONE) for layer in range(2))
    pixel = np.eye(planted.PIXELS)[planted.ALONE_CLASS]
    np.testing.assert_allclose(first.weight_map, pixel * planted.data().images.std(axis=0), atol=1e-6)
    np.testing.assert_array_equal(first.maximiser, pixel)
    assert not len(first.incoming.units)
    assert list(first.outgoing.units) == list(second.incoming.units) == [planted.ALONE]
    assert list(second.outgoing.units) == [planted.ALONE_CLASS] and second.outgoing.weights == 2
    spread = found.layers[1].sd[0, planted.ALONE]
    np.testing.assert_allclose(second.outgoing.contributions, 2 * spread, rtol=1e-5)
    np.testing.assert_allclose(first.outgoing.weights, 1, rtol=1e-6)


def test_a_dead_unit_is_called_so_and_listed_nowhere(found):
    every = list(found.of_network(0))
    assert [(one.layer, one.unit) for one in every if one.dead] == [(0, planted.DEAD), (1, planted.DEAD)]
    dead = [one for one in every if one.dead]
    assert all(not len(one.outgoing.units) and not one.damage.any() for one in dead)
    lists = [one.incoming for one in every] + [found.of_output(0, output) for output in range(planted.CLASSES)]
    assert not any(planted.DEAD in listed.units for listed in lists)
    read = {output: set(found.of_output(0, output).units) for output in range(planted.CLASSES)}
    assert read == {0: {0}, 1: {1, 2}, 2: {4}, 3: {5}}


def test_damage_is_that_of_mean_ablation(found):
    network, data = cautious(), planted.data()
    without = units(network, data, site="hidden1/post", kind="mean")
    expected = damage(baseline(network, data), without).accuracy
    np.testing.assert_allclose(found.layers[1].damage[1], expected, atol=1e-6)
    assert expected.max() > 0.5


def test_channels_are_units_too():
    networks = ensemble.stack([planted_cnn.network()])
    found = facts.read(networks, planted_cnn.data(), jax.random.key(0), loss=LOSS, exemplars=3)
    green = found.of_unit(0, 0, 1)
    assert green.class_names == planted_cnn.NAMES and green.image_shape == planted_cnn.SHAPE
    assert green.class_mean.argmax() == 1 and set(green.exemplar_labels) == {1}
    weights = green.weight_map.reshape(planted_cnn.SHAPE)
    assert (weights[..., 1] > 0).all() and not weights[..., [0, 2]].any()
    assert list(green.outgoing.units) == [1]
    np.testing.assert_allclose(green.outgoing.weights, 4, rtol=1e-5)  # of a map of 2 × 2 positions, each with weight 1
    assert list(found.of_unit(0, 1, 2).incoming.units) == [2] and found.of_unit(0, 0, planted_cnn.DEAD).dead


def test_facts_of_some_networks_are_those_among_all(found):
    networks = ensemble.stack([planted.network(), cautious()])
    one = facts.read(networks, planted.data(), jax.random.key(0), loss=LOSS, exemplars=5, seeds=[1])
    assert one.layers[0].dead.shape == (1, planted.UNITS)
    np.testing.assert_array_equal(one.layers[1].damage[0], found.layers[1].damage[1])


def test_networks_without_hidden_units_are_refused():
    linear = ensemble.stack([from_layers([(jnp.ones((9, 4)), jnp.zeros(4))])])
    with pytest.raises(InputError, match="no hidden layer"):
        facts.read(linear, planted.data(), jax.random.key(0), loss=LOSS)
