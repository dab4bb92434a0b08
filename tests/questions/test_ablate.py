import numpy as np
import pytest
from support import planted, planted_runs

from jaxinterp.analysis import ablation
from jaxinterp.errors import InputError
from jaxinterp.questions import ablate


@pytest.fixture(scope="module")
def run():
    own = planted.network()
    return planted_runs.run(own, planted_runs.permuted(own), planted_runs.drawn(0))


def test_the_unit_that_alone_carries_a_class_takes_it_along(run):
    found = ablate.answer(run, f"hidden1:{planted.ALONE}", kind="zero")
    assert found.classes == ("all", "0", "1", "2", "3") and found.seeds == (0, 1, 2) and found.notes == ()
    np.testing.assert_allclose(found.accuracies.before[0], 1)
    np.testing.assert_allclose(found.accuracies.without[0], [0.75, 0, 1, 1, 1])
    np.testing.assert_allclose(found.damage[0], [0.25, 1, 0, 0, 0])
    np.testing.assert_allclose(found.sum_of_singles, found.damage, atol=1e-6)  # one unit: nothing is joint
    # In the permuted network this number is another unit.
    assert found.damage[1, 1] == 0


def test_a_pair_of_which_either_is_enough_is_missed_jointly_alone(run):
    found = ablate.answer(run, "hidden0:{},{}".format(*planted.PAIR), kind="zero")
    assert found.damage[0, 1 + planted.PAIR_CLASS] == 1
    np.testing.assert_allclose(found.sum_of_singles[0], 0, atol=1e-6)


def test_it_is_what_ablation_in_a_loop_gives(run):
    found = ablate.answer(run, "hidden0:0,4", kind="class-mean")
    network = planted_runs.drawn(0)
    masks = np.isin(np.arange(planted.UNITS), [0, 4])[None]
    slow = ablation.groups(network, run.test, masks, site="hidden0/post", kind="class mean").accuracy[0]
    np.testing.assert_allclose(found.accuracies.without[2, 1:], slow, atol=1e-6)
    before = ablation.baseline(network, run.test).accuracy
    np.testing.assert_allclose(found.accuracies.before[2, 1:], before, atol=1e-6)
    shares = np.bincount(run.test.labels) / len(run.test.labels)
    np.testing.assert_allclose(found.damage[:, 0], found.damage[:, 1:] @ shares, atol=1e-6)
    for place, unit in enumerate((0, 4)):
        alone = ablate.answer(run, f"hidden0:{unit}", kind="class mean").accuracies.without
        np.testing.assert_allclose(found.accuracies.singles[:, place], alone, atol=1e-6)


def test_a_random_group_of_one_unit_is_each_unit_equally_often(run):
    every = ablate.answer(run, "hidden1:0,1,2,3,4,5").accuracies
    found = ablate.answer(run, "hidden1:5")
    singles = every.before[:, None] - every.singles
    drawn = found.accuracies.before[:, None] - found.accuracies.controls[:, 0]
    for own, others in zip(drawn, singles, strict=True):  # each draw is one of the units
        assert np.isclose(own[:, None], others, atol=1e-6).all(axis=-1).any(axis=-1).all()
    np.testing.assert_allclose(found.control_damage[0, :, 0], singles[:, :, 0].mean(axis=1), atol=0.1)


def test_controls_may_be_as_damaging(run):
    found = ablate.answer(run, f"hidden1:{planted.DEAD}", kind="zero")
    assert (found.damage[0] == 0).all() and (found.as_damaging[:, 0] == 1).all()  # any group costs as much as nothing
    whole = ablate.answer(run, "hidden1:0,1,2,3,4,5", kind="zero")
    assert whole.notes == ("no controls: the group is all of hidden1, and so is every other of as many units",)
    np.testing.assert_allclose(whole.control_damage, np.stack([whole.damage] * 2), atol=1e-6)


def test_estimates_are_over_networks(run):
    found = ablate.answer(run, f"hidden1:{planted.ALONE}")
    rows = ablate.rows(found)
    assert [row.name for row in rows] == list(found.classes)
    assert rows[0].damage.n == 3 and rows[0].damage.mean == pytest.approx(found.damage[:, 0].mean())
    assert rows[2].without.low <= rows[2].without.mean <= rows[2].without.high
    one = ablate.answer(planted_runs.run(planted.network()), "hidden1:0")
    assert one.notes == ("no interval: one network",) and np.isnan(ablate.rows(one)[0].damage.low)


def test_an_unknown_kind_is_refused(run):
    with pytest.raises(InputError, match="no ablation 'melt'; there are zero, mean, class mean, resample"):
        ablate.answer(run, "hidden1:0", kind="melt")
