from itertools import product

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp.analysis import factorial
from jaxinterp.errors import InputError

FACTORS = ("a", "b", "c")
cells = hnp.arrays(float, (2, 2, 2, 3), elements=st.floats(-10, 10))


def design(array):
    return xr.DataArray(array, dims=(*FACTORS, "seeds"))


@settings(max_examples=30, deadline=None)
@given(cells)
def test_effects_are_twice_the_coefficients_of_least_squares(array):
    codes = np.array(list(product((-1, 1), repeat=3)), float)
    subsets = list(factorial.effects_of(FACTORS))
    columns = [np.prod(codes[:, [FACTORS.index(name) for name in own]], axis=1) for own in subsets]
    fitted = np.linalg.lstsq(np.stack([np.ones(8), *columns], axis=1), array.reshape(8, 3), rcond=None)[0]
    for own, coefficient in zip(subsets, fitted[1:], strict=True):
        np.testing.assert_allclose(factorial.effect(design(array), FACTORS, own), 2 * coefficient, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(cells)
def test_a_main_effect_is_the_mean_with_less_the_mean_without(array):
    expected = array[:, 1].mean(axis=(0, 1)) - array[:, 0].mean(axis=(0, 1))
    np.testing.assert_allclose(factorial.effect(design(array), FACTORS, ["b"]), expected, atol=1e-9)
    on, off = (factorial.effect(design(array).isel(c=which), ("a", "b"), ["a"]) for which in (1, 0))
    np.testing.assert_allclose(factorial.effect(design(array), FACTORS, ["a", "c"]), (on - off) / 2, atol=1e-9)


def test_what_adds_up_has_no_interaction():
    a, b, c = np.meshgrid([0, 3.0], [0, -1.0], [0, 0.5], indexing="ij")
    added = design((a + b + c)[..., None] * np.ones(3))
    found = {own: float(factorial.effect(added, FACTORS, own)[0]) for own in factorial.effects_of(FACTORS)}
    assert found == pytest.approx({("a",): 3, ("b",): -1, ("c",): 0.5} | dict.fromkeys(list(found)[3:], 0))
    assert factorial.effect(added, FACTORS, ("a",)).dims == ("seeds",)


def test_an_arm_that_is_not_known_leaves_its_seed_without_effects():
    array = np.ones((2, 2, 2, 3))
    array[1, 0, 1, 2] = np.nan
    assert factorial.effect(design(array), FACTORS, ["a"]).isnull().to_numpy().tolist() == [False, False, True]


@pytest.mark.parametrize("of", [(), ("d",)])
def test_an_effect_is_of_factors_of_the_design(of):
    with pytest.raises(InputError, match="of one or more of a, b, c, not of"):
        factorial.effect(design(np.zeros((2, 2, 2, 3))), FACTORS, of)
    with pytest.raises(InputError, match="seeds must be a dimension with two entries"):
        factorial.effect(design(np.zeros((2, 2, 2, 3))), ("seeds",), ["seeds"])


def stages(*values):
    return xr.DataArray(np.array(values, float), dims="stages")


def test_values_at_a_loss_lie_on_the_line_between_stages():
    loss, values = stages(2.0, 1.0, 0.25), stages(0.1, 0.5, 0.9)
    found = [
        float(factorial.at_loss(values, loss, xr.DataArray(x), along="stages")) for x in (2.0, 1.0, 0.5, 0.25, 0.2, 3.0)
    ]
    np.testing.assert_allclose(found, [0.1, 0.5, 0.7, 0.9, np.nan, np.nan])
    rising = factorial.at_loss(stages(1, 2, 3, 4), stages(2, 1, 1.5, 0.5), xr.DataArray(1.0), along="stages")
    assert float(rising) == 2  # where it first falls so low
    gap = factorial.at_loss(stages(1, np.nan, 3), stages(2, 1, 0.5), xr.DataArray(1.0), along="stages")
    assert float(gap) == pytest.approx(2)


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(float, (4, 5), elements=st.floats(0.01, 5)), st.floats(0.05, 4))
def test_the_loss_itself_at_a_loss_is_that_loss(array, target):
    loss = xr.DataArray(np.sort(array, axis=1)[:, ::-1], dims=("seeds", "stages"))
    found = factorial.at_loss(np.log(loss), loss, xr.DataArray(np.full(4, target), dims="seeds"), along="stages")
    inside = (loss.min("stages") <= target) & (loss.max("stages") >= target)
    np.testing.assert_allclose(found[inside], np.log(target), atol=1e-9)
    assert found[~inside].isnull().all()
