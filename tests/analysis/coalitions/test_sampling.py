from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.coalition_networks import CLASSES, DATA, random_network

from jaxinterp import metrics
from jaxinterp.analysis import ablation, coalitions
from jaxinterp.analysis.coalitions import indices, sampling
from jaxinterp.errors import InputError

KEY = jax.random.key(5)
NETWORKS = {"plain": random_network(), "normed": random_network(1, norm="layer", norm_position="after")}
of = jax.jit(coalitions.table, static_argnames=("kind", "chunk"))


@pytest.fixture(scope="module")
def layer_of_sixteen():
    """Each class's loss with every coalition of a layer of 16 units, and their Shapley values."""
    values = of(random_network(3, units=16), DATA, kind="mean").loss[:3]
    return values, coalitions.of_units(coalitions.shapley(values))


def looked_up(values):
    """A game whose values are in a table."""
    units = indices.units_of(values)
    return lambda kept: values.T[kept @ (2 ** np.arange(units))]


def test_pairs_of_orders_make_pairwise_values_exact():
    rng = np.random.default_rng(0)
    terms = rng.normal(size=64) * (indices.sizes(6) <= 2)
    values = coalitions.from_moebius(np.float32(terms))
    exact = coalitions.of_units(coalitions.shapley(values))
    found = sampling.sampled_game(KEY, looked_up(values), units=6, pairs=8)
    np.testing.assert_allclose(found.value, exact, atol=1e-5)
    np.testing.assert_allclose(found.error, 0, atol=1e-4)


def test_standard_errors_are_calibrated_where_the_truth_is_known(layer_of_sixteen):
    values, exact = layer_of_sixteen
    runs, pairs = 200, 128
    one = partial(sampling.sampled_game, values=looked_up(values), units=16, pairs=pairs)
    found = jax.jit(lambda keys: jax.lax.map(one, keys))(jax.random.split(KEY, runs))
    off = np.asarray(found.value) - exact.T
    np.testing.assert_allclose(found.value.sum(axis=1), np.tile(values[:, -1] - values[:, 0], (runs, 1)), atol=1e-4)
    known = np.asarray(found.error).mean(axis=0) > 1e-4  # units that add something
    off, error = off[:, known], np.asarray(found.error)[:, known]
    ratio = np.mean(off**2, axis=0) / np.mean(error**2, axis=0)
    assert known.sum() > 20 and 0.95 < ratio.mean() < 1.05 and 0.6 < ratio.min() and ratio.max() < 1.6
    assert 0.93 < np.mean(np.abs(off) < 2 * error) < 0.97
    assert np.abs(off.mean(axis=0) / off.std(axis=0) * np.sqrt(runs)).max() < 4
    # Without pairs and the control variate, as many coalitions leave more error.
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(16), (4000, 1)), axis=1)
    table = np.asarray(values)
    added = np.zeros((4000, 16, 3))
    for place in range(16):
        before = (2 ** orders[:, :place]).sum(axis=1)
        unit = orders[:, place]
        added[np.arange(4000), unit] = (table[:, before + 2**unit] - table[:, before]).T
    plain = added.var(axis=0)[known] / (2 * pairs)
    assert np.mean(off**2) < 0.7 * plain.mean()


def test_a_layer_before_the_last_is_sampled():
    network = random_network(4)
    measure = partial(metrics.by_class, labels=jnp.asarray(DATA.labels), classes=CLASSES)

    def recall(logits, labels):
        return measure(metrics.correct("cross_entropy", logits, labels))

    options = {"site": "hidden0/post", "kind": "mean"}
    found = jax.jit(
        lambda network: coalitions.sampled(KEY, network, DATA, measure=recall, pairs=64, chunk=32, **options)
    )(network)
    every = ablation.groups(network, DATA, ~ablation.subsets(7), measure=recall, **options)
    exact = coalitions.of_units(coalitions.shapley(every.T))[:3].T
    z = (found.value[:, :3] - exact) / np.maximum(found.error[:, :3], 1e-4)
    assert found.value.shape == (7, CLASSES) and float(jnp.abs(z).max()) < 4 and float(jnp.abs(exact).max()) > 0.01


@pytest.mark.parametrize("pairs", [6, 9])
def test_too_few_orders_have_no_error(pairs):
    with pytest.raises(InputError, match="use an even number from 8 on"):
        sampling.sampled_game(KEY, lambda kept: kept.sum(axis=1), units=4, pairs=pairs)
