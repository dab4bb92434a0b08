from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import planted

from jaxinterp.analysis import maximization
from jaxinterp.analysis.maximization import images, objectives, optima
from jaxinterp.ensemble import over_seeds, take
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network, init, sites

SIDE = 5
PIXELS = SIDE * SIDE
UNITS = 3
SITE = "hidden0/pre"
FLAT = images.fourier(images.PIXELS)


def network(seed=0, widths=(UNITS, 4), bias=0.0, **options):
    made = init(jax.random.key(seed), MLP(widths, 4, **options), PIXELS)
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf + bias if "bias" in jax.tree_util.keystr(path) else leaf, made
    )


NETWORK = network(bias=-0.1)
WEIGHTS, BIAS = optima.affine(NETWORK)
REAL = np.random.default_rng(0).uniform(0, 1, (40, PIXELS)).astype(np.float32)


def ascend(network=NETWORK, objective=None, count=UNITS, **options):
    objective = objectives.units(SITE, range(UNITS)) if objective is None else objective
    run = partial(maximization.maximize, objective=objective, objectives=count, **{"restarts": 4, **options})
    return jax.jit(lambda key, network: run(key, network))(jax.random.key(1), network)


def measure(network=NETWORK, site=SITE, **options):
    run = partial(maximization.units, site=site, restarts=4, **options)
    return jax.jit(lambda key, network: run(key, network, REAL))(jax.random.key(1), network)


@pytest.mark.parametrize(
    "options",
    [{"parametrization": images.PIXELS, "constraint": images.box()}, {}, {"parametrization": images.fourier()}],
    ids=["pixels", "sigmoid", "fourier"],
)
def test_the_box_optimum_is_found(options):
    found = ascend(**options)
    best, values = optima.box_optimum(WEIGHTS, BIAS)
    share = (found.values - BIAS[:, None]) / (values - BIAS)[:, None]
    assert np.all(share < 1 + 1e-5) and np.all(np.max(share, axis=1) > 0.99)
    if options.get("parametrization") is images.PIXELS:
        np.testing.assert_allclose(share, 1, rtol=1e-5)
    assert np.all(found.images >= 0) and np.all(found.images <= 1)
    # Pixels without weight to speak of may be anything.
    clear = np.abs(WEIGHTS) > 0.2 * np.max(np.abs(WEIGHTS))
    closest = found.images[np.arange(UNITS), np.argmax(share, axis=1)]
    assert np.max(np.abs(closest - best) * clear) < 0.2


@pytest.mark.parametrize("parametrization", [images.PIXELS, FLAT], ids=["pixels", "fourier"])
@pytest.mark.parametrize("constraint", [images.ball, images.sphere], ids=["ball", "sphere"])
def test_the_optimum_of_a_norm_is_found(parametrization, constraint):
    found = ascend(parametrization=parametrization, constraint=constraint(1.5), learning_rate=0.05)
    best, values = optima.ball_optimum(WEIGHTS, BIAS, 1.5)
    np.testing.assert_allclose(found.values, np.tile(values[:, None], 4), rtol=0.01)
    np.testing.assert_allclose(found.images, np.tile(best[:, None], (1, 4, 1)), atol=0.06)
    # Where Adam and a projection alone would settle: along sign(w).
    assert np.all(found.values > 1.5 * np.sum(np.abs(WEIGHTS), axis=1, keepdims=True) / SIDE + BIAS[:, None])


def test_a_ball_does_not_hold_what_would_be_inside_it():
    kept = {"parametrization": images.PIXELS, "priors": [images.l2(1.0)], "learning_rate": 0.05}
    best, values = optima.penalty_optimum(WEIGHTS, BIAS, 1.0)
    found = ascend(constraint=images.ball(2 * float(np.max(np.linalg.norm(best, axis=1)))), **kept)
    np.testing.assert_allclose(found.penalized, np.tile(values[:, None], 4), rtol=1e-3, atol=1e-4)


def test_a_norm_in_the_box_is_kept_in_both():
    found = ascend(constraint=images.sphere(1.5))
    np.testing.assert_allclose(np.linalg.norm(found.images, axis=-1), 1.5, rtol=1e-3)
    assert np.all(found.images >= 0) and np.all(found.images <= 1)
    # Better than the optimum of the box, shrunk to that norm.
    best = optima.box_optimum(WEIGHTS, BIAS)[0]
    shrunk = 1.5 * best / np.linalg.norm(best, axis=1, keepdims=True)
    assert np.all(found.values > np.sum(WEIGHTS * shrunk, axis=1, keepdims=True) + BIAS[:, None])


@pytest.mark.parametrize("parametrization", [images.PIXELS, FLAT], ids=["pixels", "fourier"])
def test_the_recipe_of_adam_and_a_weight_penalty_has_its_closed_form(parametrization):
    # x ~ N(0, 1), Adam 0.1, 200 steps, minimise −a(x) + λ‖x‖².
    found = ascend(parametrization=parametrization, priors=[images.l2(1.0)], steps=200, learning_rate=0.1)
    best, values = optima.penalty_optimum(WEIGHTS, BIAS, 1.0)
    np.testing.assert_allclose(found.penalized, np.tile(values[:, None], 4), atol=2e-3)
    np.testing.assert_allclose(found.images, np.tile(best[:, None], (1, 4, 1)), atol=0.02)
    np.testing.assert_allclose(
        found.values, found.penalized + np.sum(np.square(found.images), axis=-1), rtol=1e-4, atol=1e-5
    )


def test_behind_a_closed_relu_about_half_of_the_starts_never_move():
    options = {"parametrization": images.PIXELS, "restarts": 100, "learning_rate": 0.1}
    behind_relu = objectives.units("hidden0/post", range(UNITS))
    starts = ascend(steps=1, **{**options, "learning_rate": 0.0})
    behind, before = ascend(objective=behind_relu, steps=50, **options), ascend(steps=50, **options)
    closed = starts.values <= 0
    assert 0.4 < np.mean(closed) < 0.65
    np.testing.assert_array_equal(np.any(behind.images != starts.images, axis=-1), ~closed)
    np.testing.assert_array_equal(behind.values > 0, ~closed)
    assert np.all(before.values > 0)
    # With the recipe's penalty they shrink to the blank image instead, where a unit of negative bias is silent too.
    silent = network(bias=-1.0)
    shrunk = ascend(silent, behind_relu, steps=200, priors=[images.l2(1.0)], **options)
    closed = silent(starts.images)[1][SITE]
    closed = np.stack([closed[unit, :, unit] for unit in range(UNITS)]) <= 0
    np.testing.assert_array_equal(shrunk.values[closed], 0)
    assert np.max(np.abs(shrunk.images[closed])) < 0.05


def test_total_variation_smooths():
    def roughness(found):
        return np.asarray(images.total_variation(1.0)(found.images))

    plain, smooth = ascend(), ascend(priors=[images.total_variation(0.2)])
    assert np.all(roughness(smooth) < roughness(plain)) and np.all(smooth.values < plain.values)
    box = {"parametrization": images.PIXELS, "constraint": images.box()}
    constant = ascend(priors=[images.total_variation(3.0)], learning_rate=0.01, **box)
    assert np.max(roughness(constant)) < 0.1 * np.min(roughness(plain))


def test_a_blurred_view_gives_what_is_best_through_the_blur():
    blur = images.blur(1.0)
    found = ascend(transformations=[blur], parametrization=images.PIXELS, constraint=images.box())
    through = blur(None, WEIGHTS)  # a symmetric operator
    np.testing.assert_array_equal(found.images, np.tile((through > 0)[:, None], (1, 4, 1)))
    np.testing.assert_allclose(
        found.values, np.sum(found.images * WEIGHTS[:, None], axis=-1) + BIAS[:, None], rtol=1e-4
    )


def test_jitter_leads_to_an_image_that_does_well_wherever_it_is_shifted():
    def mean_over_shifts(found):
        grid = np.reshape(found.images, (UNITS, 4, SIDE, SIDE))
        shifts = [np.roll(grid, (down, right), (2, 3)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        mean = np.mean(shifts, axis=0).reshape(UNITS, 4, PIXELS)
        return np.sum(mean * WEIGHTS[:, None], axis=-1)

    assert np.all(mean_over_shifts(ascend(transformations=[images.jitter(1)])) > mean_over_shifts(ascend()))


def test_the_planted_network_says_what_it_looks_for():
    found = jax.jit(partial(maximization.units, site="logits"))(
        jax.random.key(0), planted.network(), planted.data().images
    )
    # Class 0 needs pixel 0, which unit 0 reads with weight 1 and bias −0.3; either twin is enough for class 1.
    np.testing.assert_allclose(found.values, [1.4, 2.8, 1.4, 1.6], atol=0.01)
    np.testing.assert_allclose(found.bound, [1.4, 2.8, 1.4, 1.6], atol=1e-5)
    np.testing.assert_allclose(found.fraction, 1, atol=0.01)
    np.testing.assert_array_equal(np.argmax(found.images[:, : planted.CLASSES], axis=1), range(planted.CLASSES))
    assert found.activated.all() and np.isnan(found.optimum).all()
    np.testing.assert_array_equal(planted.data().labels[found.exemplar], range(planted.CLASSES))
    first = jax.jit(partial(maximization.units, site="hidden1/pre", restarts=2))(
        jax.random.key(0), planted.network(), planted.data().images
    )
    assert not first.activated[planted.DEAD] and np.isnan(first.fraction[planted.DEAD])


@pytest.mark.parametrize(
    "options",
    [{}, {"input_mean": 0.3, "input_std": 0.2}, {"norm": "batch"}, {"norm": "batch", "norm_position": "after"}],
    ids=["plain", "normalised", "batch_before", "batch_after"],
)
def test_the_first_layer_reaches_its_optimum(options):
    net = network(3, **options)
    if "norm" in options:
        statistics = {"norm0": {"mean": jnp.full(UNITS, 0.2), "var": jnp.full(UNITS, 0.3)}}
        statistics["norm1"] = net.variables["batch_stats"]["norm1"]
        net = net.replace(variables={**net.variables, "batch_stats": statistics})
    found = measure(net)
    assert np.all(found.fraction > 0.99) and np.all(found.fraction < 1 + 1e-5)
    np.testing.assert_allclose(found.optimum, found.bound, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.values, found.optimum, rtol=0.02, atol=1e-3)
    assert np.all(found.agreement > 0.99)
    np.testing.assert_array_equal(found.activated, found.values > 0)


def test_what_is_reported_is_what_the_network_says():
    net = network(6, widths=(12, 6))
    for site in ("hidden1/pre", "logits"):
        found = measure(net, site=site)
        real = net(REAL)[1][site]
        at_best = jnp.diagonal(net(found.images)[1][site])
        np.testing.assert_allclose(found.values, at_best, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(found.values, np.max(found.restart_values, axis=1))
        np.testing.assert_array_equal(found.exemplar, np.argmax(real, axis=0))
        np.testing.assert_allclose(found.exemplar_values, np.max(real, axis=0), rtol=1e-6)
        assert np.all(found.exemplar_values <= found.values) and np.all(found.values <= found.bound)
        blank = net(jnp.zeros(PIXELS))[1][site]
        np.testing.assert_allclose(found.fraction, (found.values - blank) / (found.bound - blank), rtol=1e-5)
        assert np.isnan(found.optimum).all()


def test_agreement_is_the_mean_cosine_of_different_restarts():
    unit = 2
    found = ascend(objective=objectives.units("hidden1/pre", [unit]), count=1, steps=3)
    made = np.asarray(found.images[0], np.float64)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    expected = np.mean([made[i] @ made[j] for i in range(4) for j in range(4) if i != j])
    np.testing.assert_allclose(maximization._agreement(found.images[0]), expected, rtol=1e-5)
    assert np.isnan(maximization._agreement(found.images[0, :1]))


def test_diverse_facets_turn_away_from_each_other_as_diversity_is_asked_for():
    net = network(5, widths=(30, 4))
    overlaps = []
    for strength in (0.0, 1.0, 10.0):
        goal = [(1.0, objectives.layer_norm("hidden0/post")), (1.0, objectives.diverse("hidden0/post", strength))]
        found = ascend(net, objectives.total(goal), count=2)
        overlaps.append(-objectives.diverse("hidden0/post", 1.0)(net(found.images)[1]))
    overlaps = np.asarray(overlaps)
    assert np.all(np.diff(overlaps, axis=0) < 0) and np.all(overlaps[-1] < 0.5 * overlaps[0])


def test_two_ways_to_light_a_unit_are_two_facets():
    # The logit is the sum of two units that read different pixels: both at once are best, one each is diverse.
    first = np.zeros((PIXELS, 2), np.float32)
    first[:4, 0] = first[4:8, 1] = 1
    layers = {"hidden0": (first, np.zeros(2)), "output": (np.ones((2, 1)), np.zeros(1))}
    params = {
        name: {"kernel": jnp.float32(kernel), "bias": jnp.float32(bias)} for name, (kernel, bias) in layers.items()
    }
    net = Network(MLP((2,), 1), {"params": params})
    apart = objectives.diverse("hidden0/post", 20.0, np.ones((1, 2), np.float32))
    found = ascend(net, objectives.total([(1.0, objectives.logits([0])), (1.0, apart)]), count=1, restarts=2)
    hidden = np.asarray(net(found.images[0])[1]["hidden0/post"])
    np.testing.assert_allclose(hidden[np.argsort(hidden[:, 0])], [[0, 4], [4, 0]], atol=0.2)
    together = ascend(net, objectives.logits([0]), count=1, restarts=2)
    np.testing.assert_allclose(net(together.images[0])[1]["hidden0/post"], 4, atol=0.1)


def test_more_starts_and_other_chunks_change_nothing_of_a_start():
    few, many = measure(chunk=1, steps=20), measure(chunk=8, steps=20)
    for name, values in few._asdict().items():
        np.testing.assert_allclose(values, getattr(many, name), rtol=1e-4, atol=1e-5, err_msg=name)
    wide = ascend(steps=2, restarts=5)
    narrow = ascend(objective=objectives.units(SITE, [0, 1]), count=2, steps=2, restarts=3)
    np.testing.assert_allclose(narrow.images, wide.images[:2, :3], rtol=1e-5)


def test_a_learning_rate_may_be_a_schedule():
    schedule = optax.cosine_decay_schedule(0.3, 256)
    found = ascend(learning_rate=schedule)
    np.testing.assert_allclose(found.values, ascend().values, rtol=0.02)


def test_every_seed_is_measured_as_if_alone():
    nets = jax.vmap(lambda key: init(key, MLP((UNITS, 4), 4), PIXELS))(jax.random.split(jax.random.key(0), 3))
    run = partial(maximization.units, site="hidden1/pre", restarts=2, steps=20)
    lifted = jax.jit(over_seeds(lambda net, key: run(key, net, REAL), chunk=1))(nets, jax.random.key(1))
    alone = jax.jit(run)(jax.random.key(1), take(nets, 1), REAL)
    for name, values in alone._asdict().items():
        np.testing.assert_allclose(getattr(lifted, name)[1], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_seed_that_diverged_leaves_the_others_alone():
    nets = jax.vmap(lambda key: init(key, MLP((UNITS,), 4), PIXELS))(jax.random.split(jax.random.key(0), 2))
    hurt = jax.tree.map(lambda leaf: leaf.at[0].set(jnp.nan), nets)
    run = jax.jit(over_seeds(lambda net: maximization.units(jax.random.key(0), net, REAL, site=SITE, steps=20)))
    one, two = run(nets), run(hurt)
    assert np.isnan(two.values[0]).all() and np.isnan(two.fraction[0]).all() and not two.activated[0].any()
    for name, values in one._asdict().items():
        np.testing.assert_allclose(getattr(two, name)[1], values[1], rtol=1e-5, err_msg=name)


def test_a_layer_norm_leaves_a_bound_and_no_closed_form():
    found = measure(network(norm="layer"), steps=5)
    assert np.isnan(found.optimum).all() and np.all(found.values <= found.bound)


def test_a_network_of_one_layer_has_its_optimum_in_the_logits():
    found = measure(network(widths=()), site="logits")
    assert np.all(found.fraction > 0.99)
    np.testing.assert_allclose(found.optimum, found.bound, rtol=1e-4)


@pytest.mark.parametrize(
    ("site", "message"),
    [("hidden0/post", "use hidden0/pre"), ("input", "use hidden0/pre"), ("hidden5/pre", "no site 'hidden5/pre'")],
)
def test_a_site_must_have_a_gradient(site, message):
    assert SITE in sites(NETWORK.model)
    with pytest.raises(InputError, match=message):
        maximization.units(jax.random.key(0), NETWORK, REAL, site=site)


@pytest.mark.parametrize("name", ["objectives", "restarts", "steps"])
def test_counts_must_be_positive(name):
    counts = {"objectives": UNITS, name: 0}
    with pytest.raises(InputError, match=f"{name} is 0"):
        maximization.maximize(jax.random.key(0), NETWORK, objectives.layer_norm(SITE), **counts)


def test_an_objective_must_give_a_number_for_each_image():
    with pytest.raises(InputError, match=r"values of shape \(3, 8\) \(objectives, restarts\), got \(3, 8, 3\)"):
        maximization.maximize(jax.random.key(0), NETWORK, lambda found: found[SITE], objectives=UNITS)


def test_real_images_must_fit_the_network():
    with pytest.raises(InputError, match="needs images of 25 pixels, got images of 9"):
        maximization.units(jax.random.key(0), NETWORK, REAL[:, :9], site=SITE)
