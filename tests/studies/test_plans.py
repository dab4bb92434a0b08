"""Every study's plan of runs, without training any."""

from pathlib import Path

import pytest

from jaxinterp import recipes, studies


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
