"""What a run lacks for a study, and which studies can be about it: said before anything is trained."""

import dataclasses

import numpy as np
import pytest

from jaxinterp import jobs, networks, studies, train
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.studies.needs import Needs

STROKES = RunConfig(
    DataConfig("strokes", train_size=100), ModelConfig((4, 3), outputs=2), TrainConfig(seeds=3, epochs=1)
)


def images(side, labels):
    return Dataset(np.zeros((len(labels), side * side), np.float32), np.array(labels, np.int32))


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (Needs(), []),
        (Needs(layers=2, outputs=3, square=True), []),
        (Needs(layers=3), ["3 hidden layers or more, not 2"]),
        (Needs(exact=True), ["exactly 1 hidden layer, not 2"]),
        (Needs(outputs=4), ["4 outputs or more, not 3"]),
        (Needs(classes=(0, 1)), []),
        (Needs(classes=(2,)), ["test images of class 2, some in either half of them"]),  # in one half alone
        (
            Needs(classes=(7,), outputs=8),
            ["8 outputs or more, not 3", "test images of class 7, some in either half of them"],
        ),
        (Needs(square=True, least_side=4), ["square images of 4 × 4 pixels or more and one channel, not 3 × 3"]),
    ],
)
def test_what_a_run_lacks_is_named(needs, words):
    assert needs.missing(networks.build(ModelConfig((5, 4), outputs=3)), images(3, [0, 0, 1, 1, 2])) == words


@pytest.mark.parametrize(("pixels", "shape", "text"), [(2, None, "1 × 2"), (12, (2, 2, 3), "2 × 2 × 3")])
def test_images_without_rows_or_in_colour_are_not_square(pixels, shape, text):
    options = {} if shape is None else {"shape": shape}
    test = Dataset(np.zeros((4, pixels), np.float32), np.zeros(4, np.int32), **options)
    found = Needs(square=True).missing(networks.build(ModelConfig((3,))), test)
    assert found == [f"square images and one channel, not {text}"]


def test_studies_are_about_networks_without_convolutions():
    model = networks.build(ModelConfig((3,), channels=(2,), image_shape=(4, 4, 1)))
    assert Needs().missing(model, images(4, [0, 0])) == ["networks without convolutions"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "own"
    jobs.train_run(folder, STROKES)
    return folder


def test_a_study_of_another_class_is_refused_with_the_studies_that_can(path):
    with pytest.raises(InputError) as error:
        studies.check_run("looking-for-four", path)
    message = str(error.value)
    assert message.startswith(f"looking-for-four cannot be about {path}: it needs 5 outputs or more, not 2; test")
    assert message.endswith("(studies that can: instance-variation, measuring-similarity, bottleneck-neurons)")
    for able in ("instance-variation", "measuring-similarity", "bottleneck-neurons"):
        studies.check_run(able, path)


def test_one_network_is_sent_to_the_questions(path, tmp_path):
    config = dataclasses.replace(STROKES, train=dataclasses.replace(STROKES.train, seeds=1))
    jobs.train_run(tmp_path / "one", config)
    with pytest.raises(InputError, match=r"needs 2 networks or more, not 1 \(no study can: ask units, ablate, attri"):
        studies.check_run("bottleneck-neurons", tmp_path / "one")


def test_arms_that_the_data_do_not_allow_are_left_out_before_training(path, monkeypatch):
    monkeypatch.setattr(train, "fit_arms", lambda *_, **__: pytest.fail("it was trained"))
    planned = studies.runs("instance-variation", path)
    possible, reasons = studies.trainable("instance-variation", planned)
    left_out = "instance-variation-one-digit"  # class 4 against the rest
    assert {config.recipe for config in planned.values()} - {config.recipe for config in possible.values()} == {
        left_out
    }
    assert len(reasons) == 1 and reasons[0].startswith(f"left out: {left_out}, since class 4 is not in the data")
    study = studies.get("instance-variation")
    needed = dataclasses.replace(study, recipes={**study.recipes, left_out: 3}, optional={})
    monkeypatch.setitem(studies.STUDIES, study.name, needed)
    with pytest.raises(InputError, match="class 4 is not in the data"):
        studies.trainable("instance-variation", studies.runs("instance-variation", path))
