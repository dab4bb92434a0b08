"""Different runs never share a description."""

import dataclasses
import typing

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.toys import TOY

from jaxinterp.choices import NORMS, OPTIMIZERS, used_by
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.jobs import IMPORTED
from jaxinterp.recipes import RECIPES
from jaxinterp.report.descriptions import describe

PARTS = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig}
FIELDS = [(part, field.name) for part, kind in PARTS.items() for field in dataclasses.fields(kind)]
# Fields that change no weights; of the snapshots only the number is listed.
UNTOLD = {("train", "seeds"), ("train", "chunk"), ("train", "snapshots"), ("model", "image_shape")}
# A config in which no field is without effect.
FULL = RunConfig(model=ModelConfig(channels=(4,), norm=next(iter(NORMS))))


def values(part, name):
    """Any values of a field."""
    strategy = st.from_type(typing.get_type_hints(PARTS[part])[name])
    return strategy.filter(lambda value: "nan" not in repr(value))  # which differs from itself


def with_value(config, part, name, value):
    return dataclasses.replace(config, **{part: dataclasses.replace(getattr(config, part), **{name: value})})


def with_effect(name):
    """Configs in which a field has an effect."""
    used = [optimizer for optimizer in OPTIMIZERS if name in used_by(optimizer)]
    return [with_value(FULL, "train", "optimizer", optimizer) for optimizer in used] or [FULL]


@pytest.mark.parametrize(("part", "name"), [field for field in FIELDS if field not in UNTOLD])
@settings(max_examples=5)
@given(data=st.data())
def test_runs_that_differ_in_a_field_have_different_descriptions(part, name, data):
    one, other = data.draw(st.tuples(values(part, name), values(part, name)))
    assume(one != other)
    for config in with_effect(name):
        assert describe(with_value(config, part, name, one)) != describe(with_value(config, part, name, other))


def test_recipes_have_different_descriptions():
    assert len({describe(recipe.config) for recipe in RECIPES.values()}) == len(RECIPES)


def test_a_description_tells_what_is_not_usual():
    config = with_value(with_value(TOY, "data", "permute_pixels", True), "train", "l1", 1e-4)
    assert describe(with_value(config, "data", "validation_share", 1 / 15)) == (
        "strokes 8-6-2 relu, 500 training images, validation share 1/15, permuted pixels, adam 0.01, batch 32, "
        "3 epochs, L1 0.0001, 2 snapshots"
    )


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [("train", "momentum", 0.5), ("model", "norm_epsilon", 1.0), ("model", "stride", (7,)), ("train", "seeds", 99)],
)
def test_fields_without_effect_are_not_told(part, name, value):
    assert describe(with_value(TOY, part, name, value)) == describe(TOY)


def test_of_an_imported_run_no_training_is_told():
    shared = with_value(TOY, "train", "data_order", "shared")
    assert describe(shared) == f"{describe(TOY).removesuffix(', 2 snapshots')}, shared data order, 2 snapshots"
    imported = [describe(dataclasses.replace(config, recipe=IMPORTED)) for config in (TOY, shared)]
    assert imported == ["strokes 8-6-2 relu, 500 training images, imported"] * 2
