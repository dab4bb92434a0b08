import numpy as np
import pytest
import scipy.stats
from bottleneck_neurons_records import KINDS, SEEDS, UNITS
from bottleneck_neurons_records import record as made

from jaxinterp import studies
from jaxinterp.studies import bottleneck_neurons
from jaxinterp.studies.bottleneck_neurons import STUDY, answer, findings, numbers


def finding(record, name):
    (found,) = [finding for finding in findings(record) if finding.claim.id == name]
    return found


def verdict(name, **fields):
    return finding(made(**fields), name).verdict


def noise(*shape, scale=0.01):
    return np.random.default_rng(1).uniform(-scale, scale, shape)


@pytest.mark.parametrize("kind", ["zero", "mean", "resample"])
def test_losing_a_digit_is_judged_by_what_is_left_of_it(kind):
    place = KINDS.index(kind)
    left = np.full((SEEDS, 4, 2, 10), 0.8)
    intact = np.full((SEEDS, 10), 0.95)
    nothing = {"worst_accuracy": left.copy(), "baseline": intact, "worst_class": np.full((SEEDS, 4), 3.0)}
    some = nothing | {"worst_accuracy": left.copy()}
    some["worst_accuracy"][:, place, -1, 3] = 0.02
    most = nothing | {"worst_accuracy": left.copy()}
    most["worst_accuracy"][:, place, -1, :8] = 0.02
    every, any_ = f"4.6 most digits {kind}", f"4.6 some digit {kind}"
    assert [verdict(every, **case) for case in (nothing, some, most)] == ["does not hold", "does not hold", "holds"]
    assert [verdict(any_, **case) for case in (nothing, some, most)] == ["does not hold", "holds", "holds"]
    assert finding(made(**some), every).score.mean == pytest.approx(0.1)
    lost_before = some | {"baseline": np.where(np.arange(10) == 3, 0.05, intact)}
    assert finding(made(**lost_before), every).score.mean == 0  # there was nothing to take


def test_answer_follows_from_the_verdicts():
    left = np.full((SEEDS, 4, 2, 10), 0.01)
    lost, kept = (made(worst_accuracy=left + x, baseline=np.full((SEEDS, 10), 0.95)) for x in (0, 0.85))
    assert "Under zero-ablation: some digit yes, most digits yes (100 % of digits" in answer(lost)
    assert "Under zero-ablation: some digit no, most digits no (0 % of digits" in answer(kept)
    assert "mean accuracy 1 %" in answer(lost) and "mean accuracy 86 %" in answer(kept)
    cost = np.random.default_rng(2).uniform(0, 0.5, (SEEDS, 1, UNITS, 10))
    predictor = np.random.default_rng(3).uniform(size=(SEEDS, 5, UNITS, 10))
    predictor[:, 0], predictor[:, 3] = cost[:, 0], np.exp(cost[:, 0])
    told = made(ablated=np.repeat(0.9 - cost, 4, axis=1), predictor=predictor, baseline=np.full((SEEDS, 10), 0.9))
    assert "Selectivity tells" in answer(told) and "rank correlation 1.00, and 1.00 for activation × weight" in answer(
        told
    )
    assert "Selectivity does not tell" in answer(made())


def test_scaling_is_judged_by_the_digits_own_curve():
    rising = np.linspace(0, 1, 13)[None, None, :, None]
    bump = np.concatenate([np.linspace(0, 1, 5), np.linspace(1, 0.2, 8)])[None, None, :, None]
    shape = (SEEDS, UNITS, 13, 10)
    worst = np.zeros((SEEDS, 4, 10))
    for curve, expected in ((rising, "holds"), (bump, "does not hold"), (np.ones((1, 1, 1, 1)), "does not hold")):
        record = made(dose_accuracy=np.broadcast_to(curve, shape), worst=worst)
        assert finding(record, "4.6 dose monotonic").verdict == expected
    gain = noise(*shape) + rising
    assert verdict("4.6 dose gain", dose_accuracy=gain, worst=worst) == "holds"
    assert verdict("4.6 dose gain", dose_accuracy=noise(*shape) + bump, worst=worst) == "does not hold"
    own = np.broadcast_to(bump, shape).copy()
    own[:, 5] = rising[0, 0]  # unit 5 alone rises, and it is the one that was chosen
    assert verdict("4.6 dose monotonic", dose_accuracy=own, worst=worst + 5) == "holds"
    step = np.broadcast_to(rising, shape).copy()
    step[:, :, 6] -= 1 / 12 + 1 / 500  # down by one image is tolerated
    assert verdict("4.6 dose monotonic", dose_accuracy=step, worst=worst) == "holds"
    step[:, :, 6] -= 1 / 500
    assert verdict("4.6 dose monotonic", dose_accuracy=step, worst=worst) == "does not hold"


def test_dead_units_and_order_of_digits():
    dead = np.zeros((SEEDS, 3, 2))
    dead[:, -1, 0] = 0.2
    assert (
        verdict("4.1 dead hidden0", dead=dead) == "holds" and verdict("4.1 dead hidden1", dead=dead) == "does not hold"
    )
    assert verdict("4.1 dead hidden0", dead=np.full((SEEDS, 3, 2), 0.2)) == "does not hold"  # they were dead before
    published = bottleneck_neurons.PUBLISHED_ACCURACY
    same = np.eye(10) * published[:, None] + 0 * noise(SEEDS, 10, 10)
    assert verdict("4.3 order", confusion=same) == "holds" and finding(
        made(confusion=same), "4.3 order"
    ).score.mean == pytest.approx(1)
    assert verdict("4.3 order", confusion=1 - same) == "does not hold"


def test_selectivity_must_beat_its_nulls():
    null = np.full((SEEDS, 2, 10), 0.2)
    after = np.full((SEEDS, 2, 10), 0.6)
    learned = after - np.array([0.5, 0])[:, None]
    assert verdict("4.5 selective", top_index=learned, null_index=null) == "holds"
    assert verdict("4.5 selective", top_index=after, null_index=null) == "does not hold"  # so it was before training
    assert verdict("4.5 selective", top_index=learned, null_index=null + 0.5) == "does not hold"
    assert (
        verdict("4.5 fires", top_firing=null) == "holds"
        and verdict("4.5 fires", top_firing=null / 10) == "does not hold"
    )
    index = noise(SEEDS, 1, 10, UNITS)
    agreeing = np.concatenate([index, np.exp(index), index**3, np.abs(index)], axis=1)
    assert verdict("4.5 agrees", selectivity=agreeing) == "holds" and verdict("4.5 agrees") == "does not hold"
    correlations = numbers.measure_correlations(made(selectivity=agreeing))
    for values in correlations.values():
        np.testing.assert_allclose(values, 1)


def test_top_lists_that_name_the_same_neurons():
    one = np.random.default_rng(0).uniform(size=(SEEDS, 1, 10, UNITS))
    assert verdict("4.4 rankings", ranking=np.repeat(one, 3, axis=1)) == "holds"
    assert verdict("4.4 rankings") == "does not hold"
    hub = np.repeat(np.broadcast_to(np.arange(UNITS) * 1.0, one.shape), 3, axis=1)  # the same units for every digit
    record = made(ranking=hub)
    own, other, chance = numbers.top_overlap(record)
    assert (own == 1).all() and (other == 1).all() and chance == 3 / UNITS
    assert finding(record, "4.4 rankings").verdict == "undecided"  # the control leaves nothing open


def test_probes_are_judged_beside_other_neurons():
    own, other = np.full((SEEDS, 2, 2), 0.9), np.zeros((SEEDS, 2, 2))
    assert verdict("4.8 probes", map_correlation=own, other_correlation=other) == "holds"
    assert verdict("4.8 probes", map_correlation=own, other_correlation=other + 0.85) == "does not hold"
    assert verdict("4.8 first layer", maps_agree=np.full((SEEDS, 2), 0.5)) == "does not hold"


def test_spearman_is_scipys():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (2, 3, 4, 30)).astype(float)
    second[1, 2, :7] = np.nan
    second[2, 3] = np.inf
    found = numbers.spearman(first, second)
    for i in range(3):
        for j in range(4):
            if (i, j) == (2, 3):
                assert np.isnan(found[i, j])  # it is constant
                continue
            expected = scipy.stats.spearmanr(first[i, j], second[i, j], nan_policy="omit").statistic
            assert found[i, j] == pytest.approx(expected)


def test_all_is_defined_where_every_network_diverged():
    record = made(diverged=range(SEEDS))
    assert all(found.verdict == "undecided" and found.measured.n == 0 for found in findings(record))
    assert "undecided" in answer(record)


def test_the_study_is_listed():
    assert studies.get(STUDY) is bottleneck_neurons and bottleneck_neurons.RECIPES == {STUDY: 32}
    ids = [found.claim.id for found in findings(made())]
    assert len(set(ids)) == len(ids) and {name.split()[0] for name in ids} == {"4.1", "4.3", "4.4", "4.5", "4.6", "4.8"}
