import jax
import numpy as np
import planted
import pytest
from support.findings import judged
from support.random_results import random_results

from jaxinterp.interventions import ablate, select
from jaxinterp.studies.bottleneck_neurons import STUDY, damage


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
    assert findings["4.6 most digits zero"].score.mean == 0.5
    assert findings["4.6 some digit zero"].score.mean == 1
    # The mean of a unit that carries one class in four speaks for it even where nothing else does.
    assert findings["4.6 some digit mean"].score.mean == 0


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
    def findings(lost_digits, intact=0.95):
        results = random_results(STUDY)
        found = results["damage"]
        found["worst_accuracy"][:], found["intact"][:], found["worst_class"][:] = 0.8, intact, 3
        found["worst_accuracy"].loc[{"kinds": kind, "layers": "hidden1", "classes": lost_digits}] = 0.02
        return judged(STUDY, results, damage.claims)

    every, some = f"4.6 most digits {kind}", f"4.6 some digit {kind}"
    none, one, most = findings([]), findings(["3"]), findings(list("01234567"))
    assert [found[every].verdict for found in (none, one, most)] == ["does not hold", "does not hold", "holds"]
    assert [found[some].verdict for found in (none, one, most)] == ["does not hold", "holds", "holds"]
    assert one[every].score.mean == pytest.approx(0.1)
    lost_before = findings(["3"], np.where(np.arange(10) == 3, 0.05, 0.95))
    assert lost_before[every].score.mean == 0  # there was nothing to lose


def test_answer_follows_from_the_verdicts():
    def answer(left):
        results = random_results(STUDY)
        results["damage"]["worst_accuracy"][:], results["damage"]["intact"][:] = left, 0.95
        return STUDY.answer(judged(STUDY, results, damage.claims))

    assert "yes under zero-ablation (100 %)" in answer(0.01) and "no under zero-ablation (0 %)" in answer(0.86)
    for left in (0.01, 0.86, np.nan):
        assert len(answer(left).split()) <= 30
