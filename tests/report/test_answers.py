"""Tables of the questions of a run: which columns a single network lacks, and what json and csv hold."""

import json

import pytest
from support import planted, planted_images, planted_runs

from jaxinterp.questions import ablate, attribute, compare
from jaxinterp.report import answers

IMAGE = 4


@pytest.fixture(scope="module")
def one():
    return planted_runs.run(planted.network())


def exported(table):
    return json.loads(table.export("json"))


def test_of_one_network_there_is_no_interval_and_the_caption_says_so(one):
    found = ablate.answer(one, "hidden1:0", kind="zero")
    table = answers.ablation_table(found, title="t")
    assert table.cells[1] == ("0", "1.000", "0.000", "1.000", *table.cells[1][4:])
    assert table.caption.endswith("\nno interval: one network") and "±" not in "".join(table.cells[0])
    row = exported(table)["rows"][1]
    assert row["lost"]["mean"] == 1 and row["lost"]["low"] is None and row["n"] == 1
    [network] = exported(answers.ablated_networks_table(found))["rows"]
    assert network["without_class_0"] == 0 and network["accuracy"] == 1 and network["seed"] == 0


def test_an_explained_image_has_its_pixels_and_units(one):
    found = attribute.answer(one, IMAGE)
    [network] = exported(answers.attribution_table(found))["rows"]
    assert network["sum_of_map"] == pytest.approx(network["gain"], rel=1e-4) and network["prediction"] == 0
    first = exported(answers.pixels_table(found, top=1))["rows"][0]
    assert (first["pixel"], first["row"], first["column"]) == (0, 0, 0)
    assert first["contribution"]["mean"] == pytest.approx(network["gain"], rel=1e-4)
    units = exported(answers.passing_table(found, top=2))["rows"]
    assert {(row["layer"], row["unit"]) for row in units} == {("hidden0", 0), ("hidden1", 0)}
    assert all(row["share"] == pytest.approx(1, rel=1e-4) for row in units)


def test_images_whose_rows_are_not_known_have_none(one):
    found = attribute.answer(one, IMAGE)
    table = answers.pixels_table(found._replace(shape=(1, planted.PIXELS, 1)), top=3)
    assert table.columns == ("pixel", "intensity", "contribution") and len(table.cells) == 3


@pytest.mark.parametrize(("shape", "words"), [(planted_images.FLAT, []), (planted_images.COLOUR, ["blue"])])
def test_a_pixel_of_any_image_has_its_place(shape, words):
    run = planted_runs.run(planted_images.network(shape), data=planted_images.data(shape))
    found = attribute.answer(run, 1)
    axes = ("row", "column", "channel")[: 2 + len(words)]
    place = planted_images.PLACES[shape][: len(axes)]
    table = answers.pixels_table(found, top=1)
    [pixel] = exported(table)["rows"]
    assert tuple(pixel[axis] for axis in axes) == place and set(pixel) & {"channel"} == set(axes) & {"channel"}
    assert table.columns == ("pixel", *axes, "intensity", "contribution")
    assert list(table.cells[0][1 : 1 + len(axes)]) == [*map(str, place[:2]), *words]
    table = answers.attribution_table(found)
    assert table.cells[0][1] == "1, ankle boot" and "the logit of class 1, ankle boot" in table.caption
    [network] = exported(table)["rows"]
    assert (network["prediction"], network["predicted_class"]) == (1, "ankle boot")


def test_one_network_alone_is_compared_with_nothing(one):
    found = compare.answer([one])
    assert answers.likeness_table(found).cells == []
    assert answers.likeness_table(found).caption.endswith("mine: no pairs within it and no interval: one network")
    assert answers.accuracies_table(found).cells == [("mine", "1.000", "—")]
