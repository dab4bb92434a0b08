"""A label's text predicts what it says: every sentence of the rules is read back, and free text where it can be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxinterp.explanation import simulate
from jaxinterp.explanation.rules import _of_regions
from jaxinterp.explanation.simulate import Compiled, Refused

DIGITS, SHAPE = tuple(map(str, range(10))), (28, 28, 1)
CLOTHES = ("T-shirt/top", "Trouser", "Dress", "Ankle boot")


def compiled(text, names=DIGITS, shape=SHAPE) -> Compiled:
    found = simulate.compile_label(text, names, shape)
    assert isinstance(found, Compiled), found
    return found


def named(text, names=DIGITS):
    """The classes and the cells that a label names, with their weights."""
    found = compiled(text, names)
    cells = simulate.cells(SHAPE) @ found.pixels
    of_classes = {names[label]: found.classes[label] for label in np.flatnonzero(found.classes)}
    return of_classes, {simulate.cell_name(cell): cells[cell].round(6) for cell in np.flatnonzero(cells).tolist()}


@pytest.mark.parametrize(
    ("text", "classes", "cells"),
    [
        ("Active for 3 and 8; weakly for 5.", {"3": 1, "5": 0.5, "8": 1}, {}),
        ("Active for 3, 5 and 8.", {"3": 1, "5": 1, "8": 1}, {}),
        ("Active for 3, weakly for 5, 8", {"3": 1, "5": 0.5, "8": 0.5}, {}),
        ("Not 3, 5 or 8", {"3": -1, "5": -1, "8": -1}, {}),
        ("Ink in the upper left, none in the middle.", {}, {"upper left": 1, "middle": -1}),
        ("Little ink in the lower right; some ink in the middle left", {}, {"lower right": -0.5, "middle left": 0.5}),
        ("a little ink at the center-left", {}, {"middle left": 0.5}),
        ("Threes and sixes, but not a 1", {"3": 1, "6": 1, "1": -1}, {}),
        ("The digit seven, strongly. Inhibited by 0s", {"7": 1, "0": -1}, {}),
        ("Neuron 4 of layer 2 responds to 9", {"9": 1}, {}),
        ("Active for 0.5 of the 5s", {"5": 1}, {}),
    ],
)
def test_what_a_sentence_names(text, classes, cells):
    assert named(text) == (classes, cells)


def test_bands_and_the_whole_image():
    grid = simulate.cells(SHAPE).reshape(3, 3, -1)
    np.testing.assert_allclose(compiled("top-row ink").pixels, grid[0].sum(axis=0) / grid[0].sum())
    np.testing.assert_allclose(compiled("strokes on the left").pixels, grid[:, 0].sum(axis=0) / grid[:, 0].sum())
    np.testing.assert_allclose(compiled("ink anywhere").pixels, 1 / 784)
    np.testing.assert_array_equal(grid.sum(axis=(0, 1)), 1)


def test_names_of_clothes_are_classes_and_not_regions():
    assert named("Active for t-shirt/top and dresses; weakly for Ankle boots.", CLOTHES) == (
        {"T-shirt/top": 1, "Dress": 1, "Ankle boot": 0.5},
        {},
    )


def test_what_a_label_says_beyond_is_left_out_and_named():
    found = compiled("Loops that are closed; the top of a 9. Crossing strokes")
    assert found.left_out == ("loops that are closed", "crossing strokes") and found.classes[9]


@pytest.mark.parametrize("text", ["", "  ", "Curves from 0 to 90 degrees", "activates at 45° or 7 pixels", "neuron 3"])
def test_what_names_no_class_and_no_region_is_refused_and_predicts_nothing(text):
    found = simulate.compile_label(text, DIGITS, SHAPE)
    assert isinstance(found, Refused) and found.reason
    images = np.random.default_rng(0).uniform(size=(5, 784)).astype(np.float32)
    assert not simulate.predictions([found], images, np.arange(5)).any()


def test_a_dead_neuron_is_predicted_to_do_nothing():
    found = compiled("Dead neuron.")
    assert not found.classes.any() and not found.pixels.any()


@given(st.lists(st.floats(-1, 1, width=32), min_size=9, max_size=9))
def test_rules_are_read_back_as_they_were_meant(values):
    regions = np.array(values, np.float32)
    text = _of_regions(regions)
    top = np.abs(regions).max()
    share = regions / top if top > 0 else regions
    strong, some = np.abs(share) >= 2 / 3, np.abs(share) >= 1 / 3
    expected = np.sign(share) * np.where(strong, 1, np.where(some, 0.5, 0))
    found = simulate.compile_label(text, DIGITS, SHAPE)
    if isinstance(found, Refused):
        assert not expected.any()
    else:
        np.testing.assert_allclose(simulate.cells(SHAPE) @ found.pixels, expected, atol=1e-6)


def test_predictions_are_by_class_by_region_or_both():
    rng = np.random.default_rng(0)
    images, labels = rng.uniform(size=(200, 784)).astype(np.float32), rng.integers(0, 10, 200)
    texts = "Active for 3; weakly for 5.", "Ink in the upper left.", "A 3 with ink in the upper left", "mystery"
    by_class, by_region, both, nothing = simulate.predictions(
        [simulate.compile_label(text, DIGITS, SHAPE) for text in texts], images, labels
    )
    np.testing.assert_array_equal(by_class, np.where(labels == 3, 1, np.where(labels == 5, 0.5, 0)))
    ink = images.reshape(200, 28, 28)[:, :10, :10].mean(axis=(1, 2))
    np.testing.assert_allclose(by_region, ink, rtol=1e-5)
    is_three = (labels == 3).astype(float)
    np.testing.assert_allclose(both, is_three / is_three.std() + ink / ink.std(), rtol=1e-4)
    assert not nothing.any()
