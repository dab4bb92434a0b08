import jax
import numpy as np
import pytest
import xarray as xr
from support import planted
from support.findings import judged
from support.random_results import random_results

from jaxinterp import recipes
from jaxinterp.studies.bottleneck_neurons import STUDY, arms, factors
from jaxinterp.studies.bottleneck_neurons.arms import ALL, ARMS, END, EQUAL, FACTORS, WHEN
from jaxinterp.studies.bottleneck_neurons.neurons import NAME
from jaxinterp.studies.inputs import TRAINED, stage

FIRST = f"{NAME}-normalized"


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_has_the_factors_that_it_is_said_to_have(arm):
    config = recipes.config(arm)
    has = config.model.input_std != 1, config.model.norm == "layer", bool(config.model.dropout)
    assert tuple(map(int, has)) == ARMS[arm]
    assert config.train == recipes.config(NAME).train and config.data == recipes.config(NAME).data


def test_a_design_has_each_arm_in_its_place():
    values = xr.DataArray(np.arange(8.0), {"recipes": list(ARMS)}, "recipes")
    found = arms.design(values.sel(recipes=list(reversed(ARMS))))
    assert found.dims == FACTORS
    for place, present in enumerate(ARMS.values()):
        assert found.sel(dict(zip(FACTORS, present, strict=True))) == place


def of_arms(accuracy=0.9, loss=None):
    """Results in which every arm's accuracy and training loss follow from its factors, up to noise over seeds."""
    results, rng = random_results(STUDY), np.random.default_rng(0)
    found = results["arms"]
    conditions = sorted(found.conditions.to_numpy().tolist(), key=stage)
    found["intact"][:], found["left"][:], found["auc"][:] = 0.95, 0.9, 0.8
    for arm, (normalized, layer_norm, dropout) in ARMS.items():
        for step, condition in enumerate(conditions):
            where = {"recipes": arm, "conditions": condition}
            speed = 1 + normalized if loss is None else loss
            fitted = 2.0 * 0.5 ** (step * speed)
            found["train_loss"].loc[where] = fitted
            noise = rng.normal(0, 1e-4, found.sizes["seeds"])
            # What normalising does is only that training is faster; LayerNorm also helps by itself.
            found["test_accuracy"].loc[where] = accuracy - 0.1 * np.log(fitted) / 10 + 0.02 * layer_norm + noise
            found["train_accuracy"].loc[where] = found["test_accuracy"].loc[where] + 0.02 - 0.01 * dropout + noise[::-1]
    return results


def test_what_only_trains_faster_is_no_better_at_equal_loss():
    findings = judged(STUDY, of_arms(), factors.claims)
    assert findings["4.9 better normalized"].verdict == findings["4.9 better layernorm"].verdict == "holds"
    assert findings["4.9 better normalized, equal loss"].verdict == "undecided"
    assert findings["4.9 better layernorm, equal loss"].score.mean == pytest.approx(0.02, abs=1e-3)
    assert findings["4.9 better dropout"].verdict == "undecided"
    assert findings["4.9 overfitting"].score.mean == pytest.approx(-0.01, abs=1e-3)
    assert findings["4.9 overfitting"].verdict == findings["4.9 overfitting, equal loss"].verdict == "holds"


def test_an_effect_is_that_of_pairs_of_arms():
    results = of_arms()
    accuracy = arms.quantity(results, "accuracy", END)
    pairs = [(a, b) for a in ARMS for b in ARMS if ARMS[b] == (ARMS[a][0], 1, ARMS[a][2]) and ARMS[a][1] == 0]
    assert len(pairs) == 4
    expected = np.mean([accuracy.sel(recipes=b).to_numpy() - accuracy.sel(recipes=a).to_numpy() for a, b in pairs], 0)
    np.testing.assert_allclose(arms.effects_on(results, "accuracy", END)[("layernorm",)], expected)


def test_the_loss_that_all_arms_reach_is_the_highest_of_their_lowest():
    results = of_arms()
    lowest = results["arms"].train_loss.sel(conditions=TRAINED, recipes=NAME)
    np.testing.assert_allclose(arms.common_loss(results), lowest)
    for name in arms.QUANTITIES:
        assert all(arms.quantity(results, name, when).notnull().all() for when in WHEN)
    np.testing.assert_allclose(  # of the slowest arm, its last
        *(arms.quantity(results, "accuracy", when).sel(recipes=NAME) for when in (END, EQUAL))
    )


def test_epochs_are_counted_until_the_same_seeds_baseline_is_reached():
    results = random_results(STUDY, {"epochs": 4}, seeds=2)
    test = results["arm-curves"].test
    test.loc[{"recipes": NAME}] = [[0.1, 0.5, 0.4, 0.5], [0.2, 0.3, 0.4, 0.45]]
    test.loc[{"recipes": FIRST}] = [[0.6, 0.7, 0.7, 0.7], [0.1, 0.2, 0.3, 0.4]]
    found = arms.epochs_needed(results)
    assert found.sel(recipes=[NAME, FIRST]).to_numpy().tolist() == [[2, 4], [1, 4]]


@pytest.mark.parametrize("needed", [1, 2, 4])
def test_faster_is_judged_as_a_share_of_what_the_baseline_itself_needs(needed):
    results = random_results(STUDY, {"epochs": 20})
    epochs, test = np.arange(1, 21), results["arm-curves"].test
    test[:] = np.where(epochs >= 5, 0.9, 0.1)
    test.loc[{"recipes": FIRST}] = np.where(epochs >= needed, 0.95, 0.1)
    finding = judged(STUDY, results, factors.claims)["4.9 epochs"]
    assert finding.control.mean == 5 and finding.measured.mean == needed
    assert finding.score.mean == pytest.approx(needed / 5)


def test_without_all_arms_nothing_is_claimed():
    assert factors.claims(random_results(STUDY, optional=False)) == []
    findings = judged(STUDY, random_results(STUDY), factors.claims)
    assert {name.split()[0] for name in findings} == {"4.9"} and len(findings) == 13
    results = random_results(STUDY)
    results["arm-stability"]["matched"] *= 0.5
    results["arm-stability"]["matched"].loc[{"recipes": ALL, "conditions": TRAINED}] += 0.4
    assert judged(STUDY, results, factors.claims)["4.9 stable"].verdict == "holds"


def test_what_is_measured_of_a_planted_network_is_known():
    halves = (planted.data(200, seed) for seed in (1, 2))
    found = jax.jit(arms.arm)(planted.network(), jax.random.key(0), planted.data(200, 3), *halves)
    np.testing.assert_allclose([found.train_accuracy, found.test_accuracy], 1, rtol=1e-6)
    zero, mean, _ = found.left
    np.testing.assert_allclose(zero, [0, 1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(mean, 1, atol=1e-6)
    np.testing.assert_allclose(found.auc[: len(planted.OTHERS)], 1, atol=1e-5)
