import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import controls, ensemble, networks
from jaxinterp.networks import MLP

pytestmark = pytest.mark.usefixtures("optimized")  # bits are compared, and those depend on how a program is compiled

KEY = jax.random.key(0)
LABELS = jnp.array([0, 2, 1, 0, 2, 2, 0, 1, 1, 0])
ACTIVATIONS = jax.random.normal(jax.random.key(1), (10, 3))


def rows(array):
    return sorted(map(tuple, np.asarray(array)))


def test_untrained_seed_is_the_one_that_training_starts_from():
    model = MLP(widths=(4,), outputs=2, initializer="xavier_uniform")
    keys = ensemble.keys(7, 5)
    untrained = controls.untrained(keys, model, 6)
    third = networks.init(keys[3], model, 6)
    jax.tree.map(np.testing.assert_array_equal, ensemble.take(untrained, 3).variables, third.variables)


def test_shuffled_rows_move_whole_rows_alike_in_every_leaf():
    shuffled = controls.shuffled_rows(KEY, {"a": ACTIVATIONS, "b": jnp.arange(10)})
    assert rows(shuffled["a"]) == rows(ACTIVATIONS)
    np.testing.assert_array_equal(shuffled["a"], ACTIVATIONS[shuffled["b"]])
    assert not np.array_equal(shuffled["b"], np.arange(10))


def test_shuffled_within_class_keeps_every_row_in_its_class():
    order = controls.shuffled_within_class(KEY, jnp.arange(10), LABELS)
    assert sorted(order.tolist()) == list(range(10))
    np.testing.assert_array_equal(LABELS[order], LABELS)


def test_shuffles_within_class_are_all_equally_likely():
    labels = jnp.array([1, 0, 1, 1])
    draws = jax.vmap(lambda key: controls.shuffled_within_class(key, jnp.arange(4), labels))(
        jax.random.split(KEY, 3000)
    )
    _, counts = np.unique(np.asarray(draws), axis=0, return_counts=True)
    assert len(counts) == 6 and counts.min() > 400 and (np.asarray(draws)[:, 1] == 1).all()


def test_independent_columns_keep_each_marginal_and_break_rows():
    columns = controls.independent_columns(KEY, ACTIVATIONS)
    np.testing.assert_array_equal(np.sort(columns, axis=0), np.sort(ACTIVATIONS, axis=0))
    assert rows(columns) != rows(ACTIVATIONS)


@pytest.mark.parametrize(
    "control",
    [
        controls.shuffled_rows,
        controls.independent_columns,
        lambda key, x: controls.shuffled_within_class(key, x, LABELS),
    ],
)
def test_controls_jit_and_vmap_and_keep_the_type(control):
    keys = jax.random.split(KEY, 4)
    stacked = jnp.stack([ACTIVATIONS] * 4)
    lifted = jax.jit(jax.vmap(control))(keys, stacked)
    assert lifted.shape == stacked.shape and lifted.dtype == stacked.dtype
    np.testing.assert_array_equal(lifted[2], control(keys[2], ACTIVATIONS))
    assert not np.array_equal(lifted[0], lifted[1])


def test_an_ensembles_orders_are_those_of_each_null_and_differ_between_networks():
    orders = controls.orders(KEY, LABELS, seeds=3, units=5)
    assert orders.columns.shape == (2, 3, 10, 5)
    np.testing.assert_array_equal(np.sort(orders.rows), np.broadcast_to(np.arange(10), (3, 10)))
    np.testing.assert_array_equal(LABELS[orders.within_class], np.broadcast_to(LABELS, (3, 10)))
    np.testing.assert_array_equal(np.sort(orders.columns, axis=2)[0, 0, :, 0], np.arange(10))
    for order in (orders.rows, orders.within_class, orders.columns[0], orders.columns[1]):
        assert not np.array_equal(order[0], order[1])
    assert not np.array_equal(orders.columns[0], orders.columns[1])


def test_reordering_follows_each_networks_order():
    ensemble_ = jnp.stack([ACTIVATIONS, 2 * ACTIVATIONS, ACTIVATIONS + 1])
    orders = controls.orders(KEY, LABELS, seeds=3, units=5)  # more units than this layer has
    found = controls.reordered(ensemble_, orders.rows)
    np.testing.assert_array_equal(found[1], 2 * ACTIVATIONS[orders.rows[1]])
    found = controls.reordered(ensemble_, orders.columns[0])
    np.testing.assert_array_equal(found[2, :, 1], ACTIVATIONS[orders.columns[0, 2, :, 1], 1] + 1)
