import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp.analysis import coalitions
from jaxinterp.analysis.coalitions import sets
from jaxinterp.errors import InputError

laws = settings(max_examples=30)
FAMILIES = st.lists(st.booleans(), min_size=32, max_size=32).map(np.array)


def packed(family):
    """The largest number of disjoint sets, by trying them all."""
    members = [subset for subset in range(1, len(family)) if family[subset]]

    def most(free, start):
        rest = [n for n in range(start, len(members)) if members[n] & ~free == 0]
        return max((1 + most(free & ~members[n], n + 1) for n in rest), default=0)

    return most(len(family) - 1, 0)


@laws
@given(FAMILIES)
@pytest.mark.parametrize("stacked", [12, 2])
def test_disjoint_sets_are_counted_exactly(stacked, family):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sets, "_STACKED", stacked)
        assert int(jax.jit(sets.disjoint_sets)(family)) == packed(family)


def test_many_rows_of_disjoint_sets():
    families = np.random.default_rng(0).uniform(size=(3, 15, 2**6)) < 0.1
    found = jax.jit(coalitions.disjoint_sets)(families)
    np.testing.assert_array_equal(found, [[packed(family) for family in rows] for rows in families])
    assert len(np.unique(found)) > 2


def test_the_smallest_set_is_the_best_of_the_smallest():
    values = np.float32([0, 0.2, 0.97, 0.99, 0.96, 0.1, 0.5, 1.0])
    sufficient = coalitions.sufficient(values)
    np.testing.assert_array_equal(np.flatnonzero(sufficient), [2, 3, 4, 7])
    found = coalitions.smallest(sufficient, values)
    assert (int(found.subset), float(found.size), int(found.number)) == (2, 1, 2)
    # Without units 0 and 2, .97 is left; without 1 and 2, .2; without 0 and 1, .96; of one unit, .1 without unit 1.
    assert np.flatnonzero(coalitions.necessary(values)).tolist() == [7]
    assert coalitions.smallest(coalitions.necessary(values, left=0.15), -values[::-1]).size == 1
    nothing = coalitions.smallest(coalitions.sufficient(0 * values), values)
    assert np.isnan(nothing.size) and int(nothing.number) == 0
    unknown = coalitions.sufficient(np.full(8, np.nan, np.float32))
    assert not unknown.any()


def test_a_set_is_chosen_on_one_half_and_scored_on_the_other():
    choosing, scoring = jnp.zeros((1, 8)), jnp.zeros((1, 8))
    choosing = choosing.at[0, [4, 7]].set(jnp.array([0.99, 1.0]))  # unit 2 alone
    scoring = scoring.at[0, [1, 4, 7]].set(jnp.array([0.9, 0.45, 0.9]))  # there it keeps half, and unit 0 all
    found = coalitions.searched(choosing, scoring)
    assert found.enough.size == 1 and found.kept == found.one_kept == 0.5
    none = coalitions.searched(0 * choosing, scoring)
    assert np.isnan(none.enough.size) and np.isnan(none.kept) and np.isnan(none.needed.size)


def test_seventeen_units_are_too_many_to_pack():
    with pytest.raises(InputError, match="use at most 16 units"):
        coalitions.disjoint_sets(np.zeros(2**17, bool))
