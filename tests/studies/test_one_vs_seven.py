"""The whole study by the real path at toy size, and what its topics have in common."""

import dataclasses

import jax
import numpy as np
import pytest
from support import toy_inputs
from support.one_vs_seven import findings, results

from jaxinterp import controls, data, ensemble, networks, recipes, studies, train
from jaxinterp.studies import runner
from jaxinterp.studies.one_vs_seven import NAME, PLAIN, SMALL, STROKES, STUDY

SEEDS = {NAME: 3, PLAIN: 2, SMALL: 3, STROKES: 2}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One trained ensemble of few units, epochs and images; the others, which cost as much to compile, untrained."""
    made, history = {}, None
    for recipe, seeds in SEEDS.items():
        config = toy_inputs.toy_config(recipe, seeds=seeds, widths=(8, 6) if recipe in (SMALL, STROKES) else (12, 8))
        config = dataclasses.replace(config, train=dataclasses.replace(config.train, learning_rate=0.1))
        splits, model = data.load(config.data), networks.build(config.model)
        if history is None:
            trained = train.fit_ensemble(model, splits, config.train)
            kept, history = trained.networks, trained.history
        else:
            kept = controls.untrained(ensemble.keys(1, seeds), model, 784)
        own = toy_inputs.from_networks(recipe, config, kept, jax.tree.map(lambda leaf, n=seeds: leaf[:n], history))
        few = splits if recipe == STROKES else splits._replace(test=splits.test.take(slice(160)))
        made[recipe] = dataclasses.replace(own, splits=few)
    STUDY.check(made)
    return runner.measure(STUDY, tmp_path_factory.mktemp("run"), made)


def test_toy_networks_are_measured_and_every_claim_is_judged(measured):
    knockouts = measured["knockouts"]
    assert knockouts.chosen.dims == ("recipes", "seeds", "signs", "thresholds", "kinds", "classes")
    assert knockouts.chosen.sel(recipes=[NAME, SMALL]).notnull().all()
    missing = knockouts.chosen.sel(recipes=PLAIN).isnull().all(["signs", "thresholds", "kinds", "classes"])
    assert missing.values.tolist() == [0, 0, 1]
    for name in ("edits", "rows", "noise", "differences", "carriers", "retrieval", "top_bar", "analogues", "blends"):
        assert all(values.notnull().any() for values in measured[name].values()), name
    assert measured["coalitions"].divided.dims == ("recipes", "seeds", "bases", "kinds")
    found = findings(measured)
    assert {finding.row for finding in found.values()} == {f"1.{row}" for row in range(1, 13)}
    assert len(found) == sum(len(topic(measured)) for topic in STUDY.claims)  # no id twice
    assert set(STUDY.highlights) <= set(found)
    assert STUDY.answer(found).strip()


def test_networks_that_diverged_are_counted_by_the_claims_about_their_recipe():
    values = results()
    values["networks"]["diverged"].loc[{"recipes": SMALL}][0] = 1
    note = "1 of 16 networks diverged"
    assert {id_ for id_, found in findings(values).items() if note in found.note} == {
        "1.11 small, random",
        "1.11 small, matched",
        "1.11 small hidden1",
        "1.12 small hidden0",
        "1.12 small hidden1",
        *(f"1.9 {name} {kind}" for name in ("few", "stand in", "fewer") for kind in ("zero", "mean")),
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_answer_is_one_short_sentence(seed):
    sentence = STUDY.answer(findings(results(6, seed=seed)))
    assert len(sentence.split()) <= 30 and sentence.endswith(".")


def test_without_a_network_nothing_is_decided():
    values = {name: dataset * np.nan for name, dataset in results(2).items()}
    values["networks"]["diverged"][:] = 1
    values["pictures"]["number"][:] = 1
    found = findings(values)
    assert {finding.verdict for finding in found.values()} == {"undecided"}
    assert "to ask" in STUDY.answer(found)


def test_the_study_takes_every_recipe_that_is_named_after_it():
    assert studies.get("one-vs-seven") is STUDY
    assert set(STUDY.recipes) == {name for name in recipes.RECIPES if name.startswith("one-vs-seven")}
