"""The whole study by the real path at toy size, and its answer; its topics are tested in looking_for_four/."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.judging import shake
from support.random_results import random_results

from jaxinterp import data, ensemble, networks, recipes, studies, train
from jaxinterp.data import Splits
from jaxinterp.store import Run
from jaxinterp.studies import looking_for_four as study
from jaxinterp.studies import runner
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.looking_for_four import logits, maps, matches
from jaxinterp.studies.looking_for_four.maps import FOUR, NAME, TARGET

RUNG = "looking-for-four-25-15"
SEEDS, LOST = 4, 1


class Staged(Inputs):
    """Networks that nobody trained, with a stage on the way: half of the way between their weights."""

    snapshots = ("epoch 1",)

    def ensemble(self, condition):
        if condition in (UNTRAINED, TRAINED):
            return super().ensemble(condition)
        halfway = jax.tree.map(lambda a, b: (a + b) / 2, self.untrained.variables, self.networks.variables)
        return self.networks.replace(variables=halfway)


@pytest.fixture(scope="module")
def inputs():
    """The last rung and an early one, at toy size: networks of random weights, and digits; one diverged."""
    config = recipes.config(NAME, seeds=SEEDS, epochs=2)
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, train_size=400),
        model=dataclasses.replace(config.model, widths=(16, 12)),
    )
    splits = Splits(*(part.take(np.s_[:400]) for part in data.load(config.data)))
    model, rng = networks.build(config.model), np.random.default_rng(0)
    drawn = jax.vmap(lambda key: networks.init(key, model, 400))(jax.random.split(jax.random.key(9), SEEDS))
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf).at[LOST].set(jnp.nan), drawn.variables)

    def history(seeds, diverged):
        values = rng.uniform(0.1, 0.9, (2, seeds, 2, len(train.SPLITS)))
        by_class = rng.uniform(0.1, 0.9, (seeds, 2, len(train.SPLITS), 10))
        never = np.zeros(seeds, int)
        return train.History(*values, by_class, diverged=np.array(diverged), stopped=never, best=never + 2)

    lost = drawn.replace(variables=variables)
    return {
        NAME: Staged(NAME, Path(NAME), Run(config, lost, history(SEEDS, [0, 1, 0, 0])), splits),
        RUNG: Inputs(RUNG, Path(RUNG), Run(config, ensemble.take(drawn, np.s_[:2]), history(2, [0, 0])), splits),
    }


@pytest.fixture(scope="module")
def results(inputs, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:  # what takes long says no more at toy size
        patch.setattr(matches, "STEPS", 2)
        patch.setattr(matches, "RESTARTS", 1)
        patch.setattr(logits, "IMAGES", 10)
        return runner.measure(study.STUDY, tmp_path_factory.mktemp("run"), inputs)


def judged(results):
    claims = [claim for topic in study.STUDY.claims for claim in topic(results)]
    found = runner.findings(study.STUDY, claims, results)
    return {finding.id: finding for finding in found}


def test_toy_networks_are_measured_and_every_row_is_judged(results):
    # ReLUs of so few units die, and what is scored by them is not known.
    for name, dataset in results.items():
        for variable, values in dataset.items():
            assert values.notnull().any(), (name, variable)
            if "seeds" in values.dims and "recipes" not in values.dims:
                assert values.isel(seeds=LOST).isnull().all(), (name, variable)
    findings = judged(results)
    rows = [finding.row for finding in findings.values()]
    assert rows == sorted(rows) and set(rows) == {"5.1", "5.2", "5.3", "5.4", "5.5", "5.6"}
    for finding in findings.values():
        assert finding.measured.n <= SEEDS - 1 and "1 of 4 networks diverged" in finding.note, finding.id
    assert [finding.name for finding in findings.values() if finding.row == "5.1"] == ["published"]
    assert set(study.STUDY.highlights) <= findings.keys()
    assert results["curves"].recipes.to_numpy().tolist() == [RUNG, NAME]


def test_what_is_chosen_by_is_not_what_is_scored(inputs):
    """Mean gradients say which neuron looks like a 4, so they are of the images to choose by."""
    sample, scoring = maps.sample(inputs[NAME]), inputs[NAME].scoring.images
    assert len(sample) == 200 and not {image.tobytes() for image in sample} & {image.tobytes() for image in scoring}


def test_half_way_half_of_the_way_is_gone(results):
    moved = results["growth"].moved.dropna("seeds").mean("seeds")
    np.testing.assert_allclose(moved.sel(layers="hidden0"), [0, 0.5, 1], atol=1e-5)
    np.testing.assert_allclose(results["growth"].settled.dropna("seeds").sel(conditions=TRAINED), 1, rtol=1e-5)
    assert results["example"].weights.sizes == {"conditions": 3, "units": 16, "pixels": 400}


def test_networks_without_a_class_4_and_images_without_a_4_are_refused(inputs):
    model, test = inputs[NAME].model, inputs[NAME].splits.test
    assert not study.STUDY.needs.missing(model, test)
    assert study.STUDY.needs.missing(model.clone(outputs=4), test) == ["5 outputs or more, not 4"]
    without = study.STUDY.needs.missing(model, test.take(test.labels != TARGET))
    assert without == ["test images of class 4, some in either half of them"]


def test_every_rung_has_a_recipe_and_keeps_validation_apart():
    needed = set(study.STUDY.all_recipes)
    assert needed == {name for name in recipes.RECIPES if name.startswith(NAME)}
    assert studies.get(NAME) is study.STUDY
    for name in needed:
        config = recipes.config(name)
        assert config.data.validation_share > 0 and config.data.crop == 20 and config.train.patience == 5, name


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (0.9, "resembles one in 2 of 2 layers, fires for 4s in 2, is needed in 2; the logit's map resembles one."),
        (0.05, "resembles one in 0 of 2 layers, fires for 4s in 0, is needed in 0; the logit's map does not resemble"),
    ],
)
def test_the_answer_follows_the_numbers(value, sentence):
    results = random_results(study.STUDY)
    results["matches"]["best"][:] = 0.0
    results["matches"]["best"].loc[{"conditions": TRAINED, "kinds": maps.DIFFERENCE, "turns": maps.UPRIGHT}] = value
    results["matches"]["auc"].loc[{"conditions": TRAINED}] = 0.5 + value / 2 + 0.01
    results["ablations"]["baseline"][:] = 1.0
    results["ablations"]["match"][:] = value
    results["logits"]["alike"][:] = 0.0
    results["logits"]["alike"].loc[{"conditions": TRAINED, "classes": FOUR, "turns": maps.UPRIGHT}] = value
    for measurement, name in (("matches", "best"), ("matches", "auc"), ("ablations", "match"), ("logits", "alike")):
        shake(results[measurement][name])
    assert sentence in study.answer(judged(results))


def test_the_answer_is_one_short_sentence():
    for results in (random_results(study.STUDY), random_results(study.STUDY, seeds=2, seed=1)):
        said = study.answer(judged(results))
        assert len(said.split()) <= 30 and said.endswith(".") and said.count(".") == 1


def test_when_all_diverged_nothing_is_decided():
    results = {
        name: dataset.where(False) if name != "networks" else dataset
        for name, dataset in random_results(study.STUDY).items()
    }
    findings = judged(results)
    decided = [finding.id for finding in findings.values() if finding.verdict != "undecided" and finding.row != "5.1"]
    assert not decided and "possibly resembles" in study.answer(findings)
