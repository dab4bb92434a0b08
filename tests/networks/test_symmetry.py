"""A network whose units are permuted, or mirrored, is the same function of its pixels."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.random_networks import random_network

from jaxinterp import choices, ensemble, interventions, networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError

NORMS = [("none", "before"), *itertools.product(choices.NORMS, ("before", "after"))]
CONVOLUTIONS = {
    "channels": (4, 3),
    "kernel_size": (3, 2),
    "padding": (1, 0),
    "pool_size": (2, 1),
    "image_shape": (7, 6, 2),
}
KINDS = {"neurons": ({}, 7), "maximum": (CONVOLUTIONS, 84), "mean": (CONVOLUTIONS | {"pool": "mean"}, 84)}


def made(kind, key, activation="relu", norm=("none", "before"), widths=(6, 5)):
    options, pixels = KINDS[kind]
    config = ModelConfig(widths, 3, activation, norm=norm[0], norm_position=norm[1], input_mean=0.1, **options)
    network = random_network(config, pixels, key)
    return network.replace(variables=jax.tree.map(lambda leaf: leaf - 0.3 * (leaf.ndim > 1), network.variables))


def moves(model, seed):
    """An order and signs for every layer."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(layer.units) for layer in model.layers]
    return orders, [rng.choice(np.float32([-1, 1]), layer.units) for layer in model.layers]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", NORMS, ids="-".join)
@pytest.mark.parametrize("activation", sorted(choices.ACTIVATIONS))
def test_permuting_units_permutes_activations_and_leaves_the_logits(kind, norm, activation, key):
    network = made(kind, key, activation, norm)
    model, mirrored = network.model, networks.mirrors(network.model)
    orders, signs = moves(model, 1)
    images = jax.random.uniform(key, (4, network.pixels))
    (before, then), (after, now) = (
        network(images),
        networks.permute(network, orders, signs if mirrored else None)(images),
    )
    np.testing.assert_allclose(after, before, rtol=2e-4, atol=2e-5)
    for site, values in then.items():
        layer = networks.layer_of(model, site)
        if layer is None:
            continue
        number = networks.depth(model, site)
        expected = values[..., orders[number]] * (signs[number] if mirrored else 1)
        np.testing.assert_allclose(now[site], expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_only_equivalent_units_can_be_mirrored(kind, key):
    assert networks.mirrors(made(kind, key, "tanh").model) == (kind != "maximum")
    assert not networks.mirrors(made(kind, key, "relu").model)
    assert not networks.mirrors(made(kind, key, "tanh", ("layer", "after")).model)


@pytest.mark.parametrize("kind", KINDS)
def test_an_ensemble_is_permuted_network_by_network(kind, key):
    members = [made(kind, own, norm=("batch", "before")) for own in jax.random.split(key, 3)]
    orders = [moves(one.model, seed)[0] for seed, one in enumerate(members)]
    found = networks.permute(ensemble.stack(members), tuple(map(np.stack, zip(*orders, strict=True))))
    for seed, own in enumerate(orders):
        expected = networks.permute(members[seed], own).variables
        jax.tree.map(np.testing.assert_array_equal, ensemble.take(found, seed).variables, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_and_its_inverse_are_no_change_at_all(kind, key):
    network = made(kind, key, norm=("batch", "after"))
    orders, _ = moves(network.model, 0)
    back = networks.permute(networks.permute(network, orders), [np.argsort(order) for order in orders])
    jax.tree.map(np.testing.assert_array_equal, back.variables, network.variables)


@pytest.mark.parametrize("kind", KINDS)
def test_products_of_units_add_up_to_the_product_of_permuted_weights(kind, key):
    """Swapping two units of one layer changes the inner product of two networks by what the table says."""
    first, second = (made(kind, own, norm=("batch", "before")) for own in jax.random.split(key))

    def product(one, other):
        both = jax.tree.map(lambda a, b: jnp.sum(a * b), one.variables["params"], other.variables["params"])
        return sum(jax.tree.leaves(both))

    for number, layer in enumerate(first.model.layers):
        order = np.roll(np.arange(layer.units), 1)
        orders = [order if other == number else np.arange(own.units) for other, own in enumerate(first.model.layers)]
        table = sum(networks.unit_products(first, second, number))
        gained = jnp.sum(table[np.arange(layer.units), order]) - jnp.trace(table)
        moved = product(first, networks.permute(second, orders)) - product(first, second)
        np.testing.assert_allclose(gained, moved, rtol=1e-3, atol=1e-3)


def test_outgoing_weights_are_all_that_read_a_unit(key):
    network = made("maximum", key)
    kernel = network.variables["params"]["hidden0"]["kernel"]  # of a map of 2 × 2 positions with 3 channels
    np.testing.assert_array_equal(networks.outgoing_weights(network, 1)[2], kernel[2::3].ravel())
    kernel = network.variables["params"]["conv1"]["kernel"]
    np.testing.assert_array_equal(networks.outgoing_weights(network, 0)[1], kernel[:, :, 1].ravel())


@pytest.mark.parametrize(
    ("orders", "signs", "options", "message"),
    [
        ([6], None, {}, r"\(6, 5\) units need one order each"),
        ([6, 6], None, {}, r"got shapes \[\(6,\), \(6,\)\]"),
        ([6, 5], [6, 5], {}, "signs need an odd activation function"),
        ([6, 5], [6, 5], {"activation": "tanh", "norm": ("layer", "before")}, "got tanh with norm layer"),
    ],
)
def test_what_is_no_symmetry_is_refused(orders, signs, options, message, key):
    network = made("neurons", key, **options)
    signs = None if signs is None else list(map(np.ones, signs))
    with pytest.raises(InputError, match=message):
        networks.permute(network, list(map(np.arange, orders)), signs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", [("none", "before"), ("batch", "before"), ("batch", "after")], ids="-".join)
def test_units_whose_parameters_are_masked_are_ablated(kind, norm, key):
    network = made(kind, key, "sigmoid", norm)
    layers = network.model.layers
    kept = [jax.random.bernoulli(jax.random.fold_in(key, n), 0.5, (own.units,)) for n, own in enumerate(layers)]
    masks = networks.unit_masks(network, kept)
    params = jax.tree.map(jnp.multiply, network.variables["params"], masks)
    images = jax.random.uniform(key, (4, network.pixels))
    ablated = {own.last: interventions.ablate(~units) for own, units in zip(layers, kept, strict=True)}
    found = network.replace(variables={**network.variables, "params": params})(images)[0]
    np.testing.assert_allclose(found, network(images, ablated)[0], rtol=2e-5, atol=1e-6)
    for number, units in enumerate(kept):
        for read in (networks.incoming_weights, networks.outgoing_weights):
            pruned = network.replace(variables={"params": masks})
            assert (read(pruned, number)[~units] == 0).all()
