"""Planted components of variance are found, and intervals cover when there are none between groups."""

import dataclasses

import numpy as np
import pytest
import variance
from support.toys import TOY

from jaxinterp import cli, recipes
from jaxinterp.errors import InputError
from jaxinterp.stats import over_seeds_estimate


def planted(between, within, *, groups, seeds, classes=4):
    random = np.random.default_rng(0)
    effects = between * random.normal(size=(groups, 1, classes))
    return 0.9 + effects + within * random.normal(size=(groups, seeds, classes))


@pytest.mark.parametrize(("between", "within"), [(0.015, 0.01), (0.005, 0.02)])
def test_planted_components_are_found(between, within):
    found = variance.components(planted(between, within, groups=2000, seeds=8))
    np.testing.assert_allclose(found.between, between, rtol=0.1)
    np.testing.assert_allclose(found.within, within, rtol=0.02)


def test_no_component_is_found_where_none_is_and_none_is_negative():
    found = variance.components(planted(0, 0.01, groups=2000, seeds=8))
    assert (found.between >= 0).all() and (found.between < 0.001).all()
    small = np.array([variance.components(planted(0, 0.01, groups=3, seeds=4, classes=50)).between])
    assert (small == 0).mean() == pytest.approx(0.6, abs=0.2)  # F(2, 9) is below 1 in 59 % of cases


def test_diverged_networks_are_left_out_of_groups_of_different_sizes():
    values = planted(0.015, 0.01, groups=2000, seeds=10)
    values[::2, 3:] = np.nan
    found = variance.components(values)
    np.testing.assert_allclose(found.between, 0.015, rtol=0.1)
    np.testing.assert_allclose(found.within, 0.01, rtol=0.02)
    assert variance.coverage(values) < 0.7


def test_equal_groups_are_the_textbook_decomposition():
    values = planted(0.01, 0.01, groups=5, seeds=6)
    found = variance.components(values)
    np.testing.assert_allclose(found.within**2, values.var(axis=1, ddof=1).mean(axis=0))
    between = values.mean(axis=1).var(axis=0, ddof=1) - found.within**2 / 6
    np.testing.assert_allclose(found.between**2, np.maximum(between, 0), atol=1e-12)


def test_intervals_of_independent_seeds_cover_and_those_of_a_shared_effect_do_not():
    covers = [variance.coverage(planted(0, 0.01, groups=8, seeds=16, classes=1000))]
    assert covers[0] == pytest.approx(0.95, abs=0.01)
    # An effect as large as the seeds' spread: the group's mean is √17 times as uncertain as its interval says.
    assert variance.coverage(planted(0.01, 0.01, groups=8, seeds=16, classes=1000)) == pytest.approx(0.39, abs=0.05)


def test_a_group_does_not_count_itself():
    values = planted(0, 0.001, groups=2, seeds=16, classes=1)
    values[1] += 0.01
    estimate = over_seeds_estimate(values[0, :, 0])
    assert estimate.high < values[1].mean()
    assert variance.coverage(values) == 0


def test_the_script_trains_both_orders_and_writes_the_document(monkeypatch, tmp_path):
    recipe = dataclasses.replace(recipes.get(variance.RECIPE), config=TOY)
    monkeypatch.setitem(recipes.RECIPES, variance.RECIPE, recipe)
    file = tmp_path / "statistics.md"
    file.write_text("<!-- variance.py -->\n<!-- /variance.py -->\n")
    variance.measure(groups=2, seeds=2, epochs=1, root=tmp_path / "runs", document=file)
    text = file.read_text()
    assert "2 groups of 2 networks" in text and "0 of 8 networks diverged" in text
    assert "| 1 |" in text and "own orders: between groups" in text
    assert sorted(run.name for run in (tmp_path / "runs").iterdir()) == [
        f"{order}-{group}" for order in ("independent", "shared") for group in (0, 1)
    ]
    file.write_text("no markers")
    with pytest.raises(InputError, match="needs a line"):
        variance.measure(groups=2, seeds=2, document=file)
    assert cli.guarded(lambda _: variance.measure(groups=1), []) == 2
