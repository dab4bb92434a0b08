"""Every measure is held to what it declares of itself."""

import typing

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp.analysis import similarity
from jaxinterp.analysis.similarity.measure import Invariance
from jaxinterp.errors import InputError

EXAMPLES, UNITS = 40, 5
INVARIANCES = typing.get_args(Invariance)
DRAWS = 5
NETWORKS = 1 + DRAWS * len(INVARIANCES)
all_pairs = jax.jit(similarity.all_pairs, static_argnames=("measure", "chunk"))
# What a layer that is constant over the examples has instead of NaN: with itself, with another, another with it.
CONSTANT = {name: (1.0, "finite", "finite") for name in ("cosine", "sorted_cosine", "pearson", "sorted_pearson")}
CONSTANT |= {"size_and_shape": (0.0, "finite", "finite"), "predictivity": (np.nan, "finite", np.nan)}


def compared(measure, x, y=None):
    """Always of the same shape, so that each measure is compiled once."""
    with jax.enable_x64(True):
        return np.asarray(all_pairs(measure, x, x if y is None else y, chunk=8))


def random_layers():
    return np.tanh(np.random.default_rng(0).normal(size=(NETWORKS, EXAMPLES, UNITS)))


def changed(kind, x, rng):
    units = x.shape[-1]
    if kind == "permutation":
        return x[:, rng.permutation(units)]
    if kind == "orthogonal":
        return x @ np.linalg.qr(rng.normal(size=(units, units)))[0]
    if kind == "isotropic scaling":
        return x * np.exp(rng.uniform(-3, 3))
    if kind == "translation":
        return x + rng.uniform(-3, 3, units)
    return x @ (np.linalg.qr(rng.normal(size=(units, units)))[0] * np.exp(rng.uniform(-1, 1, units)))


@pytest.mark.parametrize("name", similarity.MEASURES)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**31 - 1))
def test_a_measure_sees_what_it_declares_to_see_and_nothing_else(name, seed):
    measure, rng = similarity.MEASURES[name], np.random.default_rng(seed)
    seen, sizes = rng.normal(size=(EXAMPLES, UNITS)), np.array([4, 2, 1, 0.1, 0.05])  # the last two for SVCCA to miss
    x, y = (np.tanh(seen @ rng.normal(size=(UNITS, UNITS)) + rng.normal(size=seen.shape)) * sizes for _ in range(2))
    # Network 0 as it is; the others are changed, and only compared with the one that was changed in the same way.
    first, second = ([z] + [changed(kind, z, rng) for kind in INVARIANCES for _ in range(DRAWS)] for z in (x, y))
    table = compared(measure, np.stack(first), np.stack(second))
    value, rest = table[0, 0], table.diagonal()[1:].reshape(-1, DRAWS)
    for kind, values in zip(INVARIANCES, rest, strict=True):
        if kind in measure.invariances:
            np.testing.assert_allclose(values, value, rtol=1e-8, atol=1e-10)
        else:
            assert np.abs(values - value).max() > 1e-5, kind
    low, high = measure.range
    assert (table >= low - 1e-9).all() and (table <= high + 1e-9).all()


@pytest.mark.parametrize("name", similarity.MEASURES)
def test_equal_layers_have_the_best_value_and_pairs_the_declared_symmetry(name):
    measure = similarity.MEASURES[name]
    table = compared(measure, random_layers())
    np.testing.assert_allclose(table.diagonal(), measure.best, atol=1e-6)
    off = table[~np.eye(NETWORKS, dtype=bool)]
    assert (off < measure.best - 1e-3).all() if measure.direction == "higher" else (off > measure.best + 1e-3).all()
    assert np.allclose(table, table.T, atol=1e-10) is measure.symmetric


@pytest.mark.parametrize("name", similarity.MEASURES)
def test_constant_and_broken_networks_leave_others_alone(name):
    measure, x = similarity.MEASURES[name], random_layers()
    whole = compared(measure, x)
    x[1], x[2, 0, 0] = np.arange(UNITS) + 0.1, np.nan
    hurt = compared(measure, x)
    np.testing.assert_allclose(hurt[3:, 3:], whole[3:, 3:], atol=1e-10)
    assert np.isnan(hurt[2]).all() and np.isnan(hurt[:, 2]).all()
    for found, expected in zip((hurt[1, 1], hurt[1, 0], hurt[0, 1]), CONSTANT.get(name, [np.nan] * 3), strict=True):
        assert np.isfinite(found) if expected == "finite" else np.allclose(found, expected, equal_nan=True, atol=1e-6)


@pytest.mark.parametrize("name", similarity.MEASURES)
def test_too_few_examples_are_refused(name):
    measure = similarity.MEASURES[name]
    x = np.zeros((2, measure.least_examples - 1, UNITS), np.float32)
    with pytest.raises(InputError, match=f"{name} needs the same {measure.least_examples} or more examples, got"):
        similarity.all_pairs(measure, x)


def test_mismatched_layers_are_refused():
    x = np.zeros((2, 15, 3), np.float32)
    for measure in similarity.MEASURES.values():
        with pytest.raises(InputError, match="got 15 and 14"):
            similarity.all_pairs(measure, x, x[:, 1:])
    with pytest.raises(InputError, match="cosine needs the same number of units in both, got 3 and 2"):
        similarity.all_pairs(similarity.MEASURES["cosine"], x, x[..., 1:])
