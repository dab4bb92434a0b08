import dataclasses
import json
import typing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxinterp.config import (
    DataConfig,
    ModelConfig,
    RunConfig,
    TrainConfig,
    check_types,
    from_json,
    in_float32,
    to_json,
)
from jaxinterp.errors import InputError
from jaxinterp.recipes import RECIPES, get


def fields(kind):
    """Any value of its annotated type for each field of a config."""
    numbers = st.floats(allow_nan=False)  # a NaN is not equal to itself
    hints = typing.get_type_hints(kind)
    exact = {float: numbers, tuple[float, ...]: st.lists(numbers, max_size=3).map(tuple)}
    return st.fixed_dictionaries({name: exact.get(hint, st.from_type(hint)) for name, hint in hints.items()})


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_json(name):
    config = RECIPES[name].config
    assert from_json(to_json(config)) == config
    assert config.recipe == name


@given(fields(DataConfig), fields(ModelConfig), fields(TrainConfig), st.text())
def test_every_config_survives_json(data, model, train, recipe):
    config = RunConfig(DataConfig(**data), ModelConfig(**model), TrainConfig(**train), recipe)
    again = from_json(to_json(config))
    assert again == config
    assert hash(again) == hash(config)  # a list in place of a tuple would show here


def test_json_is_for_reading_too():
    text = to_json(RunConfig())
    assert text.endswith("}\n")
    assert json.loads(text)["model"]["widths"] == [32, 16]
    assert len(text.splitlines()) > 30


def test_what_json_leaves_out_is_the_default():
    values = json.loads(to_json(RunConfig()))
    del values["train"]["chunk"], values["recipe"]
    assert from_json(json.dumps(values)) == RunConfig()


def test_configs_from_before_a_field_keep_their_meaning():
    values = json.loads(to_json(RunConfig(train=TrainConfig(data_order="shared"))))
    del values["model"]["bias_initializer"], values["model"]["norm_momentum"], values["train"]["optimizer_epsilon"]
    old = from_json(json.dumps(values))
    assert old.model.bias_initializer == "default" and old.train.optimizer_epsilon == 1e-8
    assert old.model == ModelConfig()  # without a norm its momentum means nothing, and such runs can go on
    values["model"]["norm"] = "batch"
    assert from_json(json.dumps(values)).model.norm_momentum == 0.99
    assert old.train.data_order == "shared"  # every config has had this field
    assert not old.data.transpose
    values["data"] = {name: value for name, value in values["data"].items() if name != "transpose"}
    values["data"]["source"] = "tfds:emnist/letters"
    assert from_json(json.dumps(values)).data.transpose


@pytest.mark.parametrize("part", ["data", "model", "train"])
def test_an_unknown_field_is_refused_and_the_known_ones_named(part):
    values = json.loads(to_json(RunConfig()))
    values[part]["colour"] = 1
    kind = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig}[part]
    known = ", ".join(field.name for field in dataclasses.fields(kind))
    with pytest.raises(InputError) as caught:
        from_json(json.dumps(values))
    assert str(caught.value) == f"{kind.__name__} has no field 'colour'; it has {known}"


def test_an_unknown_part_is_refused():
    with pytest.raises(InputError, match="RunConfig has no field 'report'; it has data, model, train, recipe"):
        from_json(json.dumps(json.loads(to_json(RunConfig())) | {"report": {}}))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"data": 1, "model": {}, "train": {}}'])
def test_what_is_no_config_is_refused(text):
    with pytest.raises(InputError):
        from_json(text)


@pytest.mark.parametrize("text", ['{"a": ' + "9" * 5000 + "}", "[" * 100_000])
def test_what_the_parser_refuses_is_refused(text):
    with pytest.raises(InputError, match="the config is not valid JSON"):
        from_json(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1, np.float32(0.1)), (1e39, np.inf), pytest.param(-(10**400), -np.inf, id="huge"), (1e-50, 0)],
)
def test_a_number_is_known_as_networks_compute_with_it(value, expected):
    assert in_float32(value) == expected


@pytest.mark.parametrize(
    ("name", "value"), [("seeds", True), ("epochs", 2.5), ("snapshots", [1]), ("seeds", np.int64(3))]
)
def test_a_value_of_another_type_is_refused_from_python_too(name, value):
    part = TrainConfig()
    object.__setattr__(part, name, value)  # past the types that tests check
    with pytest.raises(InputError, match=rf"TrainConfig\.{name} must be "):
        check_types(part)


def test_configs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        typing.cast(typing.Any, RunConfig().train).seeds = 3


def test_an_unknown_recipe_is_refused_and_the_known_ones_named():
    with pytest.raises(InputError, match=r"no recipe 'one-vs-eight' .*; there are one-vs-seven, .*looking-for-four"):
        get("one-vs-eight")
