"""The study by the real path at toy size, and what all its topics have in common."""

import dataclasses

import jax
import numpy as np
import pytest
from support import llm_results, toy_inputs
from support.llm_results import plant

from jaxinterp import controls, data, ensemble, networks, studies, train
from jaxinterp.studies import llm_labels, runner
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.llm_labels import STUDY, cards, facets, pictures
from jaxinterp.studies.llm_labels.neurons import RECIPES, SIX, TWELVE, XOR, alive

SEEDS = 3


@pytest.fixture(scope="module")
def inputs():
    """Two trained ensembles; that of twelve, which costs as much to compile, is untrained."""
    made = {}
    for recipe, width in {SIX: 3, XOR: 4, TWELVE: 5}.items():
        config = toy_inputs.toy_config(
            recipe, seeds=SEEDS, source=None if recipe == XOR else "strokes", widths=(width,)
        )
        if recipe == XOR:
            config = dataclasses.replace(config, data=dataclasses.replace(config.data, train_size=None))
        else:
            config = dataclasses.replace(config, model=dataclasses.replace(config.model, outputs=2))
        splits, model = data.load(config.data), networks.build(config.model)
        if recipe == TWELVE:
            kept = controls.untrained(ensemble.keys(1, SEEDS), model, splits.test.images.shape[1])
            made[recipe] = toy_inputs.from_networks(recipe, config, kept, made[SIX].run.history)
        else:
            trained = train.fit_ensemble(model, splits, config.train)
            made[recipe] = toy_inputs.from_networks(recipe, config, trained.networks, trained.history)
    return made


def counts(network, key, images, sample) -> facets.Counts:
    """In the place of `facets.counts`, which takes long to compile and has a test of its own."""
    classes, random, units = (jax.random.uniform(key, (size,)) for size in (2, 5, 3))
    return facets.Counts(classes, random, units, units[0], units[1], units, random, classes)


@pytest.fixture(scope="module")
def measured(inputs, tmp_path_factory):
    quick = [dataclasses.replace(one, fn=counts) if one.name == "facets" else one for one in STUDY.measurements]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facets, "STEPS", 4)
        patch.setattr(pictures, "STEPS", 10)
        study = dataclasses.replace(STUDY, measurements=tuple(quick))
        return runner.measure(study, tmp_path_factory.mktemp("run"), inputs)


def test_toy_networks_are_measured_and_judged(measured):
    findings = judged(measured)
    assert len(findings) == 35 and set(STUDY.highlights) <= set(findings)
    assert llm_labels.answer(findings)
    six, wide = (alive(measured, recipe) for recipe in (SIX, TWELVE))
    assert six.notnull().all() and (six <= 3).all() and (wide <= 5).all()
    assert measured["profiles"].sizes["units"] == 5 and measured["facets"].sizes["units"] == 3
    assert measured["profiles"].explained.sel(recipes=SIX).isel(units=slice(3, None)).isnull().all()
    assert list(measured["facets"].conditions.to_numpy()) == [UNTRAINED, TRAINED]


def test_the_nearest_to_the_median_is_one_that_is_known():
    assert cards.nearest_median(np.array([0.9, np.nan, 0.1, 0.52, 0.5])) == 3
    assert cards.nearest_median(np.full(3, np.nan)) == 0


def test_the_cards_are_those_of_the_network_that_is_named(measured, inputs):
    found = measured["cards"]
    seed = int(found.seed)
    assert seed == cards.nearest_median(inputs[SIX].test_accuracy)
    network = ensemble.take(inputs[SIX].networks, seed)
    kernel = np.asarray(network.variables["params"]["hidden0"]["kernel"])
    np.testing.assert_allclose(found.pictures.sel(views=cards.EXACT), kernel.T / 2, rtol=1e-5)
    np.testing.assert_array_equal(found.pictures.sel(views=cards.BOX), kernel.T > 0)
    activations = np.asarray(network(inputs[SIX].splits.test.images)[1]["hidden0/post"])
    np.testing.assert_allclose(found.active, (activations > 0).mean(axis=0), rtol=1e-5)
    labels = np.asarray(inputs[SIX].splits.test.labels)
    expected = np.stack([activations[labels == label].mean(axis=0) for label in range(2)], axis=1)
    np.testing.assert_allclose(found.class_mean, expected, rtol=1e-4, atol=1e-6)


def judged(results):
    claims = [claim for topic in STUDY.claims for claim in topic(results)]
    return {finding.id: finding for finding in runner.findings(STUDY, claims, results)}


def test_the_study_is_registered_with_its_recipes():
    assert studies.get("llm-labels") is STUDY and list(STUDY.recipes) == list(RECIPES)
    assert all(seeds >= 40 for seeds in RECIPES.values())


def test_the_answer_follows_the_verdicts_and_the_numbers():
    found = llm_results.results()
    llm_results.when(found, "profiles", "explained", llm_results.near(0.1), llm_results.near(0.8))
    plant(found, "incoming", "rebuilt", llm_results.near(0.3))

    def judged(results):
        topics = llm_labels.pictures, llm_labels.profiles, llm_labels.weights
        return {name: one for topic in topics for name, one in llm_results.judged(topic, results).items()}

    answer = llm_labels.answer(judged(found))
    assert "class means (80 % of its variance) suffice" in answer and "(30 % of its input)" in answer
    plant(found, "profiles", "explained", llm_results.near(0.2))
    answer = llm_labels.answer(judged(found))
    assert "(20 % of its variance)" in answer and "means (20 % of its variance) suffice" not in answer


@pytest.mark.parametrize("verdicts", [("holds", "does not hold", "undecided"), ("undecided",) * 3])
def test_the_answer_is_one_short_sentence(verdicts):
    found = judged(llm_results.results(seeds=8))
    for name, verdict in zip(("2.4 digits tell", "2.5 incoming", "2.3 looks"), verdicts, strict=True):
        low = {"holds": 2.0, "does not hold": -2.0, "undecided": np.nan}[verdict]
        found[name] = found[name]._replace(joint=found[name].joint._replace(low=low, high=low))
    answer = llm_labels.answer(found)
    assert len(answer.split()) <= 30 and answer.count(".") == 2 and answer.endswith(".")


@pytest.mark.parametrize("seeds", [2, 8])
def test_diverged_networks_are_left_out_and_few_are_judged_without_a_warning(seeds):
    found = llm_results.results(seeds=seeds)
    lost = {"seeds": 1}
    for name, dataset in found.items():
        for variable in dataset.data_vars.values():
            if "seeds" in variable.dims and name != "networks":
                variable[lost] = np.nan
    found["networks"]["accuracy"][lost] = np.nan
    found["networks"]["diverged"][lost] = 1
    for finding in judged(found).values():
        no_pair = seeds == 2 and finding.id in ("2.1 ways", "2.6 transfer")
        assert finding.measured.n == (120 if finding.id == "2.8 method" else 0 if no_pair else seeds - 1)
        networks = 2 * seeds if finding.id == "2.2 width" else seeds
        assert f"{networks // seeds} of {networks} networks diverged and are left out." in finding.note
    assert llm_labels.answer(judged(found))
