from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import networks
from jaxinterp.analysis.maximization import every_layer, images, objectives, optima, patches
from jaxinterp.config import ModelConfig
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import window

SHAPE = (9, 11, 3)
PIXELS = 9 * 11 * 3
FIRST, SECOND = "conv0/pre", "conv1/pre"
KEY = jax.random.key(1)


def drawn(seed=0, shape=SHAPE, widths=(4,), **options):
    """A network of two convolutions whose variables are all away from where they start."""
    options = {"channels": (4, 3), "kernel_size": (3,), "pool_size": (1,), **options}
    model = networks.build(ModelConfig(widths, 2, image_shape=shape, **options))
    made = networks.init(jax.random.key(seed), model, int(np.prod(shape)))
    rng = np.random.default_rng(seed)

    def moved(path, leaf):
        values = (
            rng.uniform(0.3, 1.5, leaf.shape) if "var" in jax.tree_util.keystr(path) else rng.normal(size=leaf.shape)
        )
        return jnp.float32(values)

    return made.replace(variables=jax.tree_util.tree_map_with_path(moved, made.variables))


NETWORK = drawn()
BASE = np.random.default_rng(5).uniform(size=PIXELS).astype(np.float32)


def maximised(network=NETWORK, site=FIRST, **options):
    run = partial(patches.units, site=site, **{"restarts": 3, **options})
    return jax.jit(lambda key, network: run(key, network))(KEY, network)


def values_of(network, found, site, position=None):
    """What the network itself gives each channel on its image, at a position."""
    row, column = networks.field_at(network.model, site, position).position
    return jnp.diagonal(network(found.images)[1][site][:, row, column])


def filters(network):
    """Every channel's filter, rows columns inputs, flattened."""
    kernel = np.asarray(network.variables["params"]["conv0"]["kernel"])
    return np.moveaxis(kernel, -1, 0).reshape(kernel.shape[-1], -1), network.variables["params"]["conv0"]["bias"]


@pytest.mark.parametrize("geometry", [{}, {"stride": (2,)}, {"padding": (1,)}, {"stride": (3,), "pool_size": (2,)}])
def test_the_best_patch_of_a_ball_is_the_filter_itself(geometry):
    net = drawn(**({"channels": (4,)} | geometry))
    kernels, bias = filters(net)
    found = maximised(
        net, parametrization=images.PIXELS, constraint=images.sphere(2.0), learning_rate=0.05, base=BASE, steps=400
    )
    best = 2 * kernels / np.linalg.norm(kernels, axis=1, keepdims=True)
    np.testing.assert_allclose(window(net, FIRST).cut(found.images), best, atol=0.02)
    np.testing.assert_allclose(found.values, 2 * np.linalg.norm(kernels, axis=1) + bias, rtol=1e-3)


def test_the_best_patch_of_a_box_is_the_filters_pattern_of_signs():
    kernels, bias = filters(NETWORK)
    found = maximised(parametrization=images.PIXELS, constraint=images.box())
    np.testing.assert_array_equal(window(NETWORK, FIRST).cut(found.images), kernels > 0)
    np.testing.assert_allclose(found.values, np.sum(np.maximum(kernels, 0), axis=1) + bias, rtol=1e-5)
    np.testing.assert_allclose(found.bound, found.values, rtol=1e-5)
    np.testing.assert_allclose(found.fraction, 1, rtol=1e-5)
    assert np.all(maximised().fraction > 0.99)  # also with the parametrisation that is the default


@pytest.mark.parametrize(
    "options", [{}, {"norm": "batch"}, {"input_mean": 0.3, "input_std": 0.5}, {"padding": (2,), "stride": (2,)}]
)
def test_the_first_layer_is_affine_in_the_patch(options):
    net = drawn(3, **options)
    own = window(net, FIRST, base=BASE)
    weights, bias = patches.affine(own)
    some = np.random.default_rng(0).normal(size=(20, own.pixels)).astype(np.float32)
    found = patches.at_position(own, some, FIRST)
    np.testing.assert_allclose(some @ weights.T + bias, found, rtol=1e-4, atol=1e-4)
    if not options:
        np.testing.assert_allclose(weights, filters(net)[0], rtol=1e-5)


@pytest.mark.parametrize("site", [FIRST, SECOND])
@pytest.mark.parametrize("position", [None, (1, 2), (0, 0)])
def test_all_but_the_patch_stays_the_base_and_the_value_is_the_networks(site, position):
    net = drawn(2, padding=(1,), pool_size=(2, 1), pool="max")
    found = maximised(net, site, position=position, base=BASE, steps=20)
    own = window(net, site, position=position, base=BASE)
    np.testing.assert_array_equal(own.placed(own.cut(found.images)), found.images)
    assert np.all(own.cut(found.images) != own.cut(BASE))
    assert np.all(found.images >= 0) and np.all(found.images <= 1)
    np.testing.assert_allclose(found.values, values_of(net, found, site, position), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.values, np.max(found.restart_values, axis=1))
    assert np.all(found.values <= found.bound + 1e-4)
    blank = patches.at_position(own, jnp.zeros(own.pixels), site)
    np.testing.assert_allclose(found.fraction, (found.values - blank) / (found.bound - blank), rtol=1e-4)


def test_the_base_changes_nothing_of_a_patch():
    own = window(NETWORK, SECOND)
    blank, other = maximised(site=SECOND, steps=30), maximised(site=SECOND, steps=30, base=BASE)
    np.testing.assert_allclose(own.cut(blank.images), own.cut(other.images), atol=1e-4)
    np.testing.assert_allclose(blank.values, other.values, rtol=1e-4)


def test_the_gradient_is_zero_outside_the_patch_and_that_of_the_mean_is_not():
    def gradient(objective):
        return jax.grad(lambda image: jnp.sum(objective(NETWORK(image[None, None])[1])))(BASE)

    own = window(NETWORK, SECOND)
    seen = np.asarray(own.placed(jnp.ones(own.pixels)) == 1)
    here = gradient(objectives.channels(SECOND, [1], own.field.position))
    assert not np.any(here[~seen]) and np.any(here[seen])
    assert np.any(gradient(objectives.units(SECOND, [1]))[~seen])


@pytest.mark.parametrize("stride", [1, 3])
def test_no_mean_over_a_map_exceeds_what_one_position_reaches(stride):
    """Without padding: each position has the same optimum, and only patches that do not overlap reach it together."""
    net = drawn(4, (9, 12, 3), channels=(4,), stride=(stride,))
    mean, position = optima.box_optimum(*optima.affine(net))[1], maximised(net).bound
    if stride == 3:
        np.testing.assert_allclose(mean, position, rtol=1e-5)
    else:
        assert np.all(mean < position)
    np.testing.assert_allclose(optima.box_optimum(*patches.affine(window(net, FIRST)))[1], position, rtol=1e-5)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_behind_positive_weights_the_best_patch_is_white(pool):
    positive = jax.tree.map(jnp.abs, drawn(5, pool_size=(2, 1), pool=pool, activation="relu"))
    found = maximised(positive, SECOND)
    white = positive(jnp.ones(PIXELS))[1][SECOND]
    row, column = networks.field_at(positive.model, SECOND).position
    np.testing.assert_allclose(found.bound, white[row, column], rtol=1e-5)
    assert np.all(found.fraction > (0.98 if pool == "mean" else 0.9))  # of a maximum, one position alone has a gradient


def test_the_priors_and_transformations_of_images_take_patches():
    """Also where the images are not square: the patch is."""
    net = drawn(6, (9, 11, 1), channels=(4,))
    kernels, bias = filters(net)
    penalised = maximised(net, parametrization=images.PIXELS, priors=[images.l2(1.0)], learning_rate=0.1)
    best, _ = optima.penalty_optimum(kernels, bias, 1.0)
    np.testing.assert_allclose(window(net, FIRST).cut(penalised.images), best, atol=0.02)
    blur = images.blur(1.0)
    through = maximised(net, parametrization=images.PIXELS, constraint=images.box(), transformations=[blur])
    np.testing.assert_array_equal(window(net, FIRST).cut(through.images), blur(None, kernels) > 0)
    smooth = maximised(net, parametrization=images.fourier())
    assert np.all(smooth.fraction > 0.9)


def test_a_chunk_changes_nothing_and_each_seed_is_as_if_alone():
    few, many = maximised(site=SECOND, steps=10, chunk=1), maximised(site=SECOND, steps=10, chunk=2)
    nets = jax.tree.map(lambda *leaves: jnp.stack(leaves), drawn(7), NETWORK)
    lifted = jax.jit(over_seeds(lambda net, key: patches.units(key, net, site=SECOND, restarts=3, steps=10), chunk=1))(
        nets, KEY
    )
    alone = jax.tree.map(lambda values: values[1], lifted)
    for name, values in few._asdict().items():
        for other in (many, alone):
            np.testing.assert_allclose(getattr(other, name), values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_every_layer_has_its_patches_in_closed_form_or_by_ascent():
    first, second, dense = jax.jit(partial(every_layer.patch_maximisers, restarts=2, steps=30))(NETWORK, KEY)
    assert dense is None
    kernels, bias = filters(NETWORK)
    np.testing.assert_array_equal(first.images, kernels > 0)
    np.testing.assert_allclose(first.values, np.sum(np.maximum(kernels, 0), axis=1) + bias, rtol=1e-5)
    np.testing.assert_array_equal(first.fraction, 1)
    own = window(NETWORK, SECOND)
    np.testing.assert_allclose(
        second.values, jnp.diagonal(patches.at_position(own, second.images, SECOND)), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    ("site", "options", "message"),
    [
        ("hidden0/pre", {}, "hidden0/pre has no feature maps: its units see the whole image"),
        ("conv1/post", {}, "use conv1/pre"),
        ("conv9/pre", {}, "no site 'conv9/pre'"),
        (FIRST, {"position": (9, 9)}, r"no position \(9, 9\)"),
        (FIRST, {"base": BASE[:5]}, "the base has 5 pixels"),
        (FIRST, {"parametrization": images.fourier()}, "are not square"),
    ],
)
def test_what_cannot_be_maximised_is_said_in_one_line(site, options, message):
    with pytest.raises(InputError, match=message) as error:
        patches.units(KEY, NETWORK, site=site, **options)
    assert "\n" not in str(error.value)


def test_a_layer_norm_has_no_closed_form():
    with pytest.raises(InputError, match="layer norm"):
        patches.affine(window(drawn(norm="layer"), FIRST))
