import itertools

import numpy as np
import pytest

from jaxinterp.analysis import gates

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


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
