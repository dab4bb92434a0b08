import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_networks import random_network

from jaxinterp import choices, ensemble, interventions, networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.interventions import Edit

NUMPY = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "gelu_exact": lambda x: 0.5 * x * (1 + scipy.special.erf(x / np.sqrt(2))),
    "identity": lambda x: x,
}


def forward(network, images):
    """What the network should answer, in plain NumPy."""
    model = network.model
    variables = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), network.variables)
    x = (images - model.input_mean) / model.input_std

    def norm(x, layer):
        if model.norm == "none":
            return x
        p = variables["params"][f"norm{layer}"]
        if model.norm == "batch":
            stats = variables["batch_stats"][f"norm{layer}"]
            return (x - stats["mean"]) / np.sqrt(stats["var"] + model.norm_epsilon) * p["scale"] + p["bias"]
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(var + model.norm_epsilon) * p["scale"] + p["bias"]

    for layer in range(len(model.widths)):
        p = variables["params"][f"hidden{layer}"]
        x = x @ p["kernel"] + p["bias"]
        x = norm(x, layer) if model.norm_position == "before" else x
        x = NUMPY[model.activation](x)
        x = norm(x, layer) if model.norm_position == "after" else x
    p = variables["params"]["output"]
    return x @ p["kernel"] + p["bias"]


def test_no_hidden_layer_is_a_linear_map(key):
    test_agrees_with_numpy("relu", "none", "before", (), key)


NORMS = [("none", "before"), *itertools.product(choices.NORMS, ("before", "after"))]


@pytest.mark.parametrize("activation", choices.ACTIVATIONS)
@pytest.mark.parametrize(("norm", "position"), NORMS)
@pytest.mark.parametrize("widths", [(5, 4)])
def test_agrees_with_numpy(activation, norm, position, widths, key):
    config = ModelConfig(
        widths, 3, activation, norm=norm, norm_position=position, norm_epsilon=2e-3, input_mean=0.2, input_std=0.4
    )
    network = random_network(config, 6, key)
    images = np.random.default_rng(0).uniform(size=(7, 6))
    logits, activations = jax.jit(network.__call__)(jnp.asarray(images))
    np.testing.assert_allclose(logits, forward(network, images), rtol=1e-4, atol=1e-5)
    assert set(activations) == set(networks.sites(network.model))
    np.testing.assert_array_equal(activations["logits"], logits)
    np.testing.assert_array_equal(activations["input"], jnp.asarray(images))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_batch_leaves_the_stated_share_of_the_running_statistics(momentum, key):
    network = networks.init(key, networks.build(ModelConfig((4,), norm="batch", norm_momentum=momentum)), 6)
    images = jax.random.uniform(key, (20, 6))
    _, updated = network.model.apply(network.variables, images, train=True, mutable=["batch_stats"])
    kernel: Any = network.variables["params"]["hidden0"]["kernel"]
    found: Any = updated["batch_stats"]["norm0"]
    np.testing.assert_allclose(found["mean"], (1 - momentum) * np.mean(images @ kernel, axis=0), rtol=1e-4)
    np.testing.assert_allclose(found["var"], momentum + (1 - momentum) * np.var(images @ kernel, axis=0), rtol=1e-4)


@pytest.mark.parametrize(
    "site", networks.sites(networks.build(ModelConfig((8, 6), norm="layer", norm_position="after")))
)
def test_identity_edit_changes_no_bit(site, key):
    network = networks.init(key, networks.build(ModelConfig((8, 6), norm="layer", norm_position="after")), 9)
    images = jax.random.normal(key, (20, 9)).at[0].set(-0.0)
    plain, edited = (
        jax.jit(network.__call__)(images),
        jax.jit(network.__call__)(images, {site: interventions.identity()}),
    )
    for before, after in zip(jax.tree.leaves(plain), jax.tree.leaves(edited), strict=True):
        assert before.tobytes() == after.tobytes()


def test_weights_that_do_not_fit_the_images_are_named(key):
    network = networks.init(key, networks.build(ModelConfig((6, 5), 3)), 9)
    with pytest.raises(InputError, match=r"hidden0 has a kernel of shape \(9, 6\), but these images need \(8, 6\)"):
        network(jnp.zeros(8))
    with pytest.raises(InputError, match=r"shape \(2, 9, 6\), .* need \(9, 6\): use one network at a time"):
        ensemble.stack([network, network])(jnp.zeros((2, 9)))


def test_patching_a_whole_layer_equals_feeding_the_other_image(trained, key):
    network = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), trained.networks)
    one, other = jax.random.uniform(key, (2, 784))
    logits, activations = network(other)
    assert tuple(activations) == networks.sites(network.model)
    for site in networks.sites(network.model):
        everything = jnp.ones(activations[site].shape, bool)
        patched, _ = network(one, {site: interventions.patch(everything, activations[site])})
        np.testing.assert_allclose(patched, logits, atol=1e-5)


def test_zeroing_a_last_hidden_unit_moves_logits_by_its_output_weights(trained, key):
    network = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), trained.networks)
    image = jax.random.uniform(key, (784,))
    logits, activations = network(image)
    weights = network.variables["params"]["output"]["kernel"]
    units = jnp.eye(6, dtype=bool)
    ablated = jax.vmap(lambda unit: network(image, {"hidden1/post": interventions.ablate(unit)})[0])(units)
    np.testing.assert_allclose(ablated, logits - activations["hidden1/post"][:, None] * weights, atol=1e-5)


def test_constructors_do_what_they_say():
    a = jnp.array([1.0, -2.0, 3.0])
    unit = jnp.array([False, True, False])

    def apply(edit):
        return edit.scale * a + edit.shift

    np.testing.assert_array_equal(apply(interventions.rescale(unit, 3.0)), [1, -6, 3])
    np.testing.assert_array_equal(apply(interventions.ablate(unit)), [1, 0, 3])
    np.testing.assert_array_equal(apply(interventions.ablate(unit, jnp.array([5.0, 6, 7]))), [1, 6, 3])
    np.testing.assert_array_equal(apply(interventions.steer(jnp.array([0.0, 1, 0]), 2.0)), [1, 0, 3])
    np.testing.assert_array_equal(apply(interventions.draw(unit, 0.5)), [1, 0.5, 3])
    np.testing.assert_array_equal(apply(interventions.erase(unit)), [1, 0, 3])
    assert interventions.identity() == Edit()


@settings(max_examples=25)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_edits_of_logits_are_affine(scale, shift):
    network = networks.init(jax.random.key(0), networks.build(ModelConfig((3,), 2)), 4)
    image = jnp.ones(4)
    logits, _ = network(image)
    edited, _ = network(image, {"logits": Edit(scale, shift)})
    np.testing.assert_allclose(edited, scale * logits + shift, atol=1e-6)


def test_unknown_site_is_named():
    network = networks.init(jax.random.key(0), networks.build(ModelConfig((3,))), 4)
    with pytest.raises(InputError, match=r"no site 'hidden1/post'.*hidden0/post"):
        network(jnp.ones(4), {"hidden1/post": Edit()})


@pytest.mark.parametrize(
    ("initializer", "gain", "variance"),
    [
        ("torch", 1.0, 1 / 3 / 400),
        ("xavier_uniform", 5 / 3, (5 / 3) ** 2 * 2 / 500),
        ("xavier_normal", 1.0, 2 / 500),
        ("he_uniform", 1.0, 2 / 400),
        ("he_normal", 1.0, 2 / 400),
        ("lecun_normal", 1.0, 1 / 400),
    ],
)
def test_initial_weights_have_the_stated_variance(initializer, gain, variance, key):
    model = networks.build(ModelConfig((100,), initializer=initializer, initializer_gain=gain))
    params = networks.init(key, model, 400).variables["params"]["hidden0"]
    np.testing.assert_allclose(params["kernel"].var(), variance, rtol=0.05)
    if initializer == "torch":
        bound = 1 / np.sqrt(400)
        assert abs(params["bias"]).max() <= bound
        assert abs(params["kernel"]).max() <= bound
        np.testing.assert_allclose(params["bias"].var(), bound**2 / 3, rtol=0.4)
    else:
        assert not params["bias"].any()


@pytest.mark.parametrize("initializer", ["xavier_uniform", "torch"])
def test_biases_can_be_pytorchs_whatever_draws_the_weights(initializer, key):
    config = ModelConfig((100,), initializer=initializer, initializer_gain=5 / 3)
    default, torch = (
        networks.init(key, networks.build(chosen), 400).variables["params"]["hidden0"]
        for chosen in (config, dataclasses.replace(config, bias_initializer="torch"))
    )
    np.testing.assert_array_equal(default["kernel"], torch["kernel"])
    assert 0.9 / 20 < abs(torch["bias"]).max() <= 1 / 20  # the bound is 1/√400, without the gain
    assert default["bias"].any() == (initializer == "torch")


def test_dropout_is_off_unless_asked_for_and_keeps_the_mean(key):
    network = networks.init(key, networks.build(ModelConfig((400,), 1, "identity", dropout=(0.3,))), 5)
    image = jnp.ones(5)
    plain, _ = network(image)
    noisy = jax.vmap(lambda k: network(image, dropout_key=k)[0])(jax.random.split(key, 2000))
    assert noisy.std() > 0
    np.testing.assert_allclose(noisy.mean(0), plain, atol=4 * float(noisy.std()) / np.sqrt(2000))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ModelConfig((0,)), "from 1 to 2³¹"),
        (ModelConfig((8,), 10**400), "from 1 to 2³¹"),
        (ModelConfig((4,), dropout=(0.1, 0.1)), "one rate for each of the 1 hidden layers"),
        (ModelConfig((4,), dropout=(1.0,)), r"\[0, 1\)"),
        (ModelConfig((4,), input_std=0.0), "input_std must be positive"),
        (ModelConfig((4,), input_std=1e-50), "input_std must fit 32 bits"),
        (ModelConfig((4,), input_mean=1e39), "input_mean must be finite"),
        (ModelConfig((4,), norm_momentum=1 - 1e-9), "norm_momentum must lie in"),
        (ModelConfig((4,), dropout=(1 - 1e-9,)), "dropout rates must lie in"),
        (ModelConfig((True,)), "ModelConfig.widths must be tuple"),
    ],
)
def test_contradictory_configs_are_refused(config, message):
    with pytest.raises(InputError, match=message):
        networks.build(config)


def test_layers_name_the_hidden_sites_and_are_padded_to_the_widest():
    model = networks.MLP((3, 1))
    assert networks.names(model) == ("hidden0", "hidden1") and networks.MLP(()).layers == ()
    found = networks.pad_units([jnp.ones((3, 2)), jnp.ones((1, 2), bool)])
    assert found.shape == (2, 3, 2) and np.isfinite(found[0]).all()
    assert np.isfinite(found[1, 0]).all() and np.isnan(found[1, 1:]).all()


def test_fewer_outputs_are_the_same_logits():
    network = networks.init(jax.random.key(0), networks.MLP((4,), 5), 6)
    images = np.random.default_rng(0).uniform(size=(3, 6)).astype(np.float32)
    fewer = networks.with_outputs(network, (3, 1))
    np.testing.assert_allclose(fewer(images)[0], network(images)[0][:, [3, 1]], atol=1e-6)
    for output in (-1, 2**31, 5):
        with pytest.raises(InputError, match=f"there is no output {output}: use 0 to"):
            networks.with_outputs(network, (0, output))
