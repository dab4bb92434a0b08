"""Counts of directions: known spectra, the definition in double precision, and no dependence on the basis."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp.analysis import spectrum


@pytest.mark.parametrize("count", [spectrum.participation_ratio, spectrum.effective_rank])
@pytest.mark.parametrize(("variances", "expected"), [([1, 1, 1, 1], 4), ([0, 0, 7, 0], 1), ([2, 2, 0], 2)])
def test_equal_variances_are_as_many_directions(count, variances, expected):
    assert float(count(np.float32(variances))) == pytest.approx(expected, rel=1e-5)
    assert np.isnan(count(np.full(3, np.nan, np.float32)))


@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(2**-7, 1, width=32)))
def test_small_directions_count_for_more_in_the_effective_rank(variances):
    participation, rank = (np.asarray(fn(variances)) for fn in (spectrum.participation_ratio, spectrum.effective_rank))
    assert (participation > 0.999).all() and (participation < rank + 1e-4).all() and (rank < 5.001).all()


def test_variances_are_squared_singular_values_and_do_not_depend_on_the_basis():
    activations = np.random.default_rng(0).normal(size=(50, 6)) * [5, 3, 1, 1, 0.5, 0] + 7
    activations[:, 5] = activations[:, 0]  # a copy adds no direction
    expected = np.linalg.svd(activations - activations.mean(0), compute_uv=False) ** 2
    turned = activations @ scipy.stats.ortho_group.rvs(6, random_state=0) * 3
    for values in (activations, turned):
        found = np.asarray(spectrum.variances(np.float32(values)))
        np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-5)
        assert found[-1] == 0
    assert np.isnan(spectrum.variances(np.ones((50, 3), np.float32))).all()
    few = np.asarray(spectrum.variances(np.float32(activations[:3])))  # three images lie in a plane
    assert few.shape == (6,) and (few[:2] > 0).all() and not few[2:].any()
