import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp.analysis import maximization
from jaxinterp.analysis.maximization import optima
from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network, init, sites

PIXELS = 9


def network(seed=0, widths=(6, 5), **options):
    """Random weights, biases and norms, whose scales have both signs."""
    made = init(jax.random.key(seed), MLP(widths, 3, input_mean=0.3, input_std=0.5, **options), PIXELS)
    rng = np.random.default_rng(seed)

    def drawn(path, leaf):
        name = jax.tree_util.keystr(path)
        values = rng.uniform(0.2, 2, leaf.shape) if "var" in name else rng.normal(size=leaf.shape)
        return jnp.float32(values)

    return Network(made.model, jax.tree_util.tree_map_with_path(drawn, made.variables))


def pixels(seed, examples=50):
    """Images that reach the corners of the box as well as its inside."""
    rng = np.random.default_rng(seed)
    inside = rng.uniform(0, 1, (examples, PIXELS))
    corners = rng.integers(0, 2, (examples, PIXELS))
    return np.float32(np.concatenate([inside, corners]))


def linear(seed, units=4):
    rng = np.random.default_rng(seed)
    return np.float32(rng.normal(size=(units, PIXELS))), np.float32(rng.normal(size=units))


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("position", ["before", "after"])
def test_the_first_layer_is_affine_in_the_pixels(norm, position):
    net = network(norm=norm, norm_position=position)
    weights, bias = optima.affine(net)
    images = pixels(1)
    np.testing.assert_allclose(images @ weights.T + bias, net(images)[1]["hidden0/pre"], rtol=1e-4, atol=1e-4)


def test_a_network_without_hidden_layers_is_affine_in_its_logits():
    net = network(widths=())
    weights, bias = optima.affine(net)
    np.testing.assert_allclose(pixels(1) @ weights.T + bias, net(pixels(1))[0], rtol=1e-4, atol=1e-4)


def test_a_layer_norm_before_the_activation_is_not_affine():
    with pytest.raises(InputError, match="layer norm"):
        optima.affine(network(norm="layer"))


def test_optima_are_attained_and_feasible():
    weights, bias = linear(0)
    for images, values, cost in (
        (*optima.box_optimum(weights, bias), 0),
        (*optima.box_optimum(weights, bias, low=-2.0, high=0.5), 0),
        (*optima.ball_optimum(weights, bias, 2.5), 0),
        (*optima.penalty_optimum(weights, bias, 0.7), 0.7),
    ):
        reached = np.sum(weights * images, axis=1) + bias - cost * np.sum(np.square(images), axis=1)
        np.testing.assert_allclose(values, reached, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(optima.box_optimum(weights, bias)[0], weights > 0)
    np.testing.assert_allclose(np.linalg.norm(optima.ball_optimum(weights, bias, 2.5)[0], axis=1), 2.5, rtol=1e-5)


@settings(max_examples=30)
@given(st.integers(0, 2**31 - 1))
def test_nothing_feasible_exceeds_an_optimum(seed):
    weights, bias = linear(seed)
    images = pixels(seed)
    values = images @ weights.T + bias
    assert np.all(values <= optima.box_optimum(weights, bias)[1] + 1e-4)
    free = np.float32(np.random.default_rng(seed).normal(size=(50, PIXELS)))
    inside = 2.5 * free / np.linalg.norm(free, axis=1, keepdims=True)
    assert np.all(inside @ weights.T + bias <= optima.ball_optimum(weights, bias, 2.5)[1] + 1e-4)
    penalized = free @ weights.T + bias - 0.7 * np.sum(free**2, axis=1)[:, None]
    assert np.all(penalized <= optima.penalty_optimum(weights, bias, 0.7)[1] + 1e-4)


def test_a_unit_without_weights_is_at_its_bias():
    weights, bias = np.zeros((1, PIXELS), np.float32), np.float32([0.4])
    for images, values in (
        optima.box_optimum(weights, bias),
        optima.ball_optimum(weights, bias, 2.0),
        optima.penalty_optimum(weights, bias, 1.0),
    ):
        np.testing.assert_array_equal(images, 0)
        np.testing.assert_array_equal(values, bias)


KINDS = [(activation, "none", "before") for activation in ACTIVATIONS]
KINDS += [("relu", norm, position) for norm in NORMS for position in ("before", "after")]
NETWORKS = {kind: network(2, activation=kind[0], norm=kind[1], norm_position=kind[2]) for kind in KINDS}


@jax.jit
def run(net, images):
    return net(images)[1], {site: optima.interval_bounds(net, site=site) for site in sites(net.model)}


@settings(max_examples=60)
@given(st.sampled_from(KINDS), st.integers(0, 2**31 - 1))
def test_no_image_leaves_the_interval(kind, seed):
    net = NETWORKS[kind]
    activations, bounds = run(net, pixels(seed))
    for site in sites(net.model):
        low, high = bounds[site]
        values, slack = np.asarray(activations[site]), 1e-4 * (1 + np.abs(low) + np.abs(high))
        assert np.all(values >= low - slack) and np.all(values <= high + slack), site


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_interval_of_the_first_layer_is_its_optimum(norm):
    net = network(3, norm=norm)
    weights, bias = optima.affine(net)
    low, high = optima.interval_bounds(net, site="hidden0/pre", low=0.1, high=0.8)
    np.testing.assert_allclose(high, optima.box_optimum(weights, bias, low=0.1, high=0.8)[1], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(-low, optima.box_optimum(-weights, -bias, low=0.1, high=0.8)[1], rtol=1e-4, atol=1e-4)


def test_the_interval_of_a_rising_network_is_what_black_and_white_give():
    net = network(4, activation="sigmoid")
    rising = Network(net.model, jax.tree.map(jnp.abs, net.variables))
    for site in sites(net.model):
        bounds = optima.interval_bounds(rising, site=site)
        for bound, colour in zip(bounds, (0, 1), strict=True):
            np.testing.assert_allclose(bound, rising(jnp.full(PIXELS, float(colour)))[1][site], rtol=1e-4, atol=1e-4)


def test_an_interval_of_one_point_is_the_network_there():
    for kind in KINDS:
        net = NETWORKS[kind]
        if kind[1] != "layer":
            low, high = optima.interval_bounds(net, site="logits", low=0.4, high=0.4)
            np.testing.assert_allclose(low, high, rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(low, net(jnp.full(PIXELS, 0.4))[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("activation", ["gelu", "gelu_exact"])
def test_gelu_is_least_where_it_turns(activation):
    around = np.linspace(-4, 4, 80_001, dtype=np.float32)
    values = np.asarray(ACTIVATIONS[activation].function(jax, around))
    net = Network(MLP((1,), 1, activation=activation), {"params": {n: one_by_one() for n in ("hidden0", "output")}})
    for low, high in ((-4.0, 4.0), (-4.0, -1.0), (-0.5, 3.0), (-1.0, -0.5), (-4.0, -0.1)):
        inside = values[(around >= low) & (around <= high)]
        found = optima.interval_bounds(net, site="hidden0/post", low=low, high=high)
        np.testing.assert_allclose(np.ravel(found), [inside.min(), inside.max()], atol=1e-6)


def one_by_one():
    return {"kernel": jnp.ones((1, 1)), "bias": jnp.zeros(1)}


def test_a_layer_norm_can_come_as_near_its_bound_as_one_likes():
    units = 6
    model = MLP((units,), 1, norm="layer", norm_epsilon=1e-9)
    variables = init(jax.random.key(0), model, units).variables
    variables["params"]["hidden0"]["kernel"] = jnp.eye(units)
    net = Network(model, variables)
    low, high = optima.interval_bounds(net, site="hidden0/pre")
    np.testing.assert_allclose(jnp.diag(net(jnp.eye(units))[1]["hidden0/pre"]), high, rtol=1e-4)
    np.testing.assert_allclose(jnp.diag(net(1 - jnp.eye(units))[1]["hidden0/pre"]), low, rtol=1e-4)


def test_a_network_that_diverged_has_no_bounds_and_raises_nothing():
    net = jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), network())
    assert np.isnan(optima.interval_bounds(net, site="logits")).all()
    images, values = optima.box_optimum(*optima.affine(net))
    assert np.isnan(images).all() and np.isnan(values).all()


def test_a_site_must_exist():
    with pytest.raises(InputError, match="hidden0/pre"):
        optima.interval_bounds(network(), site="hidden7/pre")


def test_the_blank_image_has_no_share_of_the_optimum_and_the_optimum_all():
    made = network()
    weights, bias = optima.affine(made)
    best = optima.box_optimum(weights, bias)[1]
    np.testing.assert_allclose(optima.share_of_optimum(made, bias), 0, atol=1e-6)
    np.testing.assert_allclose(optima.share_of_optimum(made, best), 1, rtol=1e-5)


def test_the_optimal_images_are_exact_where_units_are_affine_and_climbed_to_elsewhere():
    net, key, options = network(), jax.random.key(0), {"restarts": 1, "steps": 2}
    exact = maximization.optimal_images(key, net, site="hidden0/pre", **options)
    np.testing.assert_array_equal(exact, optima.box_optimum(*optima.affine(net))[0])
    found = maximization.optimal_images(key, net, site="hidden1/pre", **options)
    climbed = maximization.units(key, net, jnp.zeros((1, net.pixels)), site="hidden1/pre", **options).images
    np.testing.assert_allclose(found, climbed, atol=1e-6)
