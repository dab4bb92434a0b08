import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import networks
from jaxinterp.analysis import ablation, coalitions
from jaxinterp.analysis.coalitions import indices
from jaxinterp.data import Dataset

of = jax.jit(coalitions.table)


# Unit u of the hidden layer is pixel u
def planted(weights, biases, images, labels):
    """The recall of every class by every coalition, in a network whose units are its pixels."""
    weights = np.float32(weights)
    layers = [(np.eye(len(weights)), np.zeros(len(weights))), (weights, biases)]
    network = networks.from_layers([tuple(map(jnp.float32, layer)) for layer in layers])
    return np.asarray(coalitions.recall(of(network, Dataset(np.float32(images), np.int32(labels)))))


IN = ablation.subsets(4)  # whether a unit is in a coalition; the last one is dead, whatever an output reads of it
COUNT = IN[:, :3].sum(axis=1)  # of the first three units


@pytest.mark.parametrize(
    ("weights", "bias", "expected", "shapley", "enough", "needed", "apart"),
    [
        ([2, 0, 0, 9], -1, IN[:, 0], [1, 0, 0, 0], 1, 1, 1),  # necessary; two others are not read
        ([2, 2, 0, 9], -1, IN[:, 0] | IN[:, 1], [0.5, 0.5, 0, 0], 1, 2, 2),  # redundant
        ([2, 2, 0, 9], -3, IN[:, 0] & IN[:, 1], [0.5, 0.5, 0, 0], 2, 1, 1),  # synergistic
        ([2, 2, 2, 9], -3, COUNT >= 2, [1 / 3, 1 / 3, 1 / 3, 0], 2, 2, 1),  # a majority of three
    ],
    ids=["necessary", "redundant", "synergistic", "majority"],
)
def test_planted_roles_are_read_exactly(weights, bias, expected, shapley, enough, needed, apart):
    values = planted(np.stack([np.zeros(4), weights], axis=1), [0, bias], [[1, 1, 1, 0]] * 3, [1, 1, 1])[1]
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_allclose(indices.of_units(coalitions.shapley(values)), shapley, atol=1e-6)
    sufficient, necessary = coalitions.sufficient(values), coalitions.necessary(values)
    assert coalitions.smallest(sufficient, values).size == enough
    assert coalitions.smallest(necessary, -values[::-1]).size == needed
    assert coalitions.disjoint_sets(sufficient) == apart
    assert coalitions.divided(values, values) == (apart > 1)  # two sets that are enough and share no unit
    assert coalitions.divided(values, 0 * values) == 0


def test_an_exclusive_or_has_no_shapley_value_and_all_of_it_is_interaction():
    # Logits 0, 2s − 1 and 5s − 6.5 of s kept units: the largest is that of class s.
    weights = np.array([[0, 2, 5], [0, 2, 5], [0, 0, 0]])
    values = planted(weights, [0, -1, -6.5], [[1, 1, 1]] * 2, [1, 1])[1]
    kept = ablation.subsets(3)
    np.testing.assert_array_equal(values, kept[:, 0] ^ kept[:, 1])
    np.testing.assert_allclose(coalitions.of_units(coalitions.shapley(values)), 0, atol=1e-6)
    np.testing.assert_allclose(coalitions.moebius(values), [0, 1, 1, -2, 0, 0, 0, 0], atol=1e-6)
    for index in (coalitions.shapley, coalitions.banzhaf):
        pairs = np.asarray(coalitions.pairs(index(values)))
        assert pairs[0, 1] == pytest.approx(-2) and abs(pairs[0, 2]) < 1e-6 and np.isnan(pairs[0, 0])


def test_the_first_of_equal_logits_is_predicted():
    values = planted(np.zeros((2, 3)), np.zeros(3), [[1, 1]] * 3, [0, 1, 2])
    np.testing.assert_array_equal(values, np.array([[1.0], [0], [0]]) * np.ones(4))
