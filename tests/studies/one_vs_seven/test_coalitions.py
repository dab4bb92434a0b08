import dataclasses

import jax
import numpy as np
import pytest
from support import toy_inputs
from support.one_vs_seven import findings, network, plant, results

from jaxinterp.data import Dataset, Splits
from jaxinterp.studies.one_vs_seven import coalitions as topic
from jaxinterp.studies.one_vs_seven.coalitions import KINDS, OWN, ROTATED
from jaxinterp.studies.one_vs_seven.common import SMALL

UNITS = 5
LABELS = np.tile([1, 1, 7, 7], 30).astype(np.int32)
measure = jax.jit(topic.measure)


def planted(*readers):
    """A network in which each of these units sees, alone in its pixel, what makes a 1 a 7, and the images it reads."""
    images = np.random.default_rng(0).uniform(0, 0.05, (len(LABELS), UNITS)).astype(np.float32)
    images[:, readers] += 0.9 * (LABELS == 7)[:, None]
    output = np.zeros((UNITS, 10))
    output[readers, 7] = 2
    bias = np.zeros(10)
    bias[7] = -1.2
    bias[3] = 9  # neither of the two logits that are compared
    copy = (np.eye(UNITS), np.zeros(UNITS))
    return network(copy, copy, (output, bias)), Dataset(images, LABELS)


@pytest.mark.parametrize(
    ("readers", "needed", "one_left", "divided"),
    [((2,), 1, 0, 0), ((0, 3), 2, 1, 1)],
    ids=["one necessary unit", "a redundant pair"],
)
def test_planted_roles_are_read_exactly(readers, needed, one_left, divided):
    found = measure(planted(*readers)[0], jax.random.key(0), planted(*readers)[1])
    own = jax.tree.map(lambda values: np.asarray(values)[0], found)  # of both kinds
    np.testing.assert_array_equal(own.enough, [1, 1])
    np.testing.assert_array_equal(own.needed, [needed] * 2)
    for name, value in {"kept": 1, "one_kept": 1, "left": 0, "one_left": one_left, "divided": divided}.items():
        np.testing.assert_allclose(getattr(own, name), [value] * 2, atol=1e-6, err_msg=name)
    roles = np.isin(np.arange(UNITS), readers) / len(readers)
    np.testing.assert_allclose(own.shapley, [roles] * 2, atol=1e-6)
    np.testing.assert_allclose(own.damage, [roles * (1 - one_left)] * 2, atol=1e-6)
    assert np.isfinite(found.divided[1]).all()  # in a random basis


def test_a_layer_that_tells_nothing_or_is_too_wide_has_no_sets(monkeypatch):
    nothing = measure(planted()[0], jax.random.key(0), planted(1)[1])
    monkeypatch.setattr(topic.sets, "PACKED", 4)
    wide = topic.measure(*planted(1)[:1], jax.random.key(0), planted(1)[1])
    for found in (nothing, wide):
        assert all(np.isnan(values).all() for values in found)
    assert wide.shapley.shape == (2, 2, UNITS)


def test_images_are_as_many_of_either_class_and_half():
    labels = np.random.default_rng(0).choice([1, 7, 3], 101, p=[0.5, 0.3, 0.2]).astype(np.int32)
    data = Dataset(np.arange(101, dtype=np.float32)[:, None], labels)
    [own] = topic._balanced(dataclasses.replace(toy_inputs.unread(SMALL), splits=Splits(data, data, data)))
    rows = own.images[:, 0].astype(int)
    np.testing.assert_array_equal(rows % 2, np.arange(len(rows)) % 2)
    np.testing.assert_array_equal(own.labels, np.tile([1, 1, 7, 7], len(rows) // 4))
    assert min((labels[half::2] == label).sum() for half in (0, 1) for label in (1, 7)) == len(rows) // 4


@pytest.mark.parametrize("kind", KINDS)
def test_few_units_or_many_that_stand_in_for_each_other(kind):
    names = [f"1.9 {name} {kind}" for name in ("few", "stand in", "fewer")]
    for few, apart, fewer, expected in ((0.3, 0.98, -0.5, "holds"), (2, 0.4, 0.5, "does not hold")):
        values = plant(results(), "coalitions", "enough", few, kinds=kind, bases=OWN)
        plant(values, "coalitions", "enough", few - fewer, kinds=kind, bases=ROTATED)
        plant(values, "coalitions", "divided", apart, kinds=kind, bases=OWN)
        found = findings(values, "1.9")
        assert [found[name].verdict for name in names] == [expected] * 3
        assert {found[name].control_name for name in names} == {ROTATED}
    assert topic.claims({}) == []  # a quick answer does without
