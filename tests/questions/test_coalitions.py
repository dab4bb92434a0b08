import jax
import numpy as np
import pytest
from support import planted, planted_runs

from jaxinterp import networks
from jaxinterp.analysis import coalitions as exact
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP
from jaxinterp.questions import coalitions
from jaxinterp.report import answers


@pytest.fixture(scope="module")
def run():
    own = planted.network()
    data = planted.data(240)
    data = data.take(np.random.default_rng(0).permutation(240))  # or each half would lack two classes
    return planted_runs.run(own, planted_runs.permuted(own), planted_runs.drawn(0), data=data)


@pytest.fixture(scope="module")
def found(run):
    return coalitions.answer(run, kind="zero")


def test_planted_roles_are_found_in_every_order_of_units(found):
    assert (found.layer, found.seeds, found.classes, found.images) == ("hidden1", (0, 1, 2), tuple("0123"), 240)
    needed = np.zeros((4, planted.UNITS), bool)
    needed[planted.ALONE_CLASS, planted.ALONE] = needed[2, 4] = True
    needed[planted.PAIR_CLASS, list(planted.PAIR)] = True
    np.testing.assert_array_equal(found.roles.needed[0, :3], needed[:3])
    np.testing.assert_array_equal(found.roles.needed[1, :3], needed[:3, planted_runs.ORDER])
    for seed in (0, 1):
        np.testing.assert_array_equal(found.sizes["enough"][seed, :3], 1)
        np.testing.assert_array_equal(found.sizes["needed"][seed, :3], [1, 2, 1])
        np.testing.assert_array_equal(found.roles.disjoint[seed, :3], [1, 2, 1])
    assert found.strongest(0, planted.PAIR_CLASS) == planted.PAIR
    assert found.roles.interaction[0, planted.PAIR_CLASS][planted.PAIR] == pytest.approx(-1, abs=1e-5)
    assert np.abs(found.roles.shapley[0, :3, planted.DEAD]).max() < 1e-5


def test_shapley_values_are_those_of_the_table(run, found):
    network = planted_runs.drawn(0)
    values = exact.f1(exact.table(network, run.scoring))
    expected = exact.of_units(exact.shapley(values))
    np.testing.assert_allclose(found.roles.shapley[2], expected, atol=1e-5)
    np.testing.assert_allclose(found.roles.shapley.sum(axis=-1)[2], values[:, -1] - values[:, 0], atol=1e-5)


def test_tables_have_a_row_for_every_class_set_and_unit(found):
    classes, sets, units = (
        answers.coalitions_table(found),
        answers.coalition_sets_table(found),
        answers.coalition_units_table(found),
    )
    assert [len(own.values) for own in (classes, sets, units)] == [4, 12, 18]
    assert sets.values[planted.PAIR_CLASS]["necessary"] == "1,2" and sets.values[0]["left_without_one"] == 0
    by_unit = units.values[planted.ALONE]
    assert (by_unit["class"], by_unit["unit"]) == ("0", 0) and by_unit["shapley"] == pytest.approx(1, abs=0.3)
    assert "240 test images" in classes.caption
    rows = coalitions.rows(found)
    assert rows[0].needed.n == 3 or np.isnan(found.sizes["needed"][2, 0])


def test_resample_is_averaged_over_draws_and_one_network_has_no_interval():
    one = planted_runs.run(planted.network())
    found = coalitions.answer(one, kind="resample")
    assert found.notes == ("no interval: one network",) and np.isfinite(found.roles.shapley).any()


def test_what_has_no_table_is_refused_in_one_line(run):
    with pytest.raises(InputError, match="no ablation 'melt'"):
        coalitions.answer(run, kind="melt")
    wide = networks.init(jax.random.key(0), MLP((24,), 4), planted.PIXELS)
    with pytest.raises(InputError, match="use at most 20 units"):
        coalitions.answer(planted_runs.run(wide))


def test_seventeen_units_have_no_count_of_disjoint_sets(run, monkeypatch):
    monkeypatch.setattr(coalitions.exact, "PACKED", 5)
    found = coalitions.answer(run, kind="zero")
    assert np.isnan(found.roles.disjoint).all()
    assert "disjoint sets are not counted: 6 units are more than 5" in found.notes
    np.testing.assert_allclose(found.roles.kept[0, :3], 1, atol=1e-6)
