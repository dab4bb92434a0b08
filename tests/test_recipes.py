"""Recipes train, and as their write-ups say."""

import dataclasses

import numpy as np
import pytest

from jaxinterp import data, jobs, networks, recipes, train
from jaxinterp.config import ModelConfig
from jaxinterp.data import Splits

LADDER = [name for name in recipes.RECIPES if name.startswith("looking-for-four") and "zero-one" not in name]


def test_every_recipe_gives_each_network_its_own_data_order():
    assert {recipe.config.train.data_order for recipe in recipes.RECIPES.values()} == {"independent"}


def test_the_last_study_trains_on_as_many_images_as_its_write_up():
    configs = {recipes.config(name).data for name in LADDER}
    assert len(configs) == 1
    splits = data.load(configs.pop())
    assert len(splits.train.labels) == 1750 * recipes.config("looking-for-four").train.batch_size  # steps of the log
    assert len(splits.test.labels) == 10_000 and len(splits.validation.labels) == 4000


@pytest.mark.parametrize("name", LADDER)
def test_the_last_study_has_the_defaults_of_keras(name):
    config = recipes.config(name)
    weights = (config.model.initializer, config.model.initializer_gain, config.model.bias_initializer)
    assert weights == ("xavier_uniform", 1.0, "default")
    assert (config.train.optimizer, config.train.learning_rate, config.train.optimizer_epsilon) == ("adam", 0.001, 1e-7)
    assert config.model.activation == ("sigmoid" if name.endswith("25-15") else "relu")
    keras = (config.model.norm_epsilon, config.model.norm_momentum)
    assert config.model.norm == "none" or keras == (0.001, 0.99)


def test_study_three_draws_weights_by_xavier_and_biases_as_pytorch():
    for name in (name for name in recipes.RECIPES if name.startswith("instance-variation")):
        model = dataclasses.replace(recipes.config(name).model, outputs=10)
        assert model == ModelConfig((32, 16), 10, "tanh", "xavier_uniform", 5 / 3, "torch")


def small(name):
    config = recipes.config(name, seeds=2, epochs=2)
    model = dataclasses.replace(config.model, widths=(6,) * len(config.model.widths))
    return dataclasses.replace(config, model=model, recipe="")


def by_program():
    """Recipes that share a program, which is then compiled but once."""
    found = {}
    for name in recipes.RECIPES:
        found.setdefault(repr(jobs.program_of(small(name))), []).append(name)
    return found.values()


@pytest.mark.parametrize("names", by_program(), ids=" ".join)
def test_every_recipe_trains_at_toy_size(names):
    configs = [small(name) for name in names]
    splits = data.load(configs[0].data)
    model = networks.build(jobs.with_shape(configs[0], splits).model)
    splits = Splits(*(part.take(slice(200)) for part in splits))
    arms = train.fit_arms(model, splits, [(config.train, config.model.dropout) for config in configs])
    for result in arms:
        assert np.isfinite(result.history.loss[..., 2]).all()
        assert not result.history.diverged.any()
