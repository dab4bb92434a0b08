import dataclasses

import jax
import numpy as np
import pytest
from support import toy_inputs
from support.one_vs_seven import findings, network, plant, results, verdict

from jaxinterp import data, recipes
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.one_vs_seven import carriers as topic
from jaxinterp.studies.one_vs_seven.carriers import ACTIVITY, DIFFERENCE, METHODS, PATCHING, SIZES
from jaxinterp.studies.one_vs_seven.common import NAME, STROKES

RNG = np.random.default_rng(0)
UNITS, BAR_UNITS = 8, 12


@pytest.fixture(scope="module")
def reader():
    """Unit u of either layer reads pixel u."""
    output = np.zeros((UNITS, 2))
    output[0, 1] = 5  # class 1 where the unit of the stroke is above .7
    copy = (np.eye(UNITS), np.zeros(UNITS))
    return network(copy, copy, (output, np.array([3.5, 0])))


@pytest.fixture(scope="module")
def images():
    """Ranking images, their pairs, and scoring pairs: with the stroke in pixel 0, and without it."""
    labels = RNG.permutation(np.tile([0, 1], 60)).astype(np.int32)
    images = RNG.uniform(0.4, 0.6, (120, UNITS)).astype(np.float32)
    clean, corrupt = images + np.float32(0.4) * (np.arange(UNITS) == 0), images.copy()
    drawn = np.where(labels[:, None] == 1, clean, corrupt)
    first, second = ((clean[half::2], corrupt[half::2]) for half in (0, 1))
    return Dataset(drawn[0::2], labels[0::2]), first, second


def test_the_one_unit_that_reads_the_stroke_is_found(reader, images):
    found = jax.jit(topic.retrieval)(reader, *images)
    np.testing.assert_allclose(jax.jit(topic.carriers)(reader, images[-1]).share, [1 / UNITS, 1 / UNITS])
    np.testing.assert_allclose(found.quarter, [0.25, 0.25])
    for method in (DIFFERENCE, PATCHING):
        row = METHODS.index(method)
        np.testing.assert_allclose(found.recall[row], [1, 1])  # a quarter is two units, one of which carries it
        np.testing.assert_allclose(found.precision[row], [0.5, 0.5])
        assert (found.moved[row] >= 0.5).all() and (found.patched[row] >= 0.5).all()


def test_strokes_that_were_changed_have_no_twins():
    config = recipes.config(STROKES, seeds=2)
    own = dataclasses.replace(toy_inputs.unread(STROKES), splits=data.load(config.data))
    topic.check({STROKES: own})
    test = own.splits.test
    cut = own.splits._replace(test=Dataset(test.images[:10], test.labels[:10]))
    with pytest.raises(InputError, match="needs the strokes data as it was drawn"):
        topic.check({STROKES: dataclasses.replace(own, splits=cut)})
    with pytest.raises(InputError, match="got mnist"):
        topic.check({STROKES: dataclasses.replace(toy_inputs.unread(NAME), splits=own.splits)})


def test_few_units_carry_the_stroke_or_many():
    for level, expected in ((0.2, "holds"), (0.8, "does not hold")):
        values = plant(results(), "carriers", "share", level, layers="hidden0", conditions=TRAINED)
        assert verdict(values, "1.10 hidden0 few") == expected


@pytest.mark.parametrize(("active", "control"), [(0.7, ACTIVITY), (0.1, "random quarter")])
@pytest.mark.parametrize("truth", ["moved", "patched"])
def test_the_class_difference_must_beat_what_needs_no_labels(truth, active, control):
    values = plant(results(), "retrieval", truth, 0.8, methods=DIFFERENCE)
    plant(values, "retrieval", truth, active, methods=ACTIVITY)
    values["retrieval"]["quarter"][:] = 0.25
    found = findings(values)[f"1.10 hidden0 {truth}"]
    level = max(active, 0.25)
    assert found.control_name == control and PATCHING in {other.name for other in found.others}
    assert found.score.mean == pytest.approx((0.8 - level) / (1 - level), abs=1e-6)
    assert found.verdict == ("does not hold" if active == 0.7 else "holds")


def test_the_unit_that_reads_the_bar_restores_all_of_it():
    """Pixel and unit 3 are the bar of a 7; unit 5 also tells 7s from 1s, but not by their bar."""
    rng = np.random.default_rng(0)
    labels = np.tile([1, 7], 40).astype(np.int32)
    images = rng.uniform(0, 0.1, (80, BAR_UNITS)).astype(np.float32)
    images[:, 3] += labels == 7
    images[:, 5] += 2 * (labels == 7)
    clean = images[labels == 7]
    corrupt = clean.copy()
    corrupt[:, 3] = 0
    output = np.zeros((BAR_UNITS, 10))
    output[[3, 5], 7] = 2
    copy = (np.eye(BAR_UNITS), np.zeros(BAR_UNITS))
    reader = network(copy, copy, (output, np.zeros(10)))
    found = jax.jit(topic.patched)(reader, Dataset(images, labels), (clean, corrupt), jax.random.key(0))
    np.testing.assert_allclose(found.total, 2 * clean[0::2, 3].mean() * np.ones(2), rtol=1e-4)
    np.testing.assert_allclose(found.restored, np.ones((2, len(SIZES))), atol=1e-5)
    np.testing.assert_allclose(found.top, [1, 1], atol=1e-5)
    # Groups of three of twelve hold the unit in a quarter of the draws.
    np.testing.assert_allclose(np.unique(np.round(found.random, 3)), [0, 1], atol=1e-6)
    np.testing.assert_allclose(found.random.mean(axis=1), 0.25, atol=0.1)
    np.testing.assert_allclose(found.by_difference, [1, 1], atol=1e-5)
    assert (found.overlap >= 1 / 3).all()


def test_sevens_without_a_bar_have_no_twin():
    seven = np.zeros((28, 28), np.float32)
    seven[4:25, 14:18] = seven[4:7, 2:18] = 1
    stem = np.where(np.arange(28) < 14, 0, seven)
    test = Dataset(np.stack([seven, stem, seven]).reshape(3, -1), np.array([7, 7, 1], np.int32))
    clean, corrupt = topic.bar_twins(test)
    np.testing.assert_array_equal(clean, seven.reshape(1, -1))
    np.testing.assert_array_equal(corrupt.reshape(28, 28)[:, 14:], seven[:, 14:])
    assert not corrupt.reshape(28, 28)[:, :14].any()


@pytest.mark.parametrize(("level", "expected"), [(0.9, "holds"), (0.0, "does not hold")])
def test_the_units_must_beat_random_ones(level, expected):
    values = plant(results(), "top_bar", "top", level, layers="hidden1")
    values["top_bar"]["random"][:] = 0.1
    found = findings(values)["1.10 MNIST hidden1"]
    assert found.verdict == expected and found.score.mean == pytest.approx((level - 0.1) / 0.9, abs=1e-6)
    assert f"largest p of a network {1 / 21 if level else 1:.3f}" in found.note
