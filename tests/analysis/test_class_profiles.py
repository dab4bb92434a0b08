import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxinterp.analysis import class_profiles, responses
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, init

LABELS = np.random.default_rng(0).integers(0, 4, 200)


def activations(seed=0, units=5):
    rng = np.random.default_rng(seed)
    return np.maximum(rng.normal(size=(200, units)) + LABELS[:, None] * rng.uniform(0, 1, units), 0).astype(np.float32)


def profile(values, classes=4):
    found = jax.jit(class_profiles.profile, static_argnames="classes")(jnp.asarray(values), LABELS, classes=classes)
    return jax.tree.map(np.asarray, found)


def test_what_is_explained_is_that_of_an_analysis_of_variance():
    values = activations()
    found = profile(values)
    for unit in range(values.shape[1]):
        f = scipy.stats.f_oneway(*(values[LABELS == label, unit] for label in range(4))).statistic
        between, within = 3, 196
        assert found.explained[unit] == pytest.approx(f * between / (f * between + within), rel=1e-4)
    means = np.stack([values[LABELS == label].mean(axis=0) for label in range(4)])
    np.testing.assert_allclose([found.highest, found.lowest], [means.max(axis=0), means.min(axis=0)], rtol=1e-5)


def test_a_look_up_table_of_classes_is_explained_whole_and_a_constant_is_undefined():
    table = np.array([3.0, 0.0, 1.0, 2.0], np.float32)
    found = profile(np.stack([table[LABELS], np.full(200, 2.0, np.float32)], axis=1))
    assert found.explained[0] == pytest.approx(1, abs=1e-5) and np.isnan(found.explained[1])
    assert found.responds.tolist() == [2, 4] and found.active.tolist() == [3, 4]


def test_a_dead_unit_responds_to_nothing_and_one_that_is_not_finite_harms_no_other():
    values = activations(units=3)
    alone = profile(values)
    values[:, 1] = 0
    dead = profile(values)
    assert dead.responds[1] == dead.active[1] == 0
    values[:, 1] = np.nan
    for own, unknown in zip(alone, profile(values), strict=True):
        assert np.isnan(unknown[1]) or np.isinf(unknown[1])
        np.testing.assert_array_equal(unknown[[0, 2]], own[[0, 2]])


def test_a_class_without_examples_counts_nowhere():
    values = activations()
    for few, more in zip(profile(values), profile(values, classes=6), strict=True):
        np.testing.assert_allclose(few, more, rtol=1e-6)


def test_the_index_is_that_of_selectivity():
    values = jnp.asarray(activations())
    expected = responses.selectivity(values, LABELS, classes=4).index
    found = class_profiles.selectivity_index(values, LABELS, classes=4)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_selective_unit_is_above_its_null_and_its_digit_is_chosen_on_other_images():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    images = np.stack([labels == 1, rng.uniform(size=400)], axis=1).astype(np.float32)  # one tells digit 1, one noise
    first, second = Dataset(images[:200], labels[:200]), Dataset(images[200:], labels[200:])
    permuted = np.stack([rng.permutation(labels[200:]) for _ in range(40)])
    network = init(jax.random.key(0), MLP((2,), 3, initializer="torch"), 2)
    params = network.variables["params"]
    hidden = {"kernel": np.eye(2, dtype=np.float32), "bias": np.zeros(2, np.float32)}
    network = network.replace(variables={"params": {**params, "hidden0": hidden}})
    found = class_profiles.selective(network, first, second, permuted, site="hidden0/post")
    assert found.observed[0] > 0.99 and found.null[0] < 0.5 and abs(found.observed[1]) < 0.15
