import dataclasses
import shlex

import pytest

from jaxinterp import cli, jobs, recipes
from jaxinterp.cli.commands import Train
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.report import settings

CHANGED = RunConfig(
    DataConfig("a folder", classes=(1, 7), positive=7, transpose=True),
    ModelConfig((5,), outputs=1, dropout=(0.5,)),
    TrainConfig(seeds=3, learning_rate=0.25, snapshots=(0, 0.5, 2)),
)


def test_every_field_has_a_value_and_a_meaning():
    found = settings.settings(CHANGED)
    names = [f"{part}.{field.name}" for part, kind in settings.PARTS.items() for field in dataclasses.fields(kind)]
    assert [one.name for one in found] == [*names, "recipe"]
    assert all(one.value and len(one.meaning) > 9 for one in found)
    values = {one.name: one.value for one in found}
    assert values["data.classes"] == "1, 7" and values["data.transpose"] == "yes"
    assert values["data.crop"] == values["recipe"] == "—" and values["train.snapshots"] == "0, 0.5, 2"


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        CHANGED,
        recipes.config("instance-variation", seeds=8),
        dataclasses.replace(recipes.config("bottleneck-neurons"), model=ModelConfig((3,))),
    ],
)
def test_the_command_trains_what_was_trained(config):
    program, job, *options = shlex.split(settings.command(config))
    assert (program, job) == ("jaxinterp", "train")
    start = cli.shell.config_to_start_from(options)
    default = Train(start.recipe, data=start.data, model=start.model, train=start.train)
    asked = cli.parse(Train, options, prog="jaxinterp train", default=default)
    assert RunConfig(asked.data, asked.model, asked.train, asked.recipe) == config


def test_no_command_makes_an_imported_run():
    assert settings.command(RunConfig(recipe=jobs.IMPORTED)) == ""


@pytest.mark.parametrize(
    ("config", "names", "written"),
    [
        (DataConfig(classes=(2, 0)), ("T-shirt", "Trouser", "Pullover"), "2 (Pullover), 0 (T-shirt)"),
        (DataConfig(classes=(1, 26), label_offset=1), ("A", "B"), "1 (A), 26"),
        (DataConfig(classes=(4, 9), positive=9), ("not Boot", "Boot"), "4, 9 (Boot)"),
        (DataConfig(classes=(1, 7)), tuple("0123456789"), "1, 7"),
        (DataConfig(), ("T-shirt",), "—"),
    ],
)
def test_classes_have_their_names(config, names, written):
    found = {one.name: one.value for one in settings.settings(RunConfig(config), names)}
    assert found["data.classes"] == written
    assert found["data.positive"] == ("9 (Boot)" if config.positive else "—")
