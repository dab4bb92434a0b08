import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp import choices, ensemble, metrics, networks
from jaxinterp.analysis import barriers, matching
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network

PIXELS, WIDTHS, OUTPUTS = 7, (6, 5), 3
NORMS = [("none", "before"), *itertools.product(choices.NORMS, ("before", "after"))]
ids = ["-".join(norm) for norm in NORMS]


def random_network(seed, model=None):
    """Every weight, scale, mean and variance at random, so that none is a harmless 0 or 1."""
    model = MLP(WIDTHS, OUTPUTS) if model is None else model
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, PIXELS))))
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        values = jnp.asarray(rng.normal(size=leaf.shape), jnp.float32)
        return jnp.abs(values) + 0.1 if path[-1].key in ("var", "scale") else values

    return Network(model, jax.tree_util.tree_map_with_path(draw, shapes))


def random_data(seed=0, examples=50):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, OUTPUTS, examples).astype(np.int32)
    return Dataset(rng.uniform(size=(examples, PIXELS)).astype(np.float32), labels)


def random_orders(seed, widths=WIDTHS):
    rng = np.random.default_rng(seed)
    return tuple(rng.permutation(width) for width in widths)


def random_signs(seed, widths=WIDTHS):
    rng = np.random.default_rng(seed)
    return tuple(rng.choice(np.float32([-1, 1]), width) for width in widths)


def product(a, b):
    """Of all weights, but not of running statistics; b may be an ensemble."""

    def one(x, y):
        return np.sum(np.float64(x) * np.float64(y), axis=tuple(range(-x.ndim, 0)))

    return sum(jax.tree.leaves(jax.tree.map(one, a.variables["params"], b.variables["params"])))


def same(a, b, **tolerance):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, **tolerance), a.variables, b.variables)


@pytest.mark.parametrize(
    ("norm", "absolute"),
    [(norm, absolute) for norm in NORMS for absolute in (False, True) if not (absolute and norm[0] == "layer")],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "mirrored" if value else "signed",
)
def test_weight_matching_finds_a_planted_order(norm, absolute):
    model = MLP(WIDTHS, OUTPUTS, "tanh", norm=norm[0], norm_position=norm[1])
    network = random_network(0, model)
    fit = jax.jit(lambda b, key: networks.permute(b, *barriers.weight_matching(network, b, key, absolute=absolute)))
    for seed in range(5):
        hidden = networks.permute(network, random_orders(seed), random_signs(seed) if absolute else None)
        same(fit(hidden, jax.random.key(seed)), network)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_weight_matching_of_one_hidden_layer_is_the_best_there_is(seed):
    model = MLP((4,), OUTPUTS, "tanh", norm="batch")
    a, b = random_network(seed, model), random_network(seed + 1, model)
    for absolute in (False, True):
        found = _weight_matching(a, b, jax.random.key(0), absolute=absolute)
        reached = product(a, networks.permute(b, *found))
        signs = list(itertools.product([-1.0, 1.0] if absolute else [1.0], repeat=4))
        trials = np.array([(order, sign) for order in itertools.permutations(range(4)) for sign in signs])
        orders, mirrors = trials[:, 0].astype(int), trials[:, 1]
        best = product(a, _permuted(b, orders, mirrors)).max()
        np.testing.assert_allclose(reached, best, rtol=1e-4, atol=1e-4)


_weight_matching = jax.jit(barriers.weight_matching, static_argnames="absolute")
_permuted = jax.jit(jax.vmap(lambda b, order, sign: networks.permute(b, (order,), (sign,)), in_axes=(None, 0, 0)))


def test_no_layer_alone_can_improve_a_weight_matching():
    a, b = random_network(0, MLP((4, 5), OUTPUTS)), random_network(1, MLP((4, 5), OUTPUTS))
    orders, signs = _weight_matching(a, b, jax.random.key(0))
    assert signs is None
    aligned = networks.permute(b, orders)
    reached = product(a, aligned)
    assert reached > product(a, b) + 1
    first, second = (np.array(list(itertools.permutations(range(width)))) for width in (4, 5))
    permute = jax.vmap(networks.permute, in_axes=(None, 0))
    for orders in ((first, np.tile(np.arange(5), (24, 1))), (np.tile(np.arange(4), (120, 1)), second)):
        assert product(a, permute(aligned, orders)).max() <= reached + 1e-3


def test_weight_matching_of_a_broken_network_ends():
    a, b = random_network(0), jax.tree.map(lambda leaf: leaf * jnp.nan, random_network(1))
    orders, _ = _weight_matching(a, b, jax.random.key(0))
    assert [sorted(order.tolist()) for order in orders] == [list(range(width)) for width in WIDTHS]


def between(weight, a, b):
    return Network(a.model, jax.tree.map(lambda x, y: (1 - weight) * x + weight * y, a.variables, b.variables))


def with_statistics_of(network, images):
    """Batch norm's statistics layer by layer, each of what reaches its norm when those before are done."""
    model, variables = network.model, network.variables
    for layer in range(len(model.widths)):
        x = (images - model.input_mean) / model.input_std
        if layer:
            site = f"hidden{layer - 1}/{'norm' if model.norm_position == 'after' else 'post'}"
            x = np.asarray(Network(model, variables)(images)[1][site])
        weights = variables["params"][f"hidden{layer}"]
        x = x @ np.asarray(weights["kernel"]) + np.asarray(weights["bias"])
        if model.norm_position == "after":
            x = networks.activation_function(model)(x)
        statistics = {"mean": jnp.asarray(x.mean(0)), "var": jnp.asarray(x.var(0))}
        variables = {**variables, "batch_stats": {**variables["batch_stats"], f"norm{layer}": statistics}}
    return Network(model, variables)


@pytest.mark.parametrize("norm", NORMS, ids=ids)
def test_a_barrier_is_the_definition(norm):
    model = MLP(WIDTHS, OUTPUTS, "tanh", norm=norm[0], norm_position=norm[1], input_mean=0.3, input_std=0.5)
    a, others = random_network(1, model), random_data(1).images
    b = jax.tree.map(lambda leaf: 1.1 * leaf, networks.permute(a, random_orders(1)))
    images = random_data(0).images
    data = Dataset(images, np.asarray(metrics.predictions("cross_entropy", a(images)[0])))
    found = jax.jit(lambda a, b: barriers.barrier(a, b, data, points=4, statistics=others))(a, b)
    losses, accuracy = [], []
    for weight in (0, 1 / 3, 2 / 3, 1):
        network = between(weight, a, b)
        if norm[0] == "batch":
            network = with_statistics_of(network, others)
        logits, _ = network(data.images)
        losses.append(float(metrics.losses("cross_entropy", logits, data.labels).mean()))
        accuracy.append(float(np.mean(np.argmax(logits, -1) == data.labels)))
    np.testing.assert_allclose(found.loss, losses, rtol=1e-4)
    np.testing.assert_allclose(found.accuracy, accuracy, atol=1e-6)
    above = [losses[k] - (1 - k / 3) * losses[0] - k / 3 * losses[3] for k in range(4)]
    np.testing.assert_allclose(found.barrier, max(above), atol=1e-4)
    assert max(above) > 0.01


def test_a_barrier_counts_whatever_loss_is_asked_for():
    model = MLP((4,), 1)
    a, b = random_network(0, model), random_network(1, model)
    data = random_data()
    found = barriers.barrier(a, b, data.replace(labels=data.labels % 2), points=2, loss="squared_error")
    expected = [np.mean((network(data.images)[0][:, 0] - data.labels % 2) ** 2) for network in (a, b)]
    np.testing.assert_allclose(found.loss, expected, rtol=1e-5)
    np.testing.assert_allclose(found.barrier, 0, atol=1e-6)


def test_without_hidden_layers_the_loss_is_convex_and_has_no_barrier():
    a, b = (random_network(seed, MLP((), OUTPUTS)) for seed in range(2))
    found = barriers.barrier(a, b, random_data())
    np.testing.assert_allclose(found.barrier, 0, atol=1e-6)
    assert found.loss[5] < (found.loss[0] + found.loss[10]) / 2 - 0.01


def test_permuted_copies_of_a_trained_network_have_a_barrier_until_they_are_matched(toy, trained):
    images = toy[1].test
    network = ensemble.take(trained.networks, 0)
    orders = tuple(np.stack([random_orders(seed, network.model.widths)[at] for seed in range(4)]) for at in range(2))
    copies = networks.permute(jax.tree.map(lambda leaf: jnp.stack([leaf] * 4), network), orders)
    key = jax.random.key(0)

    def both(a, b):
        aligned = networks.permute(b, *barriers.weight_matching(a, b, key))
        return barriers.barrier(a, b, images), barriers.barrier(a, aligned, images)

    off = ~np.eye(4, dtype=bool)
    before, after = jax.jit(barriers.over_pairs(both, chunk=2))(copies)
    assert before.loss.shape == (4, 4, 11) and before.barrier.shape == (4, 4)
    assert (before.barrier[off] > 0.02).all()
    np.testing.assert_allclose(before.barrier[~off], 0, atol=1e-5)
    np.testing.assert_allclose(after.barrier, 0, atol=1e-5)

    # Their activations tell the same orders.
    activations = jax.jit(jax.vmap(lambda one: one(images.images)[1]))(copies)
    for layer, order in enumerate(orders):
        found = matching.match(matching.correlations(activations[f"hidden{layer}/post"]))
        live = ~np.isnan(found.value)
        same_unit = order[np.arange(4)[:, None], found.order] == order[:, None]
        assert live.any(axis=-1).all() and same_unit[live].all()


def test_over_pairs_is_a_loop_over_pairs():
    members = [random_network(seed) for seed in range(3)]
    together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)

    def compare(a, b, factor):
        return factor * (a.variables["params"]["output"]["bias"] - 2 * b.variables["params"]["output"]["bias"])

    expected = [[compare(a, b, 3.0) for b in members] for a in members]
    for chunk in (None, 2):
        found = barriers.over_pairs(compare, chunk=chunk)(together, 3.0)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _match(random_network(0), random_network(1, MLP((6, 4), OUTPUTS))), "must have the same model"),
        (lambda: _match(random_network(0), random_network(1), absolute=True), "signs need an odd activation function"),
        (lambda: _match(random_network(0, MLP(())), random_network(1, MLP(()))), "without hidden layers"),
        (lambda: _line(random_network(0), random_network(1, MLP((6, 4), OUTPUTS))), "must have the same model"),
        (lambda: _line(random_network(0), random_network(1), points=1), "points is 1: use 2 or more"),
        (lambda: _line(*[random_network(s, MLP(norm="batch")) for s in (0, 1)]), "pass statistics=images"),
    ],
    ids=["models", "even matching", "linear", "line", "points", "batch norm"],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def _match(a, b, **options):
    return barriers.weight_matching(a, b, jax.random.key(0), **options)


def _line(a, b, **options):
    return barriers.barrier(a, b, random_data(), **options)
