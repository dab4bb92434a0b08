import jax
import numpy as np
import pytest
from support import planted
from support.findings import judged
from support.judging import plant
from support.random_results import random_results

from jaxinterp import ensemble
from jaxinterp.analysis import coalitions as exact
from jaxinterp.studies.bottleneck_neurons import STUDY, coalitions
from jaxinterp.studies.bottleneck_neurons.coalitions import CASES, OWN, PERMUTED, ROTATED
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.runner import take

[MEASUREMENT] = coalitions.MEASUREMENTS


@pytest.fixture(scope="module")
def toy_coalitions(toy_inputs):
    return take(MEASUREMENT, {STUDY.name: toy_inputs}), toy_inputs


def test_planted_roles_are_found():
    """Of unit 1 and 2 either is enough for class 1; class 0 needs unit 0, class 2 needs unit 4; 3 is the default."""
    halves = [planted.data(200, seed) for seed in (1, 2)]
    silent = jax.tree.map(lambda leaf: 0 * leaf, planted.network())
    found = jax.jit(coalitions.values)(planted.network(), silent, jax.random.key(0), halves)
    assert found.shape == (2, len(CASES), 2, planted.CLASSES, 2**planted.UNITS)
    searched = exact.searched(*found[:, 0, 0])
    np.testing.assert_array_equal(searched.needed.size[:3], [1, 2, 1])
    np.testing.assert_allclose(searched.one_left[:3], [0, 1, 0], atol=1e-6)
    # Alone, a unit tells its class, while all other images are taken for the default, class 3.
    np.testing.assert_allclose(searched.one_kept[:3], 1, atol=1e-6)
    np.testing.assert_array_equal(searched.enough.size[:3], 1)
    sufficient = exact.sufficient(found[0, 0, 0])
    np.testing.assert_array_equal(exact.disjoint_sets(sufficient)[:3], [1, 2, 1])
    roles = np.zeros((planted.CLASSES, planted.UNITS))
    roles[0, planted.ALONE], roles[1, list(planted.PAIR)], roles[2, 4] = 1, 0.5, 1
    np.testing.assert_allclose(exact.of_units(exact.shapley(found[1, 0, 0]))[:3], roles[:3], atol=1e-5)
    roles[1] = 0  # neither of the pair is missed alone
    np.testing.assert_allclose(exact.single_damage(found[0, 0, 0])[:3], roles[:3], atol=1e-6)
    # A network of zeros answers the first class always, and permuted labels leave F1 at chance.
    np.testing.assert_allclose(found[:, 2], found[:, 2, :, :, :1] * np.ones(2**planted.UNITS))
    np.testing.assert_allclose(found[:, 3, :, :, -1], 0.25, atol=0.12)
    np.testing.assert_allclose(found[:, 3, 0, 3, 0], 0.4, atol=1e-6)  # without units all are taken for class 3


def test_every_network_is_measured_as_if_alone(toy_coalitions):
    dataset, inputs = toy_coalitions
    assert dataset.enough.dims == ("seeds", "bases", "kinds", "classes")
    seed, halves = 3, coalitions._halves(inputs)
    network, key = ensemble.take(inputs.networks, seed), inputs.network_keys(coalitions._KEY)[seed]
    choosing, scoring = coalitions.values(network, ensemble.take(inputs.untrained, seed), key, halves)
    own = dataset.isel(seeds=seed)
    np.testing.assert_allclose(own.intact, scoring[0, 0, :, -1], atol=1e-6)
    expected = exact.searched(choosing[:2], scoring[:2])
    for name in ("kept", "left", "one_kept", "one_left"):
        np.testing.assert_allclose(own[name], getattr(expected, name), atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(own.enough, expected.enough.size)
    np.testing.assert_array_equal(own.needed, expected.needed.size)
    total = own.shapley.sum("units")
    np.testing.assert_allclose(total, scoring[..., -1] - scoring[..., 0], atol=1e-5)


def test_a_layer_that_is_too_wide_is_not_judged(toy_inputs, monkeypatch):
    monkeypatch.setattr(coalitions.sets, "PACKED", 5)
    found = take(MEASUREMENT, {STUDY.name: toy_inputs})
    assert found.shapley.shape == (5, 4, 2, 2, 6) and found.enough.isnull().all() and found.shapley.isnull().all()


@pytest.mark.parametrize("kind", coalitions.KINDS)
def test_sets_and_shares_are_judged_beside_a_random_basis(kind):
    results = random_results(STUDY, {"units": 16})
    found = results[coalitions.COALITIONS]
    here, there = {"kinds": kind, "bases": OWN}, {"kinds": kind, "bases": ROTATED}

    def sentence():
        return STUDY.answer(judged(STUDY, results, coalitions.claims))

    def findings():
        own = judged(STUDY, results, coalitions.claims)
        return [own[f"4.6 {name} {kind}"] for name in ("one enough", "one necessary", "fewer", "damage predicts")]

    plant(found["one_kept"], 0.98, **here)
    plant(found["one_kept"], 0.5, **there)
    plant(found["one_left"], 0.02, spread=0.001, **here)
    plant(found["one_left"], 0.5, **there)
    plant(found["enough"], 3, **here)
    plant(found["enough"], 6, **there)
    chance = [UNTRAINED, PERMUTED]
    found["damage"].loc[{"cases": chance}] = -found.shapley.sel(cases=chance)
    found["damage"].loc[{"cases": OWN}] = np.exp(found.shapley.sel(cases=OWN))
    assert [own.verdict for own in findings()] == ["holds"] * 4
    assert sentence().count(f"yes ({kind})") == 3 and len(sentence().split()) <= 30
    plant(found["one_kept"], 0.98, **there)
    plant(found["one_left"], 0.02, spread=0.001, **there)
    plant(found["enough"], 2, **there)
    found["damage"].loc[{"cases": OWN}] = -found.shapley.sel(cases=OWN)
    assert [own.verdict for own in findings()] == ["does not hold"] * 4
    assert "yes" not in sentence() and len(sentence().split()) <= 30
    assert {own.control_name for own in findings()} == {ROTATED, "damage to other digits"}
    for case in chance:
        found["damage"].loc[{"cases": case}] = found.shapley.sel(cases=case)
        assert findings()[-1].control_name == case
        found["damage"].loc[{"cases": case}] *= -1
