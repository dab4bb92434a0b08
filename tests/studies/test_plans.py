"""Every study's plan of runs, without training any."""

import dataclasses
from pathlib import Path

import pytest

from jaxinterp import recipes, studies
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig, to_json
from jaxinterp.errors import InputError


@pytest.mark.parametrize("study", studies.STUDIES)
def test_a_plan_begins_with_the_studys_own_run_and_ends_with_what_is_optional(study):
    chosen, path = studies.get(study), Path("mine")
    full, least = studies.runs(study, path), studies.runs(study, path, optional=False)
    assert next(iter(full)) == path and full[path].recipe == study
    assert [config.recipe for config in least.values()] == list(chosen.recipes)
    assert [config.recipe for config in full.values()] == list(chosen.all_recipes)
    assert all(folder == path / "arms" / config.recipe for folder, config in full.items() if folder != path)
    assert [config.train.seeds for config in least.values()] == list(chosen.recipes.values())


@pytest.mark.parametrize("study", studies.STUDIES)
def test_seeds_and_epochs_are_of_every_run(study):
    plan = studies.runs(study, "mine", seeds=3, epochs=2)
    assert {(config.train.seeds, config.train.epochs) for config in plan.values()} == {(3, 2)}
    assert all(epoch <= 2 for config in plan.values() for epoch in config.train.snapshots)
    assert {config.recipe for config in plan.values()} <= recipes.RECIPES.keys()


OWN = RunConfig(
    DataConfig("own.npz"), ModelConfig((8, 4), activation="relu"), TrainConfig(seeds=5, epochs=3, learning_rate=0.2)
)


@pytest.fixture
def own(tmp_path):
    """A run of somebody's own data and networks, as far as its config."""
    (tmp_path / "config.json").write_text(to_json(OWN))
    return tmp_path


def test_controls_follow_the_networks_that_they_stand_beside(own):
    plan = studies.runs("instance-variation", own)
    permuted, l1 = (plan[own / "arms" / f"instance-variation-{name}"] for name in ("permuted", "l1"))
    assert permuted.data == dataclasses.replace(OWN.data, permute_pixels=True) and permuted.model == OWN.model
    assert l1.data == OWN.data and l1.train.l1 > 0 and l1.train.learning_rate == 0.2
    assert {config.train.seeds for path, config in plan.items() if path != own} == {5}


@pytest.mark.parametrize("study", studies.STUDIES)
def test_a_study_that_was_stopped_goes_on_with_the_seeds_that_it_had_planned(study, tmp_path):
    plan = studies.runs(study, tmp_path)
    (tmp_path / "config.json").write_text(to_json(plan[tmp_path]))  # its own run is trained first
    assert studies.runs(study, tmp_path) == plan


@pytest.mark.parametrize("study", studies.STUDIES)
def test_recipes_that_follow_their_own_recipe_are_themselves(study):
    base = recipes.config(study)
    for recipe in studies.get(study).all_recipes:
        assert recipes.following(recipe, study, base) == recipes.config(
            recipe, seeds=recipes.config(recipe).train.seeds
        )


def test_a_recipe_on_other_data_is_no_control_and_stays_as_it_is(own):
    strokes = studies.runs("one-vs-seven", own)[own / "arms" / "one-vs-seven-strokes"]
    assert strokes == recipes.config("one-vs-seven-strokes", seeds=5)


@pytest.mark.parametrize("study", studies.STUDIES)
def test_a_run_of_one_network_is_refused_before_anything_is_trained(study, tmp_path):
    one = dataclasses.replace(OWN, train=dataclasses.replace(OWN.train, seeds=1))
    (tmp_path / "config.json").write_text(to_json(one))
    with pytest.raises(InputError, match=rf"{study} needs at least \d seeds, got 1 in "):
        studies.runs(study, tmp_path)
