from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from jaxinterp.analysis import facets, maximization
from jaxinterp.config import ModelConfig
from jaxinterp.ensemble import over_seeds, take
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network, build, init

PIXELS = 12
KEY = jax.random.key(0)
DISJOINT = ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11))
BIAS = np.array([0.5, 0, -1, 2])
OVERLAPPING = ((0, 1, 2, 3), (2, 3, 4, 5), (0, 1, 4, 5))


@cache
def program(fn, site, **options):
    return jax.jit(partial(fn, site=site, **options))


def maximise(network, images, *, site="logits", key=KEY):
    return program(facets.by_maximisers, site)(key, network, images)


def exemplars(network, images, *, site="logits", key=KEY, top=60):
    return program(facets.by_exemplars, site, top=top)(key, network, images)


def built(*layers, activation="relu", **options):
    """A network with these kernels and biases."""
    names = [*(f"hidden{place}" for place in range(len(layers) - 1)), "output"]
    params = {
        name: {"kernel": jnp.float32(kernel), "bias": jnp.float32(bias)}
        for name, (kernel, bias) in zip(names, layers, strict=True)
    }
    widths = tuple(np.shape(kernel)[1] for kernel, _ in layers[:-1])
    return Network(MLP(widths, np.shape(layers[-1][0])[1], activation, **options), {"params": params})


def planted(templates, *, more=(), bias=-2.0):
    """Source j fires for template j alone; unit m − 1 adds up the first m sources, and the last has no weights."""
    first = np.full((PIXELS, 3), -2.0)
    for place, template in enumerate(templates):
        first[list(template), place] = 1
    sums = np.append(np.triu(np.ones((3, 3))), np.zeros((3, 1)), axis=1)
    return built((first, np.full(3, bias)), (sums, BIAS), *more)


def pictures(templates, count=240, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 0.05, (count, PIXELS))
    for place, image in enumerate(images):
        image[list(templates[place % len(templates)])] = rng.uniform(0.8, 1, len(templates[0]))
    return images.astype(np.float32)


def linear(weights):
    """No hidden layer: unit u weighs the pixels by weights[u]."""
    weights = np.asarray(weights, np.float32)
    return built((weights.T, np.zeros(len(weights))))


@pytest.mark.parametrize(
    ("templates", "site", "more"),
    [(DISJOINT, "logits", ()), (OVERLAPPING, "hidden1/pre", [(np.ones((4, 2)), np.zeros(2))])],
    ids=["disjoint", "overlapping"],
)
def test_a_unit_with_m_planted_facets_has_m(templates, site, more):
    network, images = planted(templates, more=more), pictures(templates)
    found = jax.tree.map(np.asarray, maximise(network, images, site=site))
    np.testing.assert_array_equal(found.number, [1, 2, 3, 0])
    for m in (1, 2, 3):
        # The facets are the very templates: all of their pixels lit, and no others.
        drawn = found.images[m - 1, :m]
        masks = drawn > 0.5
        assert {tuple(np.flatnonzero(mask)) for mask in masks} == set(templates[:m])
        np.testing.assert_allclose(drawn, masks, atol=0.05)
        np.testing.assert_allclose(found.values[m - 1, :m], BIAS[m - 1] + 2, atol=0.1)
    assert np.all(found.values[3] == BIAS[3]) and np.all(found.shares[3] == 0)
    np.testing.assert_array_equal(exemplars(network, images, site=site).number, [1, 2, 3, 0])


def silent(network, images, site):
    """Whether the images and noise leave all units of a site at 0."""
    noise = np.random.default_rng(1).uniform(size=(2000, PIXELS)).astype(np.float32)
    return not np.any(network(np.concatenate([images, noise]))[1][site])


COLOURS = ((0, 3, 6, 9), (1, 4, 7, 10), (2, 5, 8, 11))  # the channels of an image of 2 × 2 pixels


def behind_convolution(network, *, image_shape, size):
    """The same function, whose first layer is a convolution with windows of size × size pixels."""
    first, second, last = (network.variables["params"][name] for name in ("hidden0", "hidden1", "output"))
    channels = first["kernel"].shape[1] if size > 1 else 1
    kernel = first["kernel"].reshape(size, size, -1, channels) if size > 1 else jnp.ones((1, 1, 1, 1))
    params = {"conv0": {"kernel": kernel, "bias": first["bias"][:channels]}, "hidden0": second, "output": last}
    widths, outputs = (len(layer["bias"]) for layer in (second, last))
    options = {"channels": (channels,), "kernel_size": (size,), "pool_size": (1,), "image_shape": image_shape}
    return Network(build(ModelConfig((widths,), outputs, **options)), {"params": params})


def test_a_neuron_behind_convolutions_has_its_planted_facets():
    same = planted(COLOURS, more=[(np.ones((4, 2)), np.zeros(2))])
    network, images = behind_convolution(same, image_shape=(2, 2, 3), size=2), pictures(COLOURS)
    np.testing.assert_allclose(network(images)[0], same(images)[0], atol=1e-5)
    found = jax.tree.map(np.asarray, maximise(network, images, site="hidden0/pre"))
    np.testing.assert_array_equal(found.number, [1, 2, 3, 0])
    lit = {tuple(np.flatnonzero(image > 0.5)) for image in found.images[2, :3]}
    assert lit == set(COLOURS)
    np.testing.assert_array_equal(exemplars(network, images, site="hidden0/pre").number, [1, 2, 3, 0])


def test_every_position_of_a_map_is_a_source():
    """A channel that copies a grey image: the neurons behind it read its pixels."""
    rng = np.random.default_rng(5)
    same = built((np.eye(PIXELS), np.zeros(PIXELS)), (rng.normal(size=(PIXELS, 5)), np.zeros(5)), ([[1]] * 5, [0]))
    network, images = behind_convolution(same, image_shape=(3, 4, 1), size=1), pictures(DISJOINT)
    assert maximise(network, images, site="hidden0/pre").number.tolist() == [1] * 5
    found, expected = (
        exemplars(own, images, site=site) for own, site in ((network, "hidden0/pre"), (same, "hidden1/pre"))
    )
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-4), found, expected)
    with pytest.raises(InputError, match="a convolution has no one weight between two units"):
        facets.by_exemplars(KEY, network, images, site="conv0/pre", top=60)


@pytest.mark.parametrize("templates", [DISJOINT, OVERLAPPING], ids=["disjoint", "overlapping"])
def test_facets_of_a_unit_that_only_whole_templates_activate_are_found(templates):
    network, images = planted(templates, bias=-3.95), pictures(templates)
    assert silent(network, images, "hidden0/post")
    found = jax.tree.map(np.asarray, maximise(network, images))
    np.testing.assert_array_equal(found.number, [1, 2, 3, 0])
    np.testing.assert_allclose(found.values[2, :3], BIAS[2] + 0.05, atol=1e-5)
    layer = program(facets.of_layer, "hidden0/post")(KEY, network, images)
    assert layer.number == 3
    np.testing.assert_allclose(layer.sizes[:3], 0.05, atol=1e-5)


def test_a_unit_that_no_image_in_the_box_activates_has_no_facets():
    network, images = planted(DISJOINT, bias=-4.05), pictures(DISJOINT)
    found = maximise(network, images)
    np.testing.assert_array_equal(found.number, 0)
    np.testing.assert_allclose(found.values[:, 0], BIAS)
    assert not np.any(found.shares[:, 0])


def test_facets_behind_two_closed_gates_are_found():
    # Parts of the image on the first layer; on the second, two templates at once and not the third.
    parts = np.stack([np.isin(np.arange(PIXELS), template) for template in DISJOINT], 1)
    both = np.array([[1, -3], [1, 1], [-3, 1]])
    network = built((parts, np.full(3, -2)), (both, np.full(2, -3.9)), (np.ones((2, 1)), [0]))
    images = pictures(DISJOINT)
    assert silent(network, images, "hidden1/post")
    found = jax.tree.map(np.asarray, maximise(network, images))
    assert found.number == 2
    lit = {tuple(np.flatnonzero(image > 0.5)) for image in found.images[0, :2]}
    assert lit == {DISJOINT[0] + DISJOINT[1], DISJOINT[1] + DISJOINT[2]}


def test_one_real_image_that_activates_a_unit_is_enough():
    # relu(s − 1) − 2 relu(s − 3) − 1.9 is positive for s between 2.9 and 3.05, the light of the template; other light
    # inhibits. With open gates the slope along s is negative, so that no corner activates the unit.
    light = np.isin(np.arange(PIXELS), DISJOINT[0]).astype(float)
    first = np.stack([light, light, 1 - light], 1), [-1, -3, 0]
    network = built(first, ([[1], [-2], [-1]], [-1.9]), ([[1]], [0]))
    images = pictures(DISJOINT)
    assert silent(network, images, "hidden1/post") and maximise(network, images).number == 0
    images[100] = np.isin(np.arange(PIXELS), DISJOINT[0][:3])
    found = maximise(network, images)
    assert found.number == 1 and found.values[0, 0] == pytest.approx(0.1, abs=1e-6)


def test_the_larger_of_two_is_two_facets_and_a_sum_is_one():
    # max(s, t) = relu(s − t) + t, of the light s and t in two parts of the image
    s, t = (np.isin(np.arange(PIXELS), template).astype(float) for template in DISJOINT[:2])
    larger = built((np.stack([s - t, t], 1), [0, 0]), ([[1], [1]], [0]))
    total = built((np.stack([s, t], 1), [-2, -2]), ([[1], [1]], [0]))
    images = pictures(DISJOINT[:2])
    assert maximise(larger, images).number == 2
    assert maximise(total, images).number == 1


def test_a_unit_linear_in_the_pixels_has_one_facet():
    model = MLP((8, 6), 5, "identity", "torch", input_mean=0.3, input_std=0.4)
    networks = jax.vmap(lambda key: init(key, model, PIXELS))(jax.random.split(KEY, 20))
    images = np.random.default_rng(0).uniform(size=(50, PIXELS)).astype(np.float32)
    found = jax.jit(over_seeds(lambda network: facets.by_maximisers(KEY, network, images, site="logits")))(networks)
    np.testing.assert_array_equal(found.number, 1)
    corners = np.concatenate([np.zeros((1, PIXELS)), np.eye(PIXELS)]).astype(np.float32)
    blank, *lit = np.moveaxis(np.asarray(jax.vmap(lambda network: network(corners)[0])(networks)), 1, 0)
    slopes = np.stack(lit, axis=-1) - blank[..., None]
    np.testing.assert_allclose(found.values[..., 0], np.maximum(slopes, 0).sum(-1) + blank, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(found.images)[..., 0, :], slopes > 0)


def test_gains_of_disjoint_images_add_up_to_the_optimum_of_a_linear_unit_at_most():
    # Σ max(c, 0) over pixels is at most the optimum, and differs from the sum of two gains by what both share.
    weights = np.random.default_rng(1).normal(size=(30, PIXELS)).astype(np.float32)
    found = maximise(linear(weights), np.zeros((1, PIXELS), np.float32))
    contributions = np.maximum(weights[:, None] * np.asarray(found.images), 0)
    shared = np.minimum(contributions[:, :, None], contributions[:, None]).sum(-1)
    together = np.asarray(found.values)[:, :, None] + np.asarray(found.values)[:, None] - shared
    optimum = np.maximum(weights, 0).sum(1)
    np.testing.assert_allclose(found.values[:, 0], optimum, rtol=1e-5)
    np.testing.assert_array_equal(found.number, 1)
    known = ~np.isnan(together)
    assert known[:, 0, 1].sum() > 5
    assert np.all(together[known] <= np.broadcast_to(optimum[:, None, None], together.shape)[known] + 1e-4)


def test_the_record_is_what_its_images_do():
    network = init(KEY, MLP((7,), 5, initializer="torch", norm="batch", norm_position="after", input_std=0.5), PIXELS)
    images = np.random.default_rng(0).uniform(size=(50, PIXELS)).astype(np.float32)
    found = jax.tree.map(np.asarray, maximise(network, images))
    assert np.nanmin(found.images) >= 0 and np.nanmax(found.images) <= 1

    @jax.jit
    def read(images):
        activations = network(images)[1]
        return activations["hidden0/norm"], activations["logits"]

    kernel = np.asarray(network.variables["params"]["output"]["kernel"]).T
    part = np.array([0, 0.25, 0.5, 0.75, 1], np.float32)[:, None, None, None, None]
    shown, lines = found.images, (1 - part) * found.images[:, :, None] + part * found.images[:, None]
    ((blank_sources, blank), (sources, logits), (_, between)) = map(read, (jnp.zeros(PIXELS), shown, lines))
    unit = np.arange(5)
    contributions = kernel[:, None] * (sources - blank_sources)
    directions = contributions / np.linalg.norm(contributions, axis=-1, keepdims=True)
    best = (found.values[:, 0] - blank)[:, None]
    assert np.all(np.sum(~np.isnan(found.values), axis=1) >= 2)
    np.testing.assert_allclose(found.values, logits[unit, :, unit], rtol=1e-4)
    np.testing.assert_allclose(found.shares, contributions.sum(-1) / best, rtol=1e-3, atol=1e-4)
    overlaps = directions @ np.swapaxes(directions, 1, 2)
    np.testing.assert_allclose(found.overlaps, overlaps, atol=1e-4)
    assert np.nanmax(np.abs(overlaps - np.eye(4))) <= facets.ORTHOGONAL + 1e-4
    lowest = np.min(np.asarray(between)[:, unit, :, :, unit], axis=1)
    np.testing.assert_allclose(found.valleys, (lowest - blank[:, None, None]) / best[..., None], atol=1e-4)
    # The first is as good as what plain gradient ascent finds.
    other = jax.jit(lambda: maximization.units(KEY, network, images, site="logits", restarts=4, steps=128).values)()
    assert np.all((found.values[:, 0] - blank) / (other - blank) > 0.95)


def test_directions_take_the_place_of_weights():
    network, images = planted(DISJOINT), pictures(DISJOINT)
    own = np.asarray(network.variables["params"]["output"]["kernel"]).T
    placed = jax.jit(partial(facets.by_maximisers, site="logits"))(KEY, network, images, directions=3 * own[::-1])
    np.testing.assert_array_equal(placed.number, [0, 3, 2, 1])
    np.testing.assert_allclose(placed.values[1:, 0], 6, atol=0.3)


def test_a_layer_in_which_one_unit_at_a_time_can_fire_has_as_many_orthogonal_vectors():
    images = pictures(DISJOINT)
    found = program(facets.of_layer, "hidden0/post")(KEY, planted(DISJOINT), images)
    assert found.number == 3
    np.testing.assert_allclose(found.sizes[:3], 2, rtol=0.05)
    np.testing.assert_allclose(found.overlaps[:3, :3], np.eye(3), atol=1e-3)
    assert {tuple(np.flatnonzero(image > 0.5)) for image in np.asarray(found.images[:3])} == set(DISJOINT)


def of_logits(kernel):
    return program(facets.of_layer, "logits")(KEY, built((kernel, np.zeros(3))), pictures(DISJOINT))


def test_a_layer_that_can_fire_as_a_whole_has_one_large_vector():
    found = of_logits(np.stack([np.isin(np.arange(PIXELS), template) for template in DISJOINT], 1))
    assert found.number == 1
    assert found.sizes[0] == pytest.approx(4 * np.sqrt(3), rel=1e-3)
    # All copies of one unit: no second direction at all.
    copies = of_logits(np.ones((PIXELS, 3)))
    assert (copies.number, copies.rank) == (1, 1) and copies.participation == pytest.approx(1)


def test_rank_and_participation_are_those_of_numpy():
    kernel = np.random.default_rng(0).normal(size=(PIXELS, 3))
    kernel[:, 2] = kernel[:, 0] - 2 * kernel[:, 1]
    found = of_logits(kernel)
    covariance = np.cov((pictures(DISJOINT).astype(np.float64) @ kernel).T)
    assert found.rank == 2 == np.linalg.matrix_rank(covariance, tol=1e-8)
    assert found.participation == pytest.approx(np.trace(covariance) ** 2 / np.sum(covariance**2), rel=1e-4)
    constant = of_logits(np.zeros((PIXELS, 3)))
    assert np.isnan(constant.participation) and (constant.rank, constant.number) == (0, 0)


SIGNS = np.array([1, 0, -1, 1e-15, 1e12])[:, None] * np.ones(6)


def clustered(vectors):
    """Clusters of vectors that are images, for units that weigh all pixels equally: one, none, less than none, …"""
    return jax.tree.map(np.asarray, exemplars(linear(SIGNS), vectors))


def clouds(m, dimensions=6, noise=0.3, count=60, seed=0):
    """m clusters about different axes, and which each vector belongs to; all sums are positive."""
    rng = np.random.default_rng(seed)
    group = np.sort(rng.integers(m, size=count))
    return (np.eye(dimensions)[group] + noise * np.abs(rng.normal(size=(count, dimensions)))).astype(np.float32), group


@pytest.mark.parametrize("noise", [0.1, 0.4])
@pytest.mark.parametrize("m", [2, 3, 4])
def test_a_mixture_of_m_has_m_clusters(m, noise):
    for seed in range(4):
        vectors, group = clouds(m, noise=noise, seed=seed)
        found = jax.tree.map(lambda leaf: leaf[0], clustered(vectors))
        assert found.number == m and found.p == pytest.approx(1 / 20)
        assert found.silhouette == pytest.approx(silhouette_score(vectors, group, metric="cosine"), abs=0.02)
        assert found.silhouette > found.silhouette_null
        assert found.sizes.sum() == len(vectors) and not found.sizes[m:].any() and np.all(found.exemplars[m:] == -1)
        if noise == 0.1:  # no vector is nearer to another cluster than its own
            best = [np.flatnonzero(group == g)[np.argmax(vectors[group == g].sum(1))] for g in range(m)]
            best = sorted(best, key=lambda place: -vectors[place].sum())
            np.testing.assert_array_equal(found.exemplars[:m], best)
            np.testing.assert_array_equal(found.sizes[:m], np.bincount(group)[group[best]])


@cache
def of_many(dimensions):
    one = partial(facets.by_exemplars, site="logits", top=60)
    return jax.jit(jax.vmap(lambda key, images: one(key, linear(np.ones((1, dimensions))), images)))


@pytest.mark.parametrize(("dimensions", "spread"), [(3, 1), (3, 6), (200, 1)])
def test_one_gaussian_is_one_cluster(dimensions, spread):
    draws = np.random.default_rng(0).normal(size=(40, 60, dimensions)) * np.append(spread, np.ones(dimensions - 1))
    draws = (30 + draws).astype(np.float32)
    found = of_many(dimensions)(jax.random.split(KEY, len(draws)), draws)
    found = jax.tree.map(lambda leaf: np.asarray(leaf)[:, 0], found)
    assert np.mean(found.number > 1) <= 0.15  # of 40 at the 5 % level, more than six once in 300
    if dimensions == 3:  # the covariance is known well, so that the null is the truth
        assert scipy.stats.ks_1samp(found.p, scipy.stats.uniform(0, 1.05).cdf).pvalue > 0.01
        difference = found.silhouette - found.silhouette_null
        assert abs(difference.mean()) < 3 * difference.std() / np.sqrt(len(draws))
        for draw, silhouette in zip(draws[:5], found.silhouette, strict=False):
            lines = draw / np.linalg.norm(draw, axis=1, keepdims=True)
            fits = (KMeans(k, n_init=10, random_state=0).fit_predict(lines) for k in (2, 3, 4))
            large = [labels for labels in fits if np.bincount(labels).min() >= facets.LEAST * len(draw)]
            assert silhouette > max(silhouette_score(lines, labels, metric="cosine") for labels in large) - 0.03


def test_a_lone_outlier_is_no_cluster():
    vectors = clouds(1, noise=0.05)[0]
    vectors[7] = np.eye(6)[5]
    assert clustered(vectors).number[0] == 1


def test_images_that_do_not_light_a_unit_are_no_exemplars():
    vectors = clouds(3)[0]
    found = clustered(vectors)
    np.testing.assert_array_equal(found.number, [3, 0, 0, 3, 3])
    assert not found.sizes[1:3].any() and np.all(found.exemplars[1:3] == -1)
    for values in found:
        np.testing.assert_allclose(values[3:], values[[0, 0]], rtol=1e-4)  # weights of any size
    vectors[4:] *= -1
    few = clustered(vectors)
    assert (few.number[0], few.sizes[0, 0]) == (1, 4)
    assert few.exemplars[0, 0] == np.argmax(vectors.sum(1))


@pytest.mark.parametrize("name", ["by_maximisers", "by_exemplars", "of_layer"])
def test_it_can_be_asked_of_every_seed(name):
    networks = jax.vmap(lambda key: init(key, MLP((5,), 3), PIXELS))(jax.random.split(KEY, 3))
    images = np.random.default_rng(0).uniform(size=(40, PIXELS)).astype(np.float32)
    options = {"by_maximisers": {"chunk": 1}, "by_exemplars": {"top": 20, "chunk": 1}}
    fn = partial(getattr(facets, name), KEY, images=images, site="logits", **options.get(name, {}))
    ask = jax.jit(over_seeds(lambda network: fn(network=network)))
    for values, others in zip(ask(networks), ask(take(networks, [2, 2, 0])), strict=True):
        np.testing.assert_allclose(values[jnp.array([2, 2, 0])], others, rtol=1e-4, atol=1e-4)


def test_wrong_questions_are_refused():
    network, images = planted(DISJOINT), pictures(DISJOINT)
    with pytest.raises(InputError, match="hidden0/post is not a pre-activation: use logits or"):
        facets.by_maximisers(KEY, network, images, site="hidden0/post")
    with pytest.raises(InputError, match="no site 'hidden7/pre'"):
        facets.by_exemplars(KEY, network, images, site="hidden7/pre")
    with pytest.raises(InputError, match="no site 'hidden7/post'"):
        facets.of_layer(KEY, network, images, site="hidden7/post")
    with pytest.raises(InputError, match="needs images of 12 pixels, got images of 11"):
        facets.of_layer(KEY, network, images[:, 1:], site="logits")
    with pytest.raises(InputError, match="directions of 4 sources do not fit hidden0/post: use 3 sources"):
        facets.by_maximisers(KEY, network, images, site="logits", directions=np.ones((2, 4), np.float32))
    with pytest.raises(InputError, match="top is 500: use 1 to 240"):
        facets.by_exemplars(KEY, network, images, site="logits", top=500)
    with pytest.raises(InputError, match="k is 1: use 2 or more"):
        facets.by_exemplars(KEY, network, images, site="logits", k=1)
    with pytest.raises(InputError, match="steps is 0: use 1 or more"):
        facets.by_maximisers(KEY, network, images, site="logits", steps=0)
    normed = init(KEY, MLP((5,), 3, norm="layer"), PIXELS)
    with pytest.raises(InputError, match="layer norm"):
        facets.by_maximisers(KEY, normed, images, site="hidden0/pre")
