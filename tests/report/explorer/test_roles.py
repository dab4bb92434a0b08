"""Which units each class needs, as the page has it, beside the tables of all coalitions."""

import jax
import numpy as np
import pytest

from jaxinterp import ensemble, networks
from jaxinterp.analysis import coalitions
from jaxinterp.config import ModelConfig
from jaxinterp.networks import Network
from jaxinterp.report.explorer.roles import roles_of
from jaxinterp.store import Run


def test_roles_are_those_of_all_coalitions(toy, splits):
    config, _, trained = toy
    network = ensemble.take(trained.networks, 3)
    meta, arrays = roles_of(Run(config, trained.networks, trained.history), splits.test, [0, 2, 3])
    assert meta == {"networks": 3, "images": 240, "left_out": ""}
    own = {name: values[2] for name, values in arrays.items()}
    halves = [splits.test.take(slice(start, None, 2)) for start in (0, 1)]
    tables = [coalitions.table(network, half) for half in halves]
    choosing, scoring = map(coalitions.f1, tables)
    both = coalitions.f1(jax.tree.map(np.add, *tables))
    index = coalitions.shapley(both)
    np.testing.assert_allclose(own["shapley"], coalitions.of_units(index), atol=1e-5)
    np.testing.assert_allclose(own["shapley"].sum(axis=1), both[:, -1] - both[:, 0], atol=1e-5)
    np.testing.assert_allclose(own["alone"], coalitions.single_damage(both), atol=1e-6)
    strengths = np.abs(np.triu(np.nan_to_num(np.asarray(coalitions.pairs(index))), 1)).reshape(2, -1)
    np.testing.assert_allclose(np.abs(own["interaction"]), -np.sort(-strengths)[:, :5], atol=1e-5)
    for label, ((first, second), value) in enumerate(zip(own["pair"][:, 0], own["interaction"][:, 0], strict=True)):
        assert value == pytest.approx(float(coalitions.pairs(index)[label, first, second]), abs=1e-5)
    found = coalitions.searched(choosing, scoring)
    for name, sets, share in (("enough", found.enough, "kept"), ("needed", found.needed, "left")):
        members = (np.asarray(sets.subset)[:, None] >> np.arange(6)) % 2 * (np.asarray(sets.number) > 0)[:, None]
        np.testing.assert_array_equal(own[name], members)
        np.testing.assert_allclose(own[share], getattr(found, share), atol=1e-6)
    np.testing.assert_array_equal(own["disjoint"], coalitions.disjoint_sets(coalitions.sufficient(choosing)))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (ModelConfig((17,), 3), "the layer has 17 units"),
        (ModelConfig((4,), 1), "with one output"),
        (ModelConfig((), 3, channels=(2,), image_shape=(4, 4, 1)), "the outputs read feature maps"),
    ],
)
def test_what_has_no_table_is_left_out_and_said_to_be(toy, splits, config, reason):
    model = networks.build(config)
    started = jax.vmap(lambda key: networks.init(key, model, 16).variables)(ensemble.keys(0, 2))
    meta, arrays = roles_of(Run(toy[0], Network(model, started), toy[2].history), splits.test, [0, 1])
    assert reason in meta["left_out"] and meta["networks"] == 0 and arrays == {}
