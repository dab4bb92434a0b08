import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import reference

from jaxinterp.analysis import similarity
from jaxinterp.errors import InputError

SEEDS, EXAMPLES, UNITS = 3, 13, 5
per_example = jax.jit(similarity.per_example, static_argnames=("sort", "chunk"))
arrays = hnp.arrays(
    np.float32, (SEEDS, EXAMPLES, UNITS), elements=st.floats(-4, 4, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)
)


def gaussian(seed, shape=(SEEDS, EXAMPLES, UNITS)):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize("chunk", [4, 64])
def test_per_example_is_the_definition(sort, chunk):
    x, y = gaussian(0), gaussian(1).at[0, 2].set(0).at[1, 4].set(3.7)
    fast = per_example(x, y, sort=sort, chunk=chunk)
    for centre, (mean, sd) in ((False, fast[:2]), (True, fast[2:])):
        expected = reference.per_example(x, y, sort=sort, centre=centre)
        np.testing.assert_allclose(mean, expected[0], atol=1e-5)
        np.testing.assert_allclose(sd, expected[1], atol=1e-5)


def test_bytes_are_compared_as_numbers():
    x = np.random.default_rng(0).integers(0, 256, (SEEDS, EXAMPLES, UNITS), np.uint8)
    np.testing.assert_allclose(similarity.per_example(x), similarity.per_example(x.astype(np.float32)), rtol=1e-5)


def test_its_means_are_the_measures_of_those_names():
    x, y = gaussian(0), gaussian(1).at[0, 2].set(0).at[1, 4].set(3.7)
    for prefix, sort in (("", False), ("sorted_", True)):
        found = per_example(x, y, sort=sort)
        for name, mean in (("cosine", found.cosine_mean), ("pearson", found.pearson_mean)):
            measure = similarity.MEASURES[prefix + name]
            np.testing.assert_allclose(similarity.all_pairs(measure, x, y), mean, atol=1e-5)


@settings(max_examples=25)
@given(arrays)
def test_sorting_never_lowers_similarity(x):
    raw, ordered = per_example(x), per_example(x, sort=True)
    for low, high in ((raw.cosine_mean, ordered.cosine_mean), (raw.pearson_mean, ordered.pearson_mean)):
        assert np.array_equal(np.isnan(low), np.isnan(high))
        assert np.all((high >= low - 1e-4) | np.isnan(low))


@settings(max_examples=25)
@given(arrays, st.permutations(range(UNITS)))
def test_similarity_is_symmetric_and_one_with_itself_however_units_are_ordered(x, order):
    raw, ordered = per_example(x), per_example(x, x[:, :, np.array(order)], sort=True)
    for result in (raw, ordered):
        for mean in (result.cosine_mean, result.pearson_mean):
            np.testing.assert_allclose(mean, mean.T, atol=1e-5)
            own = np.diag(mean)
            np.testing.assert_allclose(own[~np.isnan(own)], 1, atol=1e-5)
        np.testing.assert_allclose(np.nan_to_num(np.diag(result.cosine_sd)), 0, atol=1e-5)


def test_one_shift_for_all_units_is_seen_by_the_cosine_alone():
    x = gaussian(0)
    raw = per_example(x)
    np.testing.assert_allclose(per_example(x, 0.1 * x + 7).pearson_mean, raw.pearson_mean, atol=1e-4)
    assert not np.allclose(per_example(x, x + 7).cosine_mean, raw.cosine_mean, atol=0.1)


def test_examples_without_direction_are_left_out_and_broken_networks_stay_alone():
    x = gaussian(0).at[1].set(0.3).at[2, 0, 0].set(jnp.nan)
    result = per_example(x)
    assert np.isnan(result.pearson_mean[1]).all() and not np.isnan(result.cosine_mean[0, 1])
    without = per_example(x[:, 1:])
    np.testing.assert_allclose(result.cosine_mean[2, 0], without.cosine_mean[2, 0], atol=1e-6)
    broken = per_example(x.at[2].set(jnp.nan))
    assert np.isnan(broken.cosine_mean[2]).all() and not np.isnan(broken.cosine_mean[:2, :2]).any()


def test_sorted_samples_of_one_distribution_are_alike_though_nothing_is_shared():
    x = gaussian(0, (4, 50, 32))
    off = ~np.eye(4, dtype=bool)
    assert np.abs(per_example(x).cosine_mean)[off].max() < 0.1
    assert per_example(x, sort=True).cosine_mean[off].min() > 0.9


def test_agreement_counts_equal_answers():
    answers = jnp.array([[0, 1, 2, 3], [0, 1, 2, 0], [3, 2, 1, 0]])
    np.testing.assert_allclose(similarity.agreement(answers), [[1, 0.75, 0], [0.75, 1, 0.25], [0, 0.25, 1]])


def test_chance_agreement_is_that_of_independent_errors():
    rng = np.random.default_rng(0)
    accuracy = np.array([1.0, 0.9, 0.6, 0.25])
    answers = np.where(rng.uniform(size=(4, 200_000)) < accuracy[:, None], 0, rng.integers(1, 4, (4, 200_000)))
    chance = similarity.chance_agreement(accuracy, classes=4)
    for i, j in ((0, 1), (1, 2), (2, 3)):
        assert chance[i, j] == pytest.approx(np.mean(answers[i] == answers[j]), abs=0.005)
    assert chance[3, 3] == pytest.approx(0.25)


def test_mismatched_inputs_are_refused():
    with pytest.raises(InputError, match="both need the same examples and units"):
        similarity.per_example(gaussian(0), gaussian(0)[:, :, :2])
