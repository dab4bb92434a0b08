from itertools import combinations, permutations

import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp.analysis import ablation, coalitions
from jaxinterp.analysis.coalitions import indices

PLAYERS = 4
GAMES = st.lists(st.integers(-8, 8), min_size=2**PLAYERS, max_size=2**PLAYERS).map(lambda v: np.float32(v) / 4)
PERMUTATIONS = list(permutations(range(PLAYERS)))
INDICES = {"shapley": coalitions.shapley, "banzhaf": coalitions.banzhaf, "moebius": coalitions.moebius}
JITTED = {name: jax.jit(index) for name, index in INDICES.items()}
laws = settings(max_examples=30)


def difference(values, part, base):
    """Δ_T v(S), written out."""
    total = 0.0
    for size in range(len(part) + 1):
        for some in combinations(part, size):
            total += (-1) ** (len(part) - size) * values[base + sum(2**u for u in some)]
    return total


def in_order(values):
    """Shapley values by what each unit adds in every order."""
    added = np.zeros(PLAYERS)
    for order in PERMUTATIONS:
        before = 0
        for unit in order:
            added[unit] += values[before + 2**unit] - values[before]
            before += 2**unit
    return added / len(PERMUTATIONS)


@laws
@given(GAMES)
def test_shapley_values_are_means_over_orders_and_efficient(values):
    found = coalitions.of_units(JITTED["shapley"](values))
    np.testing.assert_allclose(found, in_order(values), atol=1e-5)
    np.testing.assert_allclose(found.sum(), values[-1] - values[0], atol=1e-5)


@laws
@given(GAMES)
def test_indices_of_all_orders_are_their_definitions(values):
    found = {name: np.asarray(index(values)) for name, index in JITTED.items()}
    for subset in range(2**PLAYERS):
        part = [unit for unit in range(PLAYERS) if subset >> unit & 1]
        bases = [base for base in range(2**PLAYERS) if not base & subset]
        steps = np.array([difference(values, part, base) for base in bases])
        size, rest = len(part), PLAYERS - len(part)
        assert found["moebius"][subset] == pytest.approx(difference(values, part, 0), abs=1e-4)
        assert found["banzhaf"][subset] == pytest.approx(steps.mean(), abs=1e-4)
        sizes = np.array([base.bit_count() for base in bases])
        shares = np.array([1 / ((rest + 1) * len(list(combinations(range(rest), k)))) for k in range(rest + 1)])
        assert found["shapley"][subset] == pytest.approx(shares[sizes] @ steps, abs=1e-4), size


@laws
@given(GAMES)
def test_sets_of_one_size_may_be_asked_for_alone(values):
    whole = np.asarray(JITTED["shapley"](values))
    for size in range(1, 4):
        sets = np.array(list(combinations(range(PLAYERS), size)))
        found = coalitions.shapley_of_sets(np.asarray(values, float), sets)
        np.testing.assert_allclose(found, whole[(1 << sets).sum(axis=1)], atol=1e-4)


@laws
@given(GAMES)
def test_moebius_inversion_gives_the_values_back(values):
    np.testing.assert_allclose(coalitions.from_moebius(JITTED["moebius"](values)), values, atol=1e-4)
    units = coalitions.of_units(np.arange(16.0))
    np.testing.assert_array_equal(units, [1, 2, 4, 8])


@laws
@given(GAMES, GAMES, st.integers(-3, 3))
def test_indices_are_linear(first, second, factor):
    for index in JITTED.values():
        joint = index(factor * first + second)
        np.testing.assert_allclose(joint, factor * index(first) + index(second), atol=1e-4)


@laws
@given(GAMES, st.integers(0, PLAYERS - 1), st.integers(0, PLAYERS - 1))
def test_a_unit_that_adds_nothing_has_none_and_two_that_add_alike_have_as_much(values, first, second):
    bits = np.arange(2**PLAYERS)
    dummy = values[bits & ~(1 << first)]
    for index in JITTED.values():
        found = np.asarray(index(dummy))
        np.testing.assert_allclose(found[(bits >> first & 1) == 1], 0, atol=1e-5)
    swapped = np.where((bits >> first & 1) == (bits >> second & 1), bits, bits ^ (1 << first | 1 << second))
    alike = values + values[swapped]
    for index in JITTED.values():
        units = coalitions.of_units(index(alike))
        assert float(units[first]) == pytest.approx(float(units[second]), abs=1e-4)


def test_sixteen_units_are_efficient_in_single_precision():
    values = np.random.default_rng(0).uniform(size=(3, 2**16)).astype(np.float32)
    found = coalitions.of_units(JITTED["shapley"](values))
    np.testing.assert_allclose(found.sum(axis=-1), values[:, -1] - values[:, 0], atol=1e-5)
    assert found.shape == (3, 16)


def test_single_ablations_predict_all_coalitions_of_an_additive_value_alone():
    weights = np.array([3.0, 1.0, 0.5, 2.0])
    additive = np.float32(ablation.subsets(4) @ weights)
    np.testing.assert_allclose(indices.single_damage(additive), weights)
    assert float(coalitions.additivity(additive)) == pytest.approx(1, abs=1e-5)
    redundant = np.float32(ablation.subsets(4).any(axis=1))  # no single unit is missed
    assert np.isnan(coalitions.additivity(redundant))
    mixed = np.random.default_rng(1).uniform(size=16).astype(np.float32)
    predicted = mixed[-1] - (~ablation.subsets(4)) @ np.asarray(indices.single_damage(mixed))
    expected = scipy.stats.spearmanr(mixed, predicted)[0]
    assert float(coalitions.additivity(mixed)) == pytest.approx(float(expected), abs=1e-5)
