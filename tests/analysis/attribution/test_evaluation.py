from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp import networks
from jaxinterp.analysis import attribution
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network

PIXELS = 7


def noise(seed, shape=(12, PIXELS)):
    return jax.random.normal(jax.random.key(seed), shape)


@jax.jit
def linear_curves(network, images, order):
    """Deletion and insertion by the true contributions, and by another order, of a linear network."""
    maps = attribution.gradient_times_input(network, images, 1)
    ask = [partial(curve, steps=PIXELS) for curve in (attribution.deletion, attribution.insertion)]
    return [[one(network, images, by, 1) for by in (maps, order)] for one in ask]


@pytest.mark.parametrize("baseline", ["intensity", "image"])
def test_curves_run_from_the_images_value_to_the_baselines(baseline, build, images):
    network, units = build("layer", "after"), np.arange(len(images)) % 5
    blank = 0.4 if baseline == "intensity" else images[5]
    read = jax.jit(lambda images: network(images)[1])
    for site, asked in (("hidden1/pre", units), ("logits", 2)):
        ends = [
            np.asarray(read(x)[site])[np.arange(len(images)), asked]
            for x in (images, jnp.broadcast_to(jnp.asarray(blank), images.shape))
        ]
        for curve, (first, last) in ((attribution.deletion, ends), (attribution.insertion, ends[::-1])):
            ask = jax.jit(partial(curve, baseline=blank, site=site, steps=4))
            found = ask(network, images, noise(1), asked)
            assert found.shape == (len(images), 5)
            np.testing.assert_allclose(found[:, 0], first, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(found[:, -1], last, rtol=1e-5, atol=1e-6)


def test_pixels_go_in_the_order_of_the_map(build, images):
    network, maps = build(), noise(3)
    read = jax.jit(lambda image: network(image)[0][0])
    found = jax.jit(partial(attribution.deletion, baseline=0.2, steps=3))(network, images, maps, 0)
    for image, one, curve in zip(np.asarray(images), np.asarray(maps), found, strict=True):
        for removed, value in zip((0, 2, 5, 7), curve, strict=True):
            left = image.copy()
            left[np.argsort(-one)[:removed]] = 0.2
            assert float(read(left)) == pytest.approx(float(value), rel=1e-4, abs=1e-5)


def test_insertion_is_deletion_in_the_reverse_order_read_backwards(build, images):
    network, maps = build(), noise(4)
    inserted = jax.jit(partial(attribution.insertion, steps=PIXELS))(network, images, maps, 1)
    deleted = jax.jit(partial(attribution.deletion, steps=PIXELS))(network, images, -maps, 1)
    np.testing.assert_allclose(inserted, deleted[:, ::-1], rtol=1e-5, atol=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 2**31 - 1))
def test_no_order_beats_the_true_one_in_a_linear_network(build, images, seed):
    order = attribution.random_order(jax.random.key(seed), images)
    network = build("batch", "after", "identity")
    (best_out, other_out), (best_in, other_in) = linear_curves(network, images, order)
    assert np.all(best_out <= other_out + 1e-4) and np.all(best_in >= other_in - 1e-4)
    assert np.all(attribution.area(best_out) <= attribution.area(other_out) + 1e-4)


def test_random_orders_of_a_linear_network_fall_in_a_straight_line_on_average(build, images):
    network = build(activation="identity")

    def curve(key):
        return attribution.deletion(network, images, attribution.random_order(key, images), 0, steps=PIXELS)

    curves = np.asarray(jax.jit(jax.vmap(curve))(jax.random.split(jax.random.key(0), 4000)), np.float64)
    line = np.linspace(curves[0, :, 0], curves[0, :, -1], PIXELS + 1, axis=1)
    error = np.maximum(curves.std(axis=0) / np.sqrt(len(curves)), 1e-5)
    assert np.abs((curves.mean(axis=0) - line) / error).max() < 5


def test_a_random_order_is_each_images_own():
    orders = np.argsort(attribution.random_order(jax.random.key(0), np.zeros((50, 9), np.float32)))
    assert len({tuple(order) for order in orders}) == 50


def test_the_area_is_the_mean_height_by_trapezoids():
    curves = np.float32([[2, 2, 2], [1, 0, 0], [0, 1, 2]])
    np.testing.assert_allclose(attribution.area(curves), [2, 0.25, 1], rtol=1e-6)


@pytest.mark.parametrize(("norm", "position"), [("batch", "after"), ("layer", "before")])
def test_layers_are_drawn_anew_from_the_output_down(norm, position, build, key):
    network = build(norm, position)
    fresh = jax.jit(lambda key: networks.init(key, network.model, PIXELS))(key).variables
    for layers in range(4):
        found = jax.jit(attribution.randomized, static_argnums=2)(key, network, layers).variables
        drawn = {"output", "hidden1", "norm1", "hidden0", "norm0"} if layers == 3 else {"output", "hidden1", "norm1"}
        drawn = drawn if layers > 1 else {"output"} if layers else set()
        assert jax.tree.structure(found) == jax.tree.structure(network.variables)
        for kind, parts in found.items():
            for name, part in parts.items():
                source = fresh if name in drawn else network.variables
                jax.tree.map(np.testing.assert_array_equal, part, source[kind][name])


@pytest.mark.parametrize("name", attribution.METHODS)
def test_maps_of_random_networks_are_unlike_and_of_the_same_one_alike(name, build, images):
    network, method = build(widths=(6,)), attribution.METHODS[name]
    draw = jax.jit(jax.vmap(lambda key: attribution.sanity(key, network, images, 2, method)))
    found = draw(jax.random.split(jax.random.key(5), 100))
    assert found.correlations.shape == (100, 3, len(images))
    for values in found:
        np.testing.assert_allclose(values[:, 0], 1, rtol=1e-6)
    fully = np.asarray(found.correlations[:, -1])  # NaN where all units of a random network are shut
    assert np.isnan(fully).mean() < 0.2
    fully = np.nanmean(fully[~np.isnan(fully).all(axis=1)], axis=1)
    assert abs(fully.mean()) < 4 * fully.std() / np.sqrt(len(fully)) and fully.std() > 0.05


def test_alikeness_is_spearmans(build, images, key):
    def rounded(network, images, units, *, site):
        """Maps with ties, and one that is constant."""
        maps = jnp.round(2 * attribution.gradient(network, images, units, site=site))
        return maps.at[0].set(0)

    network = build()
    found = jax.jit(lambda: attribution.sanity(key, network, images, 0, rounded))()
    others = [jax.jit(attribution.randomized, static_argnums=2)(key, network, layers) for layers in range(4)]
    first, *_ = every = [np.asarray(jax.jit(partial(rounded, site="logits"))(one, images, 0)) for one in others]
    for layers, other in enumerate(every):
        for image in range(1, 5):
            for values, change in ((found.correlations, np.asarray), (found.absolute_correlations, np.abs)):
                x, y = change(first[image]), change(other[image])
                varies = np.ptp(x) > 0 and np.ptp(y) > 0
                expected = scipy.stats.spearmanr(x, y).statistic if varies else np.nan
                np.testing.assert_allclose(values[layers, image], expected, atol=1e-5)
    assert np.isnan(found.correlations[:, 0]).all() and np.isfinite(found.correlations[0, 1:]).any()


def test_layers_behind_the_site_change_nothing(build, images, key):
    method = attribution.gradient_times_input
    found = jax.jit(lambda: attribution.sanity(key, build(), images, 0, method, site="hidden0/pre"))()
    np.testing.assert_allclose(found.correlations[:3], 1, rtol=1e-6)
    assert np.all(found.correlations[3] < 0.999)


def test_every_seed_is_tested_alike(build, images, key):
    every = [build(seed=seed) for seed in range(3)]
    ensemble = Network(every[0].model, jax.tree.map(lambda *leaves: jnp.stack(leaves), *[n.variables for n in every]))

    def ask(network, images):
        maps = attribution.gradient_times_input(network, images, 0)
        sanity = attribution.sanity(key, network, images, 0, attribution.gradient_times_input)
        return attribution.deletion(network, images, maps, 0, steps=3), sanity.correlations

    found = jax.jit(over_seeds(ask, chunk=2))(ensemble, images)
    for place, network in enumerate(every):
        for one, expected in zip(found, jax.jit(ask)(network, images), strict=True):
            np.testing.assert_allclose(one[place], expected, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_answered_is_refused(build, images, key):
    with pytest.raises(InputError, match=r"maps \(12, 3\) do not fit the images \(12, 7\)"):
        attribution.deletion(build(), images, np.zeros((12, 3), np.float32), 0)
    with pytest.raises(InputError, match="steps is 0: use 1 or more"):
        attribution.insertion(build(), images, images, 0, steps=0)
    with pytest.raises(InputError, match="randomise 0 to 3 layers of this network, not 4"):
        attribution.randomized(key, build(), 4)
    assert attribution.randomized(key, networks.init(key, MLP(()), PIXELS), 1).variables["params"].keys() == {"output"}


SHARES = np.linspace(0, 1, 41)


def linear(weights, bias=0.0):
    """One hidden unit that passes on what it reads, and one logit that reads it."""
    params = {
        "hidden0": {"kernel": jnp.float32(weights)[:, None], "bias": jnp.zeros(1)},
        "output": {"kernel": jnp.ones((1, 1)), "bias": jnp.full(1, bias)},
    }
    return Network(MLP((1,), 1, activation="identity"), {"params": params})


def inked(pixels=36, examples=6):
    """Images with ink in 5, 6, … pixels and dark elsewhere."""
    rng = np.random.default_rng(3)
    images = np.zeros((examples, pixels))
    for extra, image in enumerate(images):
        image[rng.permutation(pixels)[: 5 + extra]] = rng.uniform(0.1, 1, 5 + extra)
    return images.astype(np.float32)


ink_curves = jax.jit(attribution.deletion_of_ink, static_argnums=3)


def curve_by_hand(image, weights, order):
    """The logit, at each share of the image's ink, as the pixels go that are named in the order."""
    left = np.array(image, np.float64)
    values = [left @ weights]
    for pixel in order:
        left[pixel] = 0
        values.append(left @ weights)
    return np.interp(SHARES * len(order), np.arange(len(order) + 1), values)


def test_deletion_of_ink_agrees_with_numpy_and_the_best_order_of_a_linear_network_is_its_contributions():
    images, weights = inked(), np.random.default_rng(0).normal(0.3, 1, 36)
    network = linear(weights, bias=2.0)

    def expected(key):
        ink = [np.flatnonzero(image) for image in images]
        return [2 + curve_by_hand(i, weights, p[np.argsort(-key(i)[p])]) for i, p in zip(images, ink, strict=True)]

    best = ink_curves(network, images, images * jnp.float32(weights), 0, SHARES)
    np.testing.assert_allclose(best, expected(lambda image: image * weights), atol=1e-5)
    np.testing.assert_allclose(ink_curves(network, images, images, 0, SHARES), expected(np.asarray), atol=1e-5)
    np.testing.assert_allclose(best[:, -1], 2, atol=1e-6)  # blank
    for seed in range(20):
        other = ink_curves(network, images, attribution.random_order(jax.random.key(seed), images), 0, SHARES)
        assert (best <= other + 1e-5).all() and attribution.area(best).mean() < attribution.area(other).mean()


def test_where_all_ink_adds_as_much_no_order_matters():
    """Whatever the network weighs dark pixels by: blanking them is not part of an order."""
    image = np.zeros((1, 36), np.float32)
    image[0, :9] = 0.5
    network = linear(np.r_[np.ones(9), np.linspace(-5, 5, 27)])
    for seed in range(3):
        values = ink_curves(network, image, noise(seed, (1, 36)), 0, SHARES)
        np.testing.assert_allclose(values[0], 4.5 * (1 - SHARES), atol=1e-5)
