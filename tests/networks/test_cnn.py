"""Convolutions against their definition, one number at a time."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_networks import random_network

from jaxinterp import choices, ensemble, interventions, networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.networks.convolution import convolve, pool

CONFIG = ModelConfig(
    (5,), 3, channels=(4, 2), kernel_size=(3, 2), padding=(1, 0), pool_size=(2, 1), image_shape=(7, 6, 2)
)
PIXELS = 7 * 6 * 2


def convolved(maps, kernel, stride, padding):
    """The definition of PyTorch's Conv2d without a bias, one position at a time."""
    height, width = kernel.shape[:2]
    padded = np.pad(maps, ((padding, padding), (padding, padding), (0, 0)))
    rows, columns = ((side - part) // stride + 1 for side, part in zip(padded.shape, (height, width), strict=False))
    found = np.zeros((rows, columns, kernel.shape[3]))
    for row, column in itertools.product(range(rows), range(columns)):
        window = padded[row * stride : row * stride + height, column * stride : column * stride + width]
        found[row, column] = np.einsum("hwc,hwco->o", window, kernel)
    return found


def pooled(maps, kind, size):
    rows, columns = maps.shape[0] // size, maps.shape[1] // size
    found = np.zeros((rows, columns, maps.shape[2]))
    for row, column in itertools.product(range(rows), range(columns)):
        square = maps[row * size : (row + 1) * size, column * size : (column + 1) * size]
        found[row, column] = square.max((0, 1)) if kind == "max" else square.mean((0, 1))
    return found


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(1, 3),
    st.integers(0, 2),
    st.tuples(st.integers(3, 7), st.integers(3, 7)),
    st.tuples(st.sampled_from([1, 3, 4, 5]), st.integers(1, 3)),
    st.integers(0, 99),
)
def test_a_convolution_is_its_definition(size, stride, padding, image, channels, seed):
    rng = np.random.default_rng(seed)
    maps, kernel = rng.normal(size=(2, *image, channels[0])), rng.normal(size=(*size, *channels))
    found = convolve(maps, kernel, stride=stride, padding=padding)
    expected = [convolved(one, kernel, stride, padding) for one in maps]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["max", "mean"]), st.integers(1, 4), st.integers(4, 9), st.integers(4, 9), st.integers(0, 99))
def test_pooling_is_its_definition(kind, size, rows, columns, seed):
    maps = np.random.default_rng(seed).normal(size=(2, rows, columns, 3))
    np.testing.assert_allclose(pool(maps, kind, size), [pooled(one, kind, size) for one in maps], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize(
    ("norm", "position"), [("none", "before"), *itertools.product(choices.NORMS, ("before", "after"))]
)
def test_a_network_is_its_definition(norm, position, pooling, key):
    options = {"norm": norm, "norm_position": position, "pool": pooling, "input_mean": 0.2, "input_std": 0.4}
    network = random_network(dataclasses.replace(CONFIG, **options), PIXELS, key)
    images = np.random.default_rng(0).uniform(size=(3, PIXELS)).astype(np.float32)
    logits, activations = network(images)
    variables = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), network.variables)

    def normed(x, name):
        part = variables["params"][name]
        if choices.NORMS[norm].over_units is None:
            kept = variables["batch_stats"][name]
            x = (x - kept["mean"]) / np.sqrt(kept["var"] + network.model.norm_epsilon)
        else:
            spread = x.var(-1, keepdims=True) + network.model.norm_epsilon
            x = (x - x.mean(-1, keepdims=True)) / np.sqrt(spread)
        return x * part["scale"] + part["bias"]

    def activated(x, name):
        x = normed(x, name) if norm != "none" and position == "before" else x
        x = np.maximum(x, 0)
        return normed(x, name) if norm != "none" and position == "after" else x

    for image, expected, maps in zip(images, np.asarray(logits), np.asarray(activations["conv0/pool"]), strict=True):
        x = (image.reshape(7, 6, 2) - 0.2) / 0.4
        part = variables["params"]["conv0"]
        x = pooled(activated(convolved(x, part["kernel"], 1, 1) + part["bias"], "conv_norm0"), pooling, 2)
        np.testing.assert_allclose(maps, x, rtol=1e-4, atol=1e-5)
        part = variables["params"]["conv1"]
        x = activated(convolved(x, part["kernel"], 1, 0) + part["bias"], "conv_norm1")
        part = variables["params"]["hidden0"]
        x = activated(x.reshape(-1) @ part["kernel"] + part["bias"], "norm0")
        part = variables["params"]["output"]
        np.testing.assert_allclose(expected, x @ part["kernel"] + part["bias"], rtol=1e-4, atol=1e-4)


def test_layers_and_sites_are_those_of_the_forward_pass(key):
    model = networks.build(CONFIG)
    network = networks.init(key, model, PIXELS)
    _, activations = network(jnp.zeros((4, PIXELS)))
    assert tuple(activations) == networks.sites(model)
    assert networks.names(model) == ("conv0", "conv1", "hidden0")
    assert model.layers[0].sites == ("conv0/pre", "conv0/post", "conv0/pool") and model.layers[1].last == "conv1/post"
    for layer in model.layers:
        shape = (4, *(layer.feature_map or ()), layer.units)
        assert activations[layer.pre].shape == activations[layer.post].shape == shape
    units = network.units(jnp.zeros((4, PIXELS)))
    for site in networks.sites(model):
        assert units[site].shape == (4, networks.unit_count(model, site, network.pixels))
    assert network.pixels == PIXELS


def test_a_channels_activation_is_the_mean_or_maximum_of_its_map(key):
    network, images = random_network(CONFIG, PIXELS, key), jax.random.uniform(key, (4, PIXELS))
    maps = network(images)[1]["conv0/post"]
    np.testing.assert_allclose(network.units(images)["conv0/post"], np.mean(maps, (1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(network.units(images, pool="max")["conv0/post"], np.max(maps, (1, 2)))


def test_an_ensemble_computes_what_each_network_does(key):
    model = networks.build(dataclasses.replace(CONFIG, norm="batch"))
    some = ensemble.stack([networks.init(own, model, PIXELS) for own in jax.random.split(key, 3)])
    images = jax.random.uniform(key, (4, PIXELS))
    together = ensemble.over_seeds(lambda network: network(images)[0])(some)
    alone = [ensemble.take(some, seed)(images)[0] for seed in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_removing_a_channel_equals_a_kernel_without_it(key):
    network, images = random_network(CONFIG, PIXELS, key), jax.random.uniform(key, (4, PIXELS))
    gone = interventions.ablate(interventions.select([2], 4))
    params = network.variables["params"]
    kernel = params["conv1"]["kernel"].at[:, :, 2].set(0)
    other = network.replace(variables={"params": params | {"conv1": params["conv1"] | {"kernel": kernel}}})
    np.testing.assert_allclose(network(images, {"conv0/post": gone})[0], other(images)[0], rtol=1e-5, atol=1e-5)


def test_channels_are_ablated_at_chosen_positions(key):
    network, images = random_network(CONFIG, PIXELS, key), jax.random.uniform(key, (4, PIXELS))
    before = network(images)[1]["conv0/post"]
    places = np.asarray(jax.random.bernoulli(key, 0.5, before.shape[1:]))
    after = network(images, {"conv0/post": interventions.ablate(places, 0.3)})[1]["conv0/post"]
    np.testing.assert_array_equal(after, np.where(places, np.float32(0.3), before))
    whole = interventions.ablate(np.broadcast_to(interventions.select([2], 4), places.shape))
    same = [network(images, {"conv0/post": edit})[0] for edit in (whole, interventions.ablate(np.arange(4) == 2))]
    np.testing.assert_array_equal(*same)


def test_the_penalty_is_the_sum_of_all_kernels_absolute_values(key):
    network = random_network(dataclasses.replace(CONFIG, norm="batch"), PIXELS, key)
    params = jax.tree.map(lambda leaf: leaf - 0.3, network.variables["params"])  # of both signs
    kernels = [np.float64(params[name]["kernel"]) for name in ("conv0", "conv1", "hidden0", "output")]
    assert sum(kernel.size for kernel in kernels) == 3 * 3 * 2 * 4 + 2 * 2 * 4 * 2 + 2 * 2 * 2 * 5 + 5 * 3
    expected = sum(np.abs(kernel).sum() for kernel in kernels)
    assert float(networks.penalty(params)) == pytest.approx(expected, rel=1e-5)
    # At any depth, as in a network inside another tree.
    assert float(networks.penalty({"inner": params})) == pytest.approx(expected, rel=1e-5)


def test_one_number_stands_for_all_blocks():
    same = dataclasses.replace(CONFIG, kernel_size=(2, 2), stride=(1, 1), padding=(1, 1), pool_size=(2, 2))
    short = dataclasses.replace(CONFIG, kernel_size=(2,), stride=(1,), padding=(1,), pool_size=(2,))
    assert networks.build(same) == networks.build(short)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": (3, 3, 3)}, "kernel_size needs one number, or one for each of the 2 blocks"),
        ({"stride": (0,)}, "stride must be at least 1"),
        ({"padding": (-1,)}, "padding must be at least 0"),
        ({"channels": (0,)}, "channels must be from 1"),
        ({"image_shape": (2, 9, 1), "padding": (0,)}, "images of 2 × 9 pixels are too small for block 0"),
        ({"image_shape": ()}, "convolutions need the rows, columns and channels"),
        ({"dropout": (0.5,)}, "dropout needs one rate for each of the 3 hidden layers"),
    ],
)
def test_what_cannot_be_built_is_said(options, message):
    with pytest.raises(InputError, match=message):
        networks.build(dataclasses.replace(CONFIG, **options))


def test_images_of_another_size_are_refused(key):
    with pytest.raises(InputError, match="images of 49 pixels do not have the shape"):
        networks.init(key, networks.build(CONFIG), 49)


def test_all_numbers_are_counted(key):
    model = networks.build(dataclasses.replace(CONFIG, norm="batch"))
    network = networks.init(key, model, PIXELS)
    variables, computed = networks.count(model, PIXELS)
    assert variables == sum(leaf.size for leaf in jax.tree.leaves(network.variables))
    sizes = sum(leaf.size for leaf in jax.tree.leaves(network(jnp.zeros(PIXELS))[1]))
    assert computed == sizes + 7 * 6 * 18 + 2 * 2 * 16
