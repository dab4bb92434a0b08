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
from jaxinterp.studies.one_vs_seven.carriers import ACTIVITY, DIFFERENCE, METHODS, PATCHING
from jaxinterp.studies.one_vs_seven.common import NAME, STROKES

RNG = np.random.default_rng(0)
UNITS = 8


@pytest.fixture(scope="module")
def reader():
    """Unit u of either layer reads pixel u."""
    output = np.zeros((UNITS, 2))
    output[0, 1] = 5  # class 1 where the unit of the stroke is above .7
    copy = (np.eye(UNITS), np.zeros(UNITS))
    return network(copy, copy, (output, np.array([3.5, 0])))


@pytest.fixture(scope="module")
def images():
    """Ranking images and twins, then scoring images and twins: pairs that differ by the stroke in pixel 0 alone."""
    labels = RNG.permutation(np.tile([0, 1], 60)).astype(np.int32)
    images = RNG.uniform(0.4, 0.6, (120, UNITS)).astype(np.float32)
    twins = images.copy()
    images[:, 0] += 0.4 * labels
    twins[:, 0] += 0.4 * (1 - labels)
    return [Dataset(part[half::2], labels[half::2]) for half in (0, 1) for part in (images, twins)]


def test_the_one_unit_that_reads_the_stroke_is_found(reader, images):
    found = jax.jit(topic.retrieval)(reader, *images)
    np.testing.assert_allclose(jax.jit(topic.carriers)(reader, *images[2:]).share, [1 / UNITS, 1 / UNITS])
    np.testing.assert_allclose(found.quarter, [0.25, 0.25])
    for method in (DIFFERENCE, PATCHING):
        row = METHODS.index(method)
        np.testing.assert_allclose(found.recall[row], [1, 1])  # a quarter is two units, one of which carries it
        np.testing.assert_allclose(found.precision[row], [0.5, 0.5])
        assert (found.moved[row] >= 0.5).all() and (found.patched[row] >= 0.5).all()


def test_a_shift_is_in_units_of_the_spread_within_a_class(reader, images):
    moved = np.asarray(topic.shifts(reader, *images[2:], site="hidden0/post"))
    assert moved[0] == pytest.approx(0.4 / np.std(RNG.uniform(0.4, 0.6, 10_000)), rel=0.2)
    np.testing.assert_array_equal(moved[1:], 0)
    clean, corrupt = topic.with_and_without(*images[2:])
    np.testing.assert_allclose(clean[:, 0] - corrupt[:, 0], 0.4, atol=1e-6)


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
