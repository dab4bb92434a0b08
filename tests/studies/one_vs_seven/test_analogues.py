import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import toy_inputs
from support.one_vs_seven import findings, results

from jaxinterp import controls, ensemble, networks
from jaxinterp.data import Dataset, Splits
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.one_vs_seven import analogues
from jaxinterp.studies.one_vs_seven.analogues import CLASS, COMPARISONS, DIRECTIONS, OTHERS, TRAINED, UNTRAINED
from jaxinterp.studies.one_vs_seven.common import NAME, SMALL


def permuted(network, order):
    """The same function, with the units of the first layer in another order."""
    params = dict(network.variables["params"])
    first, second = dict(params["hidden0"]), dict(params["hidden1"])
    params["hidden0"] = {name: leaf[..., order] for name, leaf in first.items()}
    params["hidden1"] = second | {"kernel": second["kernel"][order]}
    return network.replace(variables=network.variables | {"params": params})


def inputs_of(recipe, kept, diverged):
    rng = np.random.default_rng(0)
    labels = np.tile([1, 1, 7, 7], 10).astype(np.int32)
    test = Dataset(rng.uniform(size=(40, 9)).astype(np.float32), labels)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *kept)
    own = toy_inputs.unread(recipe, seeds=len(kept))
    history = type("History", (), {"diverged": np.array(diverged)})
    return Inputs(recipe, own.path, own.run._replace(networks=stacked, history=history), Splits(test, test, test))


def test_a_permuted_network_has_every_counterpart_and_one_that_diverged_none():
    model = networks.MLP((8, 6), 10)
    one, other = (networks.init(jax.random.key(seed), model, 9) for seed in (0, 1))
    lost = jax.tree.map(lambda leaf: leaf * jnp.nan, other)
    inputs = {
        NAME: inputs_of(NAME, (one, permuted(one, np.arange(8)[::-1]), lost), (0, 0, 1)),
        SMALL: inputs_of(SMALL, (one, other), (0, 0)),
    }
    found = analogues.analogues(inputs).correlation
    trained = found[0, COMPARISONS.index(TRAINED)]
    np.testing.assert_allclose(trained[:, :2, :2], 1, atol=1e-5)
    assert np.isnan(found[0, ..., 2, :]).all() and np.isnan(found[0, ..., 2]).all()
    assert np.isnan(found[1, ..., 2, :]).all() and np.isfinite(found[1, ..., :2, :2]).all()
    assert (found[1, COMPARISONS.index(TRAINED), :, 0, 1] < 0.99).all()
    assert (found[0, COMPARISONS.index(CLASS), :, 0, 1] < 0.9).all()
    assert (found[0, COMPARISONS.index(DIRECTIONS), :, 0, 1] < 0.99).all()
    before = controls.untrained(ensemble.keys(0, 2), model, 9)
    before = analogues.analogues(
        {SMALL: inputs_of(SMALL, (ensemble.take(before, 0), ensemble.take(before, 1)), (0, 0))}
    )
    np.testing.assert_allclose(found[1, COMPARISONS.index(UNTRAINED), :, :2, :2], before.correlation[0, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("untrained", "id_", "expected"),
    [(0.4, "1.12 hidden0", ("holds", OTHERS)), (0.88, "1.12 small hidden1", ("does not hold", UNTRAINED))],
)
def test_counterparts_must_beat_the_highest_control(untrained, id_, expected):
    values = results(6)
    levels = {TRAINED: 0.9, CLASS: 0.5, OTHERS: 0.6, DIRECTIONS: 0.3, UNTRAINED: untrained}
    noise = np.random.default_rng(0).normal(0, 0.01, (6, 6))
    for name, level in levels.items():
        values["analogues"]["correlation"].loc[{"comparisons": name}] = level + noise
    found = findings(values)[id_]
    assert (found.verdict, found.control_name) == expected
