import itertools

import jax
import numpy as np
import pytest
from support.llm_results import CORNERS as DATA
from support.llm_results import or_but_not_and

from jaxinterp.analysis import gates
from jaxinterp.networks import MLP, init

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
TARGETS = np.array([0, 1, 1, 0])


def active(*names):
    return np.array([[float(corner) for corner in name] for name in names])


def test_the_gates_are_all_that_a_line_can_part():
    lines = itertools.product(np.linspace(-2, 2, 9), np.linspace(-2, 2, 9), np.linspace(-3, 3, 13))
    found = {"".join(str(int(side)) for side in CORNERS @ [a, b] + c > 0) for a, b, c in lines}
    assert found == set(gates.GATES)
    assert len(set(gates.GATES.values())) == len(gates.GATES)


def test_a_way_does_not_depend_on_order_copies_or_dead_neurons():
    one = gates.way(active("0111", "0001", "0000", "0001"))
    assert one == gates.way(active("0000", "0001", "0000", "0111")) == gates.way(active("0111", "0001"))
    assert one != gates.way(active("0111", "0010"))
    assert gates.way(active("0000", "0000")) == ()


def test_swapping_and_inverting_the_inputs_makes_no_other_way():
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(20, 2, 4)), rng.normal(size=(20, 1, 4))
    for kernel, shift in zip(weights, bias, strict=True):
        ways = {
            gates.way((seen @ kernel + shift > 0).T.astype(float))
            for corners in (CORNERS, 1 - CORNERS)
            for seen in (corners, corners[:, ::-1])
        }
        assert len(ways) == 1


def test_the_pieces_add_up_to_the_network_on_every_corner():
    rng = np.random.default_rng(1)
    for _ in range(3):
        kernel, bias, outgoing = rng.normal(size=(2, 4)), rng.normal(size=4), rng.normal(size=4)
        entering = CORNERS @ kernel + bias
        total = np.zeros(4)
        for piece in gates.pieces(kernel, bias, outgoing, (entering > 0).T.astype(float)):
            corners = np.array([int(corner) for corner in piece.gate])
            total += corners * (CORNERS @ [piece.on_x, piece.on_y] + piece.constant)
        np.testing.assert_allclose(total, np.maximum(entering, 0) @ outgoing, atol=1e-12)


@pytest.mark.parametrize("way, words", [((), "constant"), (("0001", "0111"), "x∧y + x∨y")], ids=["none", "two"])
def test_ways_are_spelled(way, words):
    assert gates.spelled(way) == words


def test_the_network_written_by_hand_is_read():
    found = jax.tree.map(np.asarray, gates.solution(or_but_not_and(), DATA))
    np.testing.assert_allclose(found.outputs, TARGETS, atol=1e-6)
    assert found.solved == 1 and found.fewest == 2 and found.loss < 1e-10
    assert found.spared.tolist() == [0, 0, 1, 1] and gates.way(found.active) == gates.way(
        active("0111", "0001", "1111", "0000")
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_is_spared_is_what_the_weights_say(seed):
    network = init(jax.random.key(seed), MLP((4,), 1, initializer="torch", initializer_gain=3.0), 2)
    found = jax.tree.map(np.asarray, gates.solution(network, DATA))
    units = np.maximum(CORNERS @ found.kernel + found.bias, 0)
    np.testing.assert_array_equal(found.active, (units > 0).T)

    def solves(units):
        return (((units @ found.outgoing + found.offset) > 0.5) == TARGETS).all()

    assert found.solved == solves(units)
    for unit in range(4):
        others = np.arange(4) != unit
        assert found.spared[unit] == solves(units * others)
        assert found.spared_at_mean[unit] == solves(np.where(others, units, units.mean(axis=0)))
    enough = [kept.sum() for kept in np.array(np.meshgrid(*[[0, 1]] * 4)).reshape(4, -1).T if solves(units * kept)]
    assert np.isnan(found.fewest) if not solves(units) else found.fewest == min(enough)
