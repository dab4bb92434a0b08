import jax
import numpy as np
import pytest
from support import planted, planted_runs
from support.planted_runs import ORDER

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.questions import units

LIVE = [unit for unit in range(planted.UNITS) if unit != planted.DEAD]


@pytest.fixture(scope="module")
def run():
    """A planted network, one that diverged, and the first with its units in another order."""
    own = planted.network()
    return planted_runs.run(own, planted_runs.drawn(1), planted_runs.permuted(own), diverged=[1])


@pytest.fixture(scope="module")
def found(run):
    return units.answer(run)


def of(found, seed, layer):
    return found.frame[(found.frame.seed == seed) & (found.frame.layer == layer)].set_index("unit")


def test_every_unit_of_every_known_network_is_a_row(found):
    rows = list(found.frame[["seed", "layer", "unit"]].itertuples(index=False, name=None))
    assert rows == [(seed, f"hidden{n}", unit) for seed in (0, 2) for n in range(2) for unit in range(planted.UNITS)]
    assert found.notes == ("left out, since they diverged: seeds 1",) and found.total == len(rows)
    assert tuple(found.frame.columns) == units.COLUMNS


def test_the_unit_that_alone_carries_a_class_is_known_by_it(found):
    for layer in ("hidden0", "hidden1"):
        own = of(found, 0, layer)
        alone = own.loc[planted.ALONE]
        assert alone["class"] == alone.damage_mean_class == alone.damage_zero_class == planted.ALONE_CLASS
        assert alone.damage_zero == 1 and alone.damage_zero_total == pytest.approx(1 / planted.CLASSES)
        assert alone.auc == 1 and alone.auc_null < 0.7 and alone.selectivity > alone.selectivity_null
        # Either of the pair is enough, so that neither is missed.
        assert (own.loc[list(planted.PAIR), "damage_zero"] == 0).all()
        assert (own.loc[list(planted.PAIR), "class"] == planted.PAIR_CLASS).all()
        for unit, label in planted.OTHERS.items():
            assert own.loc[unit, "class"] == label


def test_a_dead_unit_does_nothing(found):
    dead = of(found, 0, "hidden1").loc[planted.DEAD]
    assert dead.dead and dead.active == dead["mean"] == dead.damage_zero == dead.damage_resample == 0
    assert dead.auc == 0.5 and np.isnan(dead.universality)
    assert not of(found, 0, "hidden1").loc[LIVE].dead.any()


def test_permuting_units_permutes_rows(found):
    for layer in ("hidden0", "hidden1"):
        own, other = of(found, 0, layer), of(found, 2, layer)
        columns = [name for name in own.columns if "resample" not in name and name not in ("seed", "layer")]
        columns = [name for name in columns if not name.endswith("_null")]  # each network's labels are permuted alike
        for name in columns:
            np.testing.assert_allclose(
                other[name].to_numpy(float), own.loc[ORDER, name].to_numpy(float), atol=1e-5, err_msg=name
            )
        np.testing.assert_allclose(other.auc_null, own.loc[ORDER].auc_null, atol=1e-6)
        assert (own.loc[LIVE].universality == 1).all()  # of one other network, which has the same unit


def test_of_a_class_all_columns_are_about_it(run):
    own = of(units.answer(run, label=planted.PAIR_CLASS), 0, "hidden0")
    assert (own["class"] == planted.PAIR_CLASS).all() and (own.damage_mean_class == planted.PAIR_CLASS).all()
    assert (own.loc[list(planted.PAIR)].auc == 1).all()
    assert own.loc[planted.ALONE].auc < 0.5 and own.loc[planted.ALONE].damage_zero == 0


def test_untrained_networks_are_near_their_null():
    """Images without any relation to their labels: about one unit of twenty exceeds the 95th percentile."""
    rng = np.random.default_rng(3)
    images = rng.uniform(size=(300, planted.PIXELS)).astype(np.float32)
    data = Dataset(images, rng.integers(0, planted.CLASSES, 300).astype(np.int32))
    frame = units.answer(planted_runs.run(*map(planted_runs.drawn, range(12)), data=data)).frame
    alive = frame[~frame.dead]
    for measure in ("auc", "d_prime", "mutual_information"):
        assert (alive[measure] > alive[f"{measure}_null"]).mean() < 0.15, measure
    # The level is that of these networks' own participation: the same networks, before and after no training.
    assert 0.0 < (alive.participation < alive.participation_null).mean() < 0.15


def test_one_network_has_no_universality_and_says_so():
    found = units.answer(planted_runs.run(planted.network()))
    assert found.frame.universality.isna().all() and found.frame.universality_null.isna().all()
    assert found.notes == ("no universality: one network",)


def test_facets_are_counted_where_they_are_asked_for():
    own = of(units.answer(planted_runs.run(planted.network()), count_facets=True), 0, "hidden0")
    assert (own.facets.loc[LIVE] == 1).all()  # units that are linear in the pixels


def test_progress_names_what_is_being_done(run):
    told = []
    units.answer(run, progress=lambda *state: told.append(state))
    names, numbers, totals = zip(*told, strict=True)
    assert names[0] == "responses and damage" and names[-1] == "universality of hidden1"
    assert list(numbers) == list(range(len(told))) and set(totals) == {len(told)}


def test_rows_are_sorted_and_selected(run, found):
    own = units.answer(run, sort="damage_zero", top=3)
    first = found.frame.sort_values("damage_zero", ascending=False, kind="stable").head(3)
    assert own.frame.damage_zero.to_list() == first.damage_zero.to_list() and own.total == len(found.frame)
    rising = units.answer(run, sort="participation", layer="hidden1", seeds=[2]).frame
    assert set(rising.layer) == {"hidden1"} and set(rising.seed) == {2} and len(rising) == planted.UNITS
    assert rising.participation.dropna().is_monotonic_increasing
    expected = of(found, 2, "hidden1").sort_values("participation", kind="stable")
    assert rising.unit.to_list() == expected.index.to_list() and rising.auc.to_list() == expected.auc.to_list()
    last = units.answer(run, sort="universality").frame.universality.isna().to_numpy()
    assert last[-4:].all() and not last[:-4].any()  # what is not known is last


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sort": "beauty"}, "no column 'beauty'; there are seed, layer, unit, mean,"),
        ({"sort": "facets"}, "no column 'facets'"),  # they are not counted
        ({"layer": "hidden2"}, "no hidden layer 'hidden2' in this network; it has hidden0, hidden1"),
        ({"seeds": [1]}, "no seed 1 in mine: its network diverged"),
        ({"top": 0}, "top is 0: use 1 or more rows"),
        ({"label": 4}, "no class 4: the network has classes 0 to 3"),
    ],
)
def test_what_does_not_exist_is_refused_before_anything_is_measured(run, monkeypatch, options, words):
    monkeypatch.setattr(units, "measure", lambda *_, **__: pytest.fail("it was measured"))
    with pytest.raises(InputError, match=words):
        units.answer(run, **options)


def test_networks_without_hidden_units_are_refused():
    flat = networks.init(jax.random.key(0), networks.build(ModelConfig((), outputs=4)), planted.PIXELS)
    with pytest.raises(InputError, match="no hidden units to describe"):
        units.answer(planted_runs.run(flat))
    with pytest.raises(InputError, match="4 or more test images, got 3"):
        units.answer(planted_runs.run(planted.network(), data=planted.data(3)))
