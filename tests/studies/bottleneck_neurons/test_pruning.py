import jax
import numpy as np
import pytest
from support.findings import judged
from support.judging import plant
from support.random_results import random_results

from jaxinterp.interventions import ablate
from jaxinterp.studies import runner
from jaxinterp.studies.bottleneck_neurons import STUDY, pruned, pruning
from jaxinterp.studies.bottleneck_neurons.pruned import AS_IS, REFITTED, RETRAINED, UNITS, WEIGHTS


@pytest.fixture(scope="module")
def measured(toy_inputs):
    """What is left of the toy run's networks, 784-8-6-2, without units."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pruned, "SHARES", {UNITS: (0.0, 0.5)})
        patch.setattr(pruned, "SCORED", 100)
        patch.setattr(pruned, "TRAINED_ON", 100)
        found = runner.take(pruning.MEASUREMENTS[0], {STUDY.name: toy_inputs})
    assert toy_inputs.parts[0].once(pruned.pruned_units) is toy_inputs.once(pruned.pruned_units)  # pruned once for all
    return found


def test_where_nothing_is_pruned_everything_is_left(measured, toy_inputs):
    nothing = measured.sel(levels=0)
    for stage in (AS_IS, REFITTED):
        own = nothing.sel(stages=stage)
        np.testing.assert_allclose(own.accuracy, np.tile(toy_inputs.test_accuracy[:, None], 6), atol=0.002)
        varies = own.itself.notnull()
        assert (own.itself.where(varies, 1) > 0.999).all() and (own.matched.where(varies, 1) > 0.999).all()
    retrained = nothing.sel(stages=RETRAINED)
    np.testing.assert_allclose(retrained.accuracy, retrained.accuracy[:, [0] * 6])  # by whatever criterion
    assert (retrained.itself < 0.99999).any()


def test_units_that_are_left_are_those_of_the_pruned_network(measured, toy_inputs):
    found = measured.sel(levels=0.5)
    assert (found.selectivity.notnull().sum("units") == 3).all() and (
        found.reach.notnull().sum("first_units") == 4
    ).all()
    own, test = found.sel(criteria="magnitude", stages=AS_IS).isel(seeds=1), toy_inputs.test
    network = jax.tree.map(lambda leaf: leaf[1], toy_inputs.networks)
    gone = {
        "hidden0/post": ablate(own.reach.isnull().to_numpy()),
        "hidden1/post": ablate(own.selectivity.isnull().to_numpy()),
    }
    # A pruned unit's bias is gone, too, so that it is at 0 after the ReLU.
    logits, _ = network(test.images, gone)
    assert float(own.accuracy) == pytest.approx(float(np.mean(logits.argmax(axis=-1) == test.labels)), abs=1e-6)
    after, before = (network(toy_inputs.sample.images, edits)[1]["hidden1/post"] for edits in (gone, {}))
    for unit in np.flatnonzero(own.itself.notnull()):
        expected = np.corrcoef(after[:, unit], before[:, unit])[0, 1]
        assert float(own.itself[unit]) == pytest.approx(expected, abs=1e-4)


def planted(**accuracy):
    """The findings of networks of accuracy .95 but where `what__stage__criterion` says otherwise; half is judged."""
    results = random_results(STUDY)
    for what in (UNITS, WEIGHTS):
        plant(results[what]["accuracy"], 0.95, spread=1e-3)
    for where, value in accuracy.items():
        what, stage, criterion = where.split("__")
        found = results[{"units": UNITS, "weights": WEIGHTS}[what]]["accuracy"]
        level = pruning.HALF if what == "units" else pruning.MOST_WEIGHTS
        labels = {"stages": {"as_is": AS_IS}.get(stage, stage), "criteria": criterion, "levels": level}
        plant(found, value, spread=1e-3, **labels)
    return judged(STUDY, results, pruning.claims)


def test_a_criterion_must_beat_chance_and_retraining_the_unpruned_network():
    better = planted(units__as_is__random=0.6, units__retrained__random=0.9, weights__as_is__magnitude=0.93)
    verdicts = {name: better[f"4.10 {name}"].verdict for name in ("selectivity", "retrained", "criterion")}
    assert verdicts == {"selectivity": "holds", "retrained": "holds", "criterion": "holds"}
    assert better["4.10 weights magnitude"].verdict == "does not hold"
    assert better["4.10 weights spread"].verdict == better["4.10 weights retrained"].verdict == "holds"
    worse = planted(units__as_is__selectivity=0.5, units__retrained__selectivity=0.9, units__refitted__selectivity=0.6)
    for name in ("selectivity", "retrained", "criterion", "refitted"):
        assert worse[f"4.10 {name}"].verdict == "does not hold"
    assert planted(units__as_is__selectivity=0.5)["4.10 refitted"].verdict == "holds"


def test_units_that_are_left_are_compared_with_themselves_unpruned():
    results = random_results(STUDY, {"units": 8, "first_units": 8})
    found = results[UNITS]
    where = {"stages": RETRAINED, "criteria": "selectivity"}
    quality = np.linspace(0.6, 0.9, 8)  # pruning keeps the better half, and changes none of them
    found["selectivity"].loc[where] = quality
    found["selectivity"].loc[where | {"levels": pruning.HALF}] = np.where(quality > 0.75, quality, np.nan)
    pruned_, unpruned = pruning.same_units(found, "selectivity", "selectivity", "units")
    np.testing.assert_allclose(pruned_, quality[4:].mean())
    np.testing.assert_allclose(unpruned, pruned_)
    gain = 0.05 + np.random.default_rng(0).uniform(0, 0.01, (32, 8))
    found["selectivity"].loc[where | {"levels": pruning.HALF}] += gain
    found["selectivity"].loc[where | {"criteria": "random"}] = 0.7
    findings = judged(STUDY, results, pruning.claims)
    assert findings["4.10 specialists"].verdict == findings["4.10 specialists selectivity"].verdict == "holds"
    assert findings["4.10 specialists"].score.mean == pytest.approx(gain[:, 4:].mean(), abs=1e-6)
