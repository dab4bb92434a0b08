"""The study by the real path at toy size; verdicts on planted results."""

import numpy as np
import pytest
from support import random_results, toy_inputs
from support.judging import shake

from jaxinterp import controls, data, ensemble, networks, recipes, studies, train
from jaxinterp.analysis.similarity import MEASURES, discrimination
from jaxinterp.errors import InputError
from jaxinterp.studies import measuring_similarity as study
from jaxinterp.studies import runner
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.measuring_similarity import LABELS, LAYERS, WIDTHS

ASKED = ("debiased_cka", "procrustes", "cosine")


@pytest.fixture(scope="module")
def inputs():
    """One trained ensemble for true and half-shuffled labels; the others, which cost as much to compile, untrained."""
    made, trained = {}, None
    for recipe in study.RECIPES:
        widths = (6, 6) if recipe == study.WIDE else (4, 4)
        config = toy_inputs.toy_config(recipe, source="strokes", widths=widths)
        splits, model = data.load(config.data), networks.build(config.model)
        trained = trained or train.fit_ensemble(model, splits, config.train)
        kept = trained.networks
        if recipe in (study.SHUFFLED, study.WIDE):
            kept = controls.untrained(ensemble.keys(1, 3), model, 784)
        made[recipe] = toy_inputs.from_networks(recipe, config, kept, trained.history)
    return made


@pytest.fixture(scope="module")
def measured(inputs, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "MEASURES", {name: MEASURES[name] for name in ASKED})
        return runner.measure(study.STUDY, tmp_path_factory.mktemp("run"), inputs)


def planted(levels, monkeypatch):
    """Results in which every measure is right this often on each test, by measure."""
    monkeypatch.setattr(study, "MEASURES", {name: None for name in levels})
    results = random_results.random_results(study.STUDY)
    shake = np.random.default_rng(0).uniform(-0.01, 0.01, 32)
    for position, test in enumerate(study.TESTS):
        right = np.array([own[position] for own in levels.values()])[:, None, None]
        results[test]["right"][:] = right + shake
        results[test]["by_half"][:] = right + shake[: results[test].sizes["half_seeds"]]
    return results


def judged(results):
    found = runner.findings(study.STUDY, study.claims(results), results)
    return {finding.id: finding for finding in found}


def test_toy_networks_are_given_every_test(measured):
    right = {test: measured[test].right for test in study.TESTS}
    assert right[LABELS].dims == ("measures", "conditions", "seeds")
    assert all(values.shape == (3, 2, 3) for values in right.values())
    unit_by_unit = right[WIDTHS].sel(measures="cosine")
    assert unit_by_unit.isnull().all() and right[WIDTHS].drop_sel(measures="cosine").notnull().all()
    assert right[LABELS].notnull().all() and right[LAYERS].notnull().all()
    np.testing.assert_array_equal(right[LABELS].sel(conditions=UNTRAINED), 0.5)  # labels have taught them nothing yet
    assert float(measured[LAYERS].chance) == 1 / 2
    findings = judged(measured)
    assert len(findings) == 9 and any(name in study.answer(findings) for name in ASKED)
    assert findings["best chosen"].measured.n == 0  # a half of one network has nothing to be compared with


def test_a_network_that_diverged_changes_nothing_for_the_others(inputs):
    measure = MEASURES["debiased_cka"]
    layers = inputs[study.NAME].once(study.read_layers)[1]
    lost = [np.where(np.arange(3)[:, None, None] == 1, np.nan, layer) for layer in layers]
    found = discrimination.layers_found(discrimination.alike(measure, lost))
    assert np.isnan(found[1]) and np.isfinite(found[[0, 2]]).all()
    assert np.isfinite(discrimination.layers_found(discrimination.alike(measure, layers))).all()


def test_verdicts_follow_the_numbers(monkeypatch):
    levels = {"good": (0.95, 0.97, 0.96), "half": (0.95, 0.5, 0.96), "poor": (0.4, 0.5, 0.3)}
    findings = judged(planted(levels, monkeypatch))
    assert findings.pop("best chosen").text.startswith("good, ")
    assert {name: finding.verdict for name, finding in findings.items()} == {
        f"{test} {name}": "holds" if name == "good" or (name == "half" and test != WIDTHS) else "does not hold"
        for test in (LABELS, WIDTHS, LAYERS)
        for name in ("good", "half", "poor")
    }
    assert study.answer(findings) == "Of 3 measures, good detect every known difference."
    findings = judged(planted({"half": (0.95, 0.5, 0.96), "poor": (0.4, 0.45, 0.3)}, monkeypatch))
    assert study.answer(findings).startswith("None of 2 measures") and "half, best on half" in study.answer(findings)
    assert len(study.answer(findings).split()) <= 30


def test_what_is_chosen_on_one_half_is_judged_on_the_other(monkeypatch):
    results = planted({"lucky": (0.8, 0.8, 0.8), "solid": (0.7, 0.7, 0.7)}, monkeypatch)
    for test in study.TESTS:
        halves = results[test]["by_half"]
        halves.loc[{"measures": "lucky", "halves": study.CHOOSING}] = 0.97
        halves.loc[{"measures": "lucky", "halves": study.JUDGING}] = 0.5
        shake(halves)
    results[WIDTHS]["by_half"].loc[{"measures": "lucky", "halves": study.CHOOSING}] = 0.95  # its poorest
    finding = judged(results)["best chosen"]
    assert finding.text.startswith("lucky, ") and "(widths)" in finding.text
    assert finding.measured.mean == pytest.approx(0.5, abs=1e-3) and finding.verdict == "does not hold"
    results[LAYERS]["by_half"].loc[{"measures": "lucky", "halves": study.CHOOSING}] = 0.3
    assert judged(results)["best chosen"].text.startswith("solid, ")  # poor in one test is poor
    results[WIDTHS]["by_half"].loc[{"measures": "solid"}] = np.nan
    assert judged(results)["best chosen"].text.startswith("lucky, ")  # only what was given every test can be taken


def test_each_half_is_compared_among_itself(inputs):
    measure, (_, layers) = MEASURES["debiased_cka"], inputs[study.NAME].once(study.read_layers)
    table, alone = (discrimination.alike(measure, own) for own in (layers, [layer[::2] for layer in layers]))
    half = study.of_half(discrimination.layers_found, table, 0)
    np.testing.assert_allclose(half, discrimination.layers_found(alone))
    assert np.isnan(study.of_half(lambda own: np.ones(own.shape[-1]), table, 1)[-1])


def test_the_control_is_the_untrained_networks(monkeypatch):
    results = planted({"good": (0.95, 0.97, 0.96)}, monkeypatch)
    results[LABELS]["right"].loc[{"conditions": UNTRAINED}] = 0.25
    finding = judged(results)["labels good"]
    assert finding.control.mean == 0.25 and finding.control_name == UNTRAINED
    assert finding.measured.mean == pytest.approx(0.95, abs=0.01) and finding.score == finding.measured


def test_groups_of_different_sizes_are_refused(inputs):
    wide = inputs[study.WIDE]
    few = toy_inputs.from_networks(study.WIDE, wide.config, ensemble.take(wide.networks, slice(2)), wide.run.history)
    with pytest.raises(InputError, match="of one size, got 2, 3 seeds"):
        study.check(dict(inputs) | {study.WIDE: few})


def test_the_study_takes_every_recipe_that_is_named_after_it():
    named = {name for name in recipes.RECIPES if name.startswith(study.NAME)}
    assert studies.get(study.NAME) is study.STUDY and set(study.RECIPES) == named
