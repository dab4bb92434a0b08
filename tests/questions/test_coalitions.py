import jax
import numpy as np
import pytest
from support import planted, planted_runs

from jaxinterp import ensemble, networks
from jaxinterp.analysis import ablation
from jaxinterp.analysis import coalitions as exact
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import CNN, MLP
from jaxinterp.questions import coalitions
from jaxinterp.report import answers

_rng = np.random.default_rng(0)
DRAWN = jax.tree.map(lambda leaf: np.float32(_rng.normal(size=leaf.shape)), planted_runs.drawn(0))


@pytest.fixture(scope="module")
def run():
    own = planted.network()
    data = planted.data(240)
    data = data.take(np.random.default_rng(0).permutation(240))  # or each half would lack two classes
    return planted_runs.run(own, planted_runs.permuted(own), DRAWN, data=data)


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
    values = exact.f1(exact.table(DRAWN, run.scoring))
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
    assert "240 test images" in classes.caption and "error" not in units.columns and "shapley_error" not in by_unit
    rows = coalitions.rows(found)
    assert rows[0].needed.n == 3 or np.isnan(found.sizes["needed"][2, 0])


def test_resample_is_averaged_over_draws_and_one_network_has_no_interval():
    one = planted_runs.run(planted.network())
    found = coalitions.answer(one, kind="resample")
    assert found.notes == ("no interval: one network",) and np.isfinite(found.roles.shapley).any()


def test_what_has_no_table_is_refused_in_one_line(run):
    with pytest.raises(InputError, match="no ablation 'melt'"):
        coalitions.answer(run, kind="melt")
    with pytest.raises(InputError, match=r"no hidden layer 'hidden2' in this network.*it has hidden0, hidden1$"):
        coalitions.answer(run, layer="hidden2")
    for widths, outputs, said in (((4,), 1, "give the network 2 outputs"), ((), 4, "have no hidden layer")):
        one = networks.init(jax.random.key(0), MLP(widths, outputs), planted.PIXELS)
        with pytest.raises(InputError, match=said):
            coalitions.answer(planted_runs.run(one))


def test_seventeen_units_have_no_count_of_disjoint_sets(run, monkeypatch):
    monkeypatch.setattr(coalitions.exact, "PACKED", 5)
    found = coalitions.answer(run, kind="zero")
    assert np.isnan(found.roles.disjoint).all()
    assert "disjoint sets are not counted: 6 units are more than 5" in found.notes
    np.testing.assert_allclose(found.roles.kept[0, :3], 1, atol=1e-6)


def test_of_too_many_units_shapley_values_are_sampled_with_their_errors(run, found, monkeypatch):
    assert not found.is_sampled and not found.roles.error.any()
    monkeypatch.setattr(coalitions.exact, "LARGEST", 5)
    own = coalitions.answer(run, kind="zero")
    for name in ("intact", "damage"):
        np.testing.assert_allclose(getattr(own.roles, name), getattr(found.roles, name), atol=1e-6)
    # Of the planted networks, F1 of the first three classes depends on pairs alone, which reversed orders make exact.
    np.testing.assert_allclose(own.roles.shapley[:2, :3], found.roles.shapley[:2, :3], atol=1e-5)
    assert (own.roles.error[:2, :3] < 1e-5).all()
    off, error = (own.roles.shapley - found.roles.shapley)[2], own.roles.error[2]
    assert error.max() > 1e-3 and (np.abs(off) < 4 * error + 1e-5).all()
    total = found.roles.shapley.sum(axis=-1)  # estimates sum to the whole, too
    np.testing.assert_allclose(own.roles.shapley.sum(axis=-1), total, atol=1e-4)
    assert own.notes[-1].startswith("2^6 subsets are too many to try: the Shapley values are estimated from 64 random")
    assert f"at most {own.roles.error.max():.2g}; sets" in own.notes[-1]

    tables = answers.coalitions_table, answers.coalition_sets_table, answers.coalition_units_table
    classes, sets, units = (table(own) for table in tables)
    assert units.columns[:6] == ("seed", "unit", "class", "Shapley", "alone", "error") and len(units.values) == 18
    row = units.values[-1]
    assert row["shapley_error"] == own.roles.error[2, own.classes.index(row["class"]), 5]
    assert "standard error" in units.caption and "sets and interactions are not searched" in classes.caption
    assert {row["pair"] for row in sets.values} == {row["enough"] for row in sets.values} == {"—"}
    for table in (classes, sets, units):
        table.export("json")


def test_of_an_earlier_layer_shapley_values_are_sampled(run):
    found = coalitions.answer(run, kind="zero", layer="hidden0")
    own, units = ensemble.take(run.networks, 2), found.roles.shapley.shape[-1]
    masks = ~ablation.subsets(units)  # of what is left out
    everything = ablation.groups(own, run.scoring, masks, site="hidden0/post", kind="zero", measure=coalitions._f1)
    expected = exact.of_units(exact.shapley(np.asarray(everything).T))
    off, error = found.roles.shapley[2] - expected, found.roles.error[2]
    assert found.layer == "hidden0" and found.is_sampled and 1e-3 < error.max() < 0.1
    assert (np.abs(off) < 4 * error + 1e-5).all()
    assert "of the last hidden layer alone, and hidden0 is an earlier one: the Shapley values" in found.notes[-1]


def test_of_channels_shapley_values_are_sampled():
    model = CNN((), 3, channels=(3,), image_shape=(6, 6, 1), padding=(1,))
    images = np.random.default_rng(0).uniform(size=(60, 36)).astype(np.float32)
    data = Dataset(images, (np.arange(60) % 3).astype(np.int32))
    found = coalitions.answer(planted_runs.run(networks.init(jax.random.key(0), model, 36), data=data), kind="zero")
    assert (found.layer, found.roles.shapley.shape) == ("conv0", (1, 3, 3)) and found.is_sampled
    whole = found.roles.intact - found.roles.shapley.sum(axis=-1)  # F1 without any channel: the first class alone
    np.testing.assert_allclose(whole[0, 1:], 0, atol=1e-5)
    assert whole[0, 0] == pytest.approx(0.5, abs=1e-5) and "not of channels: the Shapley" in found.notes[-1]
