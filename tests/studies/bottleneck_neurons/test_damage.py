import jax
import numpy as np
import pytest
import scipy.stats
from support import planted
from support.findings import judged
from support.random_results import random_results

from jaxinterp.interventions import ablate, replace, select
from jaxinterp.studies.bottleneck_neurons import STUDY, damage, neurons
from jaxinterp.studies.bottleneck_neurons.neurons import DIRECTION


def test_planted_units_are_found(planted_results):
    found = planted_results["damage"].sel(kinds="zero")
    np.testing.assert_allclose(found.intact, 1)
    expected = np.zeros((planted.UNITS, planted.CLASSES))
    expected[planted.ALONE, planted.ALONE_CLASS] = 1
    expected[4, 2] = 1  # either unit of the pair is enough for class 1, and class 3 is predicted by default
    np.testing.assert_allclose(1 - found.ablated, [expected] * 3, atol=1e-6)
    assert (found.worst[:, planted.ALONE_CLASS] == planted.ALONE).all() and (found.worst[:, 2] == 4).all()
    np.testing.assert_allclose(found.worst_accuracy.isel(layers=-1), [[0, 1, 0, 1]] * 3)
    assert (found.searched_p[:, [0, 2]] < 0.02).all() and (found.searched_p[:, [1, 3]] > 0.9).all()
    findings = judged(STUDY, planted_results, damage.claims)
    assert findings["4.6 most digits zero"].measured.mean == 0.5
    assert findings["4.6 some digit zero"].measured.mean == 1
    # The mean of a unit that carries one class in four speaks for it even where nothing else does.
    assert findings["4.6 some digit mean"].measured.mean == 0
    # The worst of six random directions does not always do what the unit does.
    assert findings["4.6 some digit zero"].control.mean < 1
    assert findings["4.6 some digit zero"].control_name == DIRECTION


def test_directions_are_searched_as_units_are(toy, toy_inputs, toy_results):
    network = jax.tree.map(lambda leaf: leaf[0], toy[2].networks)
    found = toy_results["damage"].isel(seeds=0).sel(kinds="zero")
    bases = np.asarray(neurons.random_bases(neurons.keys(toy_inputs)[2], network.model))

    def left(data, direction):
        values = np.asarray(network(data.images)[1]["hidden1/post"])
        logits = network(data.images, {"hidden1/post": replace(values - np.outer(values @ direction, direction))})[0]
        right = np.asarray(logits).argmax(axis=-1) == data.labels
        return [right[data.labels == label].mean() for label in range(2)]

    for basis, own in zip(bases, found.direction_accuracy, strict=True):
        before, after = (
            np.array([left(half, q) for q in basis.T]) for half in (toy_inputs.choosing, toy_inputs.scoring)
        )
        np.testing.assert_allclose(own, after[before.argmin(axis=0), [0, 1]], atol=0.003)


@pytest.mark.parametrize("seed", [0, 3])
def test_ablations_are_those_of_the_network_itself(toy, toy_inputs, toy_results, seed):
    network = jax.tree.map(lambda leaf: leaf[seed], toy[2].networks)
    found = toy_results["damage"].isel(seeds=seed)
    activations = np.asarray(network(toy_inputs.scoring.images)[1]["hidden1/post"])

    def accuracy(data, label, *edit):
        logits = network(data.images, {"hidden1/post": ablate(*edit)} if edit else {})[0]
        return np.mean(np.asarray(logits).argmax(axis=-1)[data.labels == label] == label)

    for label in range(2):
        own, before = found.isel(classes=label), []
        assert own.intact == pytest.approx(accuracy(toy_inputs.scoring, label))
        for unit in range(6):
            mask, mean = select([unit], 6), float(activations[:, unit].mean())
            before.append(accuracy(toy_inputs.choosing, label, mask))
            without = own.ablated.isel(units=unit)
            assert without.sel(kinds="zero") == pytest.approx(accuracy(toy_inputs.scoring, label, mask))
            assert without.sel(kinds="mean") == pytest.approx(
                accuracy(toy_inputs.scoring, label, mask, mean), abs=0.003
            )
        worst = int(own.worst.sel(kinds="zero"))
        left = own.worst_accuracy.sel(kinds="zero", layers="hidden1")
        assert before[worst] == min(before) and left == own.ablated.sel(kinds="zero").isel(units=worst)


@pytest.mark.parametrize("kind", damage.JUDGED)
def test_losing_a_digit_is_judged_by_what_is_left_of_it(kind):
    def findings(lost_digits, intact=0.95, by_directions=(), by_some=()):
        results = random_results(STUDY)
        found = results["damage"]
        found["worst_accuracy"][:], found["intact"][:], found["worst_class"][:] = 0.8, intact, 3
        found["ablated"][:], found["direction_accuracy"][:], found["direction_worst_class"][:] = 0.8, 0.8, 4
        where = {"kinds": kind, "classes": lost_digits}
        found["worst_accuracy"].loc[where | {"layers": "hidden1"}] = 0.02
        found["worst_accuracy"][::2].loc[where | {"layers": "hidden1", "classes": list(by_some)}] = 0.02
        found["direction_accuracy"].loc[where | {"classes": list(by_directions)}] = 0.02
        return judged(STUDY, results, damage.claims)

    every, some = f"4.6 most digits {kind}", f"4.6 some digit {kind}"
    none, one, most = findings([]), findings(["3"]), findings(list("01234567"), by_some="8")
    assert [found[every].verdict for found in (none, one, most)] == ["does not hold", "does not hold", "holds"]
    assert [found[some].verdict for found in (none, one, most)] == ["does not hold", "holds", "holds"]
    assert one[every].score.mean == pytest.approx(0.1)
    lost_before = findings(["3"], np.where(np.arange(10) == 3, 0.05, 0.95))
    assert lost_before[every].score.mean == 0  # there was nothing to lose
    # Directions do nearly as much: eight digits for nine, and the digit that loses most.
    as_much = findings(list("012345678"), by_directions="01234567")
    assert as_much[every].control_name == DIRECTION and as_much[every].control.mean == pytest.approx(0.8)
    assert as_much[every].score.mean == pytest.approx(0.1) and as_much[every].verdict == "does not hold"
    assert as_much[some].control.mean == 1 and as_much[some].verdict == "does not hold"


def test_answer_follows_from_the_verdicts():
    def answer(left):
        results = random_results(STUDY)
        found = results["damage"]
        found["worst_accuracy"][:], found["intact"][:] = left, 0.95
        found["direction_accuracy"][:], found["ablated"][:] = 0.5, 0.8
        return STUDY.answer(judged(STUDY, results, damage.claims))

    assert "yes under zero-ablation (100 %)" in answer(0.01) and "no under zero-ablation (0 %)" in answer(0.86)
    for left in (0.01, 0.86, np.nan):
        assert len(answer(left).split()) <= 30


def test_damage_is_predicted_by_what_ranks_it():
    results = random_results(STUDY, {"units": 12})
    assert judged(STUDY, results, damage.claims)["4.6 selectivity zero"].verdict == "does not hold"
    cost = results["damage"].intact - results["damage"].ablated.sel(kinds="zero", drop=True)
    results["predictors"]["auc"] = np.exp(cost).transpose("seeds", "units", "classes")
    findings = judged(STUDY, results, damage.claims)
    assert findings["4.6 selectivity zero"].verdict == "holds"
    assert findings["4.6 selectivity zero"].score.mean == pytest.approx(1)
    assert findings["4.6 selectivity mean"].score.mean < 0.8  # other damage, which it does not rank


def test_correlations_are_over_neurons_and_classes(toy_results):
    found, weight = toy_results["damage"], toy_results["predictors"].weight
    correlations = {s: damage.correlation(toy_results, "weight", "mean", shifted=s) for s in (False, True)}
    for seed in range(5):
        cost = (found.intact - found.ablated.sel(kinds="mean"))[seed].transpose("units", "classes").to_numpy()
        for shifted, values in ((False, weight[seed].to_numpy()), (True, weight[seed].to_numpy()[:, ::-1])):
            expected = scipy.stats.spearmanr(values.ravel(), cost.ravel()).statistic
            assert correlations[shifted][seed] == pytest.approx(expected)  # the other of two classes is the shifted
