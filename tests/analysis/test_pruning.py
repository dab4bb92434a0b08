import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.linear_model
from support import planted
from support.random_networks import random_network

from jaxinterp import metrics, networks
from jaxinterp.analysis import pruning
from jaxinterp.config import ModelConfig, TrainConfig

SHARES = np.array([0.0, 0.25, 0.5, 0.75])
LOSS = "cross_entropy"
TRAIN = TrainConfig(optimizer="sgd", learning_rate=0.1, batch_size=16)
SCORES = {
    "unit": jax.jit(functools.partial(pruning.unit_scores, loss=LOSS)),
    "weight": jax.jit(functools.partial(pruning.weight_scores, loss=LOSS)),
}
retrained = jax.jit(pruning.retrained, static_argnames=("config", "epochs"))


@pytest.fixture
def network(key):
    """9-8-6-4 with random variables of both signs."""
    drawn = random_network(ModelConfig((8, 6), 4), planted.PIXELS, key)
    return jax.tree.map(lambda leaf: leaf - 0.35 * (leaf.ndim > 1), drawn)


@pytest.fixture(scope="module")
def data():
    return planted.data(80)


def at(masks, criterion, level):
    return jax.tree.map(lambda leaf: leaf[pruning.CRITERIA.index(criterion), level], masks)


def test_pruning_dead_units_changes_no_logit(data, key):
    network = planted.network()
    scores = SCORES["unit"](network, data, key)
    masks = at(pruning.unit_masks(network, scores, np.array([1 / planted.UNITS])), "activation", 0)
    assert not masks["hidden0"]["kernel"][:, planted.DEAD].any() and not masks["output"]["kernel"][planted.DEAD].any()
    pruned = networks.masked(network, masks)
    np.testing.assert_array_equal(pruned(data.images)[0], network(data.images)[0])


def test_units_are_scored_by_what_the_criteria_say(data, key):
    network = planted.network()
    scores = dict(zip(pruning.CRITERIA, SCORES["unit"](network, data, key)[1], strict=True))
    assert scores["selectivity"][planted.ALONE] == 0.5  # one class alone activates it
    values = np.asarray(network(data.images)[1]["hidden1/post"])
    np.testing.assert_allclose(scores["activation"], values.mean(axis=0), rtol=1e-5)
    params = network.variables["params"]
    np.testing.assert_allclose(scores["magnitude"], 1)  # of the identity
    size = np.linalg.norm(np.asarray(params["output"]["kernel"]), axis=1)
    np.testing.assert_allclose(scores["weight × spread"], size * values.std(axis=0), rtol=1e-4, atol=1e-6)
    logits = network(data.images)[0]
    for unit in range(planted.UNITS):
        without = logits - values[:, [unit]] * params["output"]["kernel"][unit]
        cost = np.mean(metrics.losses(LOSS, without, data.labels) - metrics.losses(LOSS, logits, data.labels))
        assert float(scores["damage"][unit]) == pytest.approx(float(cost), abs=1e-5)
    assert len(set(scores["random"].tolist())) == planted.UNITS


def test_the_damage_of_a_weight_is_that_of_the_loss(network, data, key):
    scores = SCORES["weight"](network, data, key)
    small = 1e-3

    def loss(kernel):
        params = network.variables["params"] | {"hidden1": network.variables["params"]["hidden1"] | {"kernel": kernel}}
        return float(
            metrics.losses(LOSS, network.replace(variables={"params": params})(data.images)[0], data.labels).mean()
        )

    kernel, criterion = network.variables["params"]["hidden1"]["kernel"], pruning.CRITERIA.index
    for place in ((0, 0), (3, 5)):
        change = loss(kernel) - loss(kernel.at[place].multiply(1 - small))
        assert float(scores["hidden1"][(criterion("damage"), *place)]) == pytest.approx(
            abs(change) / small, rel=0.05, abs=1e-4
        )
    pixels = data.images.std(axis=0)[:, None] * np.abs(network.variables["params"]["hidden0"]["kernel"])
    np.testing.assert_allclose(scores["hidden0"][criterion("weight × spread")], pixels, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("what", ["unit", "weight"])
def test_the_same_share_of_every_layer_is_pruned_lowest_scores_first(network, data, key, what):
    scores = SCORES[what](network, data, key)
    masks = getattr(pruning, f"{what}_masks")(network, scores, SHARES)
    assert all((leaf[:, 0] == 1).all() for leaf in jax.tree.leaves(masks))
    for number, layer in enumerate(network.model.layers):
        kernel = np.asarray(masks[layer.name]["kernel"])
        own = scores[number] if what == "unit" else scores[layer.name].reshape(len(pruning.CRITERIA), -1)
        gone = ~kernel.any(axis=2) if what == "unit" else (kernel == 0).reshape(*kernel.shape[:2], -1)
        expected = np.round(SHARES * own.shape[1])
        assert (gone.sum(axis=2) == expected).all() and (np.diff(gone.astype(int), axis=1) >= 0).all()
        for criterion in range(len(pruning.CRITERIA)):
            lost, left = (own[criterion][mask] for mask in (gone[criterion, 2], ~gone[criterion, 2]))
            assert lost.max() <= left.min()
    if what == "weight":
        assert all((masks[name]["bias"] == 1).all() for name in masks)


def test_output_weights_are_refitted_by_least_squares(network, data, key):
    scores = SCORES["unit"](network, data, key)
    mask = at(pruning.unit_masks(network, scores, SHARES), "magnitude", 2)
    found = pruning.refitted(network, mask, data.images)
    left = np.asarray(mask["output"]["kernel"][:, 0], bool)
    read = np.asarray(networks.masked(network, mask)(data.images)[1]["hidden1/post"])
    fit = sklearn.linear_model.LinearRegression().fit(read[:, left], network(data.images)[0])
    np.testing.assert_allclose(found(data.images)[0], fit.predict(read[:, left]), atol=1e-3)
    assert not found.variables["params"]["output"]["kernel"][~left].any()


def test_refitting_undoes_what_is_redundant(network, data):
    """Without a unit that copies another the output weights give all of it back; without any, nothing changes."""
    params = network.variables["params"]
    copied = {name: leaf.at[..., 1].set(leaf[..., 0]) for name, leaf in params["hidden1"].items()}
    network = network.replace(variables={"params": {**params, "hidden1": copied}})
    expected = network(data.images)[0]
    for units in (np.ones(6, bool), np.arange(6) != 1):
        mask = networks.unit_masks(network, [np.ones(8, bool), units])
        np.testing.assert_allclose(pruning.refitted(network, mask, data.images)(data.images)[0], expected, atol=1e-3)
    assert np.abs(networks.masked(network, mask)(data.images)[0] - expected).max() > 0.03


def test_retraining_is_numpy_sgd_of_the_weights_that_are_left(network, data, key):
    scores = SCORES["weight"](network, data, key)
    masks = jax.tree.map(lambda leaf: leaf[4], pruning.weight_masks(network, scores, SHARES))
    found = retrained(network, masks, key, data, config=TRAIN, epochs=2)
    for level in range(len(SHARES)):
        mask = jax.tree.map(lambda leaf, level=level: leaf[level], masks)
        params = networks.masked(network, mask).variables["params"]

        def loss(params, rows, mask=mask):
            masked = jax.tree.map(jnp.multiply, params, mask)  # PyTorch's way: of the product of weights and mask
            logits, _ = network.replace(variables={"params": masked})(data.images[rows])
            return metrics.losses(LOSS, logits, data.labels[rows]).mean()

        for number in range(2):
            order = jax.random.permutation(jax.random.fold_in(key, number), len(data.labels))
            for rows in order.reshape(-1, TRAIN.batch_size):
                steps = jax.grad(loss)(params, rows)
                params = jax.tree.map(lambda leaf, step: leaf - TRAIN.learning_rate * step, params, steps)
        expected = jax.tree.map(jnp.multiply, params, mask)
        own = jax.tree.map(lambda leaf, level=level: leaf[level], found.variables["params"])
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), own, expected)


@pytest.mark.parametrize(
    "changes",
    [{"optimizer": "adamw", "weight_decay": 0.1, "l1": 0.01}, {"optimizer": "momentum", "weight_decay": 0.1}],
    ids=lambda changes: changes["optimizer"],
)
def test_what_is_pruned_stays_pruned_whatever_the_optimiser(network, data, key, changes):
    scores = SCORES["weight"](network, data, key)
    masks = jax.tree.map(lambda leaf: leaf[4], pruning.weight_masks(network, scores, SHARES))
    config = dataclasses.replace(TRAIN, learning_rate=0.01, **changes)
    found = retrained(network, masks, key, data, config=config, epochs=1)
    for mask, leaf, before in zip(
        *map(jax.tree.leaves, (masks, found.variables["params"], network.variables["params"])), strict=True
    ):
        assert (leaf[mask == 0] == 0).all() and (leaf != before)[mask == 1].mean() > 0.9


def test_retraining_recovers_what_pruning_costs(key):
    """A network that reads a class off either of two pixels can do without either."""
    data = planted.data(400)
    network = planted.network()
    masks = networks.unit_masks(network, [np.arange(6) != planted.PAIR[0], np.arange(6) != planted.ALONE])
    stacked = jax.tree.map(lambda leaf: leaf[None], masks)
    config = dataclasses.replace(TRAIN, optimizer="adam", learning_rate=0.03)
    found = retrained(network, stacked, key, data, config=config, epochs=8)

    def accuracy(network):
        return float(np.mean(network(data.images)[0].argmax(axis=-1) == data.labels))

    after = jax.tree.map(lambda leaf: leaf[0], found)
    assert accuracy(networks.masked(network, masks)) <= 0.75 and accuracy(after) > 0.95
