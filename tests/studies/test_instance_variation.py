"""The whole study by the real path at toy size; its topics are tested in instance_variation/."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import toy_inputs
from support.judging import judged, plant
from support.random_results import random_results

from jaxinterp import controls, data, ensemble, networks, recipes, studies, train
from jaxinterp.errors import InputError
from jaxinterp.studies import runner
from jaxinterp.studies.instance_variation import STUDY, answer
from jaxinterp.studies.instance_variation.ensembles import L1, NAME, ONE_DIGIT, PERMUTED

SEEDS = {NAME: 4, PERMUTED: 2, L1: 3, ONE_DIGIT: 2}


@pytest.fixture(scope="module")
def inputs():
    """Every recipe at toy size, on images of one of two classes. The optional ones are untrained."""
    made, history = {}, None
    for recipe, seeds in SEEDS.items():
        outputs = min(recipes.config(recipe).model.outputs, 2)
        config = toy_inputs.toy_config(recipe, seeds=seeds, source="strokes", widths=(6,), outputs=outputs)
        if config.data.positive is not None:
            config = dataclasses.replace(config, data=dataclasses.replace(config.data, positive=1))
        splits, model = data.load(config.data), networks.build(config.model)
        trained = controls.untrained(ensemble.keys(0, seeds), model, splits.test.images.shape[-1])
        if history is None:
            trained, history = train.fit_ensemble(model, splits, config.train)[:2]
        own = jax.tree.map(lambda leaf, seeds=seeds: leaf[:seeds], history)
        made[recipe] = toy_inputs.from_networks(recipe, config, trained, own)
        few = splits._replace(test=splits.test.take(np.s_[:60]))
        made[recipe] = dataclasses.replace(made[recipe], splits=few)
    return made


@pytest.fixture(scope="module")
def measured(inputs, tmp_path_factory):
    return runner.measure(STUDY, tmp_path_factory.mktemp("run"), inputs)


def test_recipes_are_those_named_after_the_study():
    assert studies.get(NAME) is STUDY and list(STUDY.recipes) == [NAME]
    assert set(STUDY.all_recipes) == {name for name in recipes.RECIPES if name.startswith(NAME)}
    with pytest.raises(InputError, match="there are one-vs-seven, llm-labels"):
        studies.get("instance")


def test_everything_is_measured_and_judged(measured):
    for name, dataset in measured.items():
        for field, values in dataset.items():
            assert values.notnull().any(), (name, field)
    findings = judged(STUDY, measured)
    rows = [float(finding.row) for finding in findings.values() if finding.row[0] == "3"]
    assert rows == sorted(rows) and set(rows) == {3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, 3.8}
    assert {finding.row for finding in findings.values()} >= {"matched", "CKA"}
    locality = measured["locality"].locality.sel(conditions="trained", measures="participation")
    known = locality.notnull().any(["views", "layers", "units"]).sum("seeds")
    assert {str(recipe): int(known.sel(recipes=recipe)) for recipe in known.recipes.to_numpy()} == SEEDS
    assert len(answer(findings).split()) <= 30


def test_shuffling_moves_pixels_alone(measured):
    trained = measured["locality"].locality.sel(recipes=NAME, conditions="trained")
    shuffled = measured["locality-shuffled"].locality.sel(recipes=NAME)
    for name in ("participation", "gini"):
        np.testing.assert_allclose(shuffled.sel(measures=name), trained.sel(measures=name), rtol=1e-4)
    assert not np.allclose(shuffled.sel(measures="moran"), trained.sel(measures="moran"), equal_nan=True)


def test_without_the_optional_recipes_the_rest_stays_the_same(inputs, measured, tmp_path):
    for measurement in runner.all_measurements(STUDY):
        if measurement.name in ("networks", "locality"):
            alone = runner.take(measurement, {NAME: inputs[NAME]})
            whole = measured[measurement.name].sel(recipes=[NAME])
            for field, values in alone.items():
                np.testing.assert_allclose(values, whole[field].reindex_like(values), atol=1e-4)


def test_a_network_that_diverged_changes_nothing_for_the_others(inputs, measured, tmp_path):
    run = inputs[NAME].run
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf).at[1].set(jnp.nan), run.networks.variables)
    history = run.history._replace(diverged=np.array([0, 1, 0, 0]))
    broken_run = run._replace(networks=run.networks.replace(variables=variables), history=history)
    broken = runner.measure(STUDY, tmp_path, inputs | {NAME: dataclasses.replace(inputs[NAME], run=broken_run)})
    for name, field in [(own, field) for own in set(broken) - {"networks"} for field in broken[own]]:
        values, own = broken[name][field], measured[name][field]
        if "recipes" in values.dims:
            values, own = values.sel(recipes=NAME), own.sel(recipes=NAME)
        for dim in {"seeds", "seeds_other"} & set(values.dims):
            assert values.isel({dim: 1}).isnull().all(), (name, field)
            values, own = values.isel({dim: [0, 2, 3]}), own.isel({dim: [0, 2, 3]})
        if "seeds" in values.dims:
            np.testing.assert_allclose(values, own, atol=2e-4, err_msg=f"{name} {field}")
    assert broken["gallery"].seed.to_numpy().tolist() == [0, 2, 3]
    for name, finding in judged(STUDY, broken).items():
        about_others = "one digit" in name
        assert about_others or (finding.measured.n == 3 and "1 of 4 networks diverged" in finding.note), name


def test_the_answer_follows_the_numbers():
    results = random_results(STUDY)
    assert len(answer(judged(STUDY, results)).split()) <= 30
    cka = results["similarity"].cka
    plant(cka, 0.1)
    assert "share features (CKA) in 0 of 2 hidden layers" in answer(judged(STUDY, results, "CKA"))
    plant(cka, 0.9, conditions="trained")
    assert "share features (CKA) in 2 of 2 hidden layers" in answer(judged(STUDY, results, "CKA"))


def test_highlights_are_claims():
    assert set(STUDY.highlights) <= set(judged(STUDY, random_results(STUDY)))


def test_when_all_diverged_nothing_is_decided():
    results = {name: dataset * np.nan for name, dataset in random_results(STUDY, seeds=3).items()}
    findings = judged(STUDY, results)
    assert {finding.verdict for finding in findings.values()} == {"undecided"}
    assert "in 0 of 2 hidden layers" in answer(findings)
