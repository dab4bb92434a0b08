import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxinterp.analysis import responses
from jaxinterp.studies.llm_labels import profiles

LABELS = np.random.default_rng(0).integers(0, 4, 200)


def activations(seed=0, units=5):
    rng = np.random.default_rng(seed)
    return np.maximum(rng.normal(size=(200, units)) + LABELS[:, None] * rng.uniform(0, 1, units), 0).astype(np.float32)


def profile(values, labels=LABELS, classes=4):
    found = jax.jit(profiles.profile, static_argnames="classes")(jnp.asarray(values), labels, classes=classes)
    return {name: np.asarray(each) for name, each in found.items()}


def test_what_is_explained_is_that_of_an_analysis_of_variance():
    values = activations()
    found = profile(values)["explained"]
    for unit in range(values.shape[1]):
        f = scipy.stats.f_oneway(*(values[LABELS == label, unit] for label in range(4))).statistic
        between, within = 3, 196
        assert found[unit] == pytest.approx(f * between / (f * between + within), rel=1e-4)


def test_a_look_up_table_of_digits_is_explained_whole_and_a_constant_is_undefined():
    table = np.array([3.0, 0.0, 1.0, 2.0], np.float32)
    values = np.stack([table[LABELS], np.full(200, 2.0, np.float32)], axis=1)
    found = profile(values)
    assert found["explained"][0] == pytest.approx(1, abs=1e-5) and np.isnan(found["explained"][1])
    assert found["digits"].tolist() == [2, 4] and found["fired"].tolist() == [3, 4]


def test_a_dead_unit_answers_to_nothing_and_one_that_is_not_finite_harms_no_other():
    values = activations(units=3)
    alone = profile(values)
    values[:, 1] = 0
    dead = profile(values)
    assert dead["digits"][1] == dead["fired"][1] == 0
    values[:, 1] = np.nan
    unknown = profile(values)
    for name in alone:
        assert np.isnan(unknown[name][1])
        np.testing.assert_array_equal(unknown[name][[0, 2]], alone[name][[0, 2]])


def test_a_class_without_examples_counts_nowhere():
    values = activations()
    for few, more in zip(profile(values).values(), profile(values, classes=6).values(), strict=True):
        np.testing.assert_allclose(few, more, rtol=1e-6)


def test_the_index_is_that_of_selectivity():
    values = jnp.asarray(activations())
    expected = responses.selectivity(values, LABELS, classes=4).index
    np.testing.assert_allclose(profiles.index(values, LABELS, classes=4), expected, rtol=1e-4, atol=1e-6)
