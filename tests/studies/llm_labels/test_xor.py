import itertools

import llm_labels_records
import numpy as np
import pytest

from jaxinterp.studies.llm_labels import xor
from jaxinterp.studies.llm_labels.record import TRAINED

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def gates(*names):
    return np.array([[float(fires) for fires in name] for name in names])


def test_the_gates_are_all_that_a_line_can_part():
    lines = itertools.product(np.linspace(-2, 2, 9), np.linspace(-2, 2, 9), np.linspace(-3, 3, 13))
    found = {"".join(str(int(fires)) for fires in CORNERS @ [a, b] + c > 0) for a, b, c in lines}
    assert found == set(xor.GATES)
    assert len(set(xor.GATES.values())) == len(xor.GATES)


def test_a_way_does_not_depend_on_order_copies_or_dead_neurons():
    one = xor.kind(gates("0111", "0001", "0000", "0001"))
    assert one == xor.kind(gates("0000", "0001", "0000", "0111")) == xor.kind(gates("0111", "0001"))
    assert one != xor.kind(gates("0111", "0010"))


def test_swapping_and_inverting_the_inputs_makes_no_other_way():
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(20, 2, 4)), rng.normal(size=(20, 1, 4))
    for kernel, shift in zip(weights, bias, strict=True):
        ways = {
            xor.kind((seen @ kernel + shift > 0).T.astype(float))
            for corners in (CORNERS, 1 - CORNERS)
            for seen in (corners, corners[:, ::-1])
        }
        assert len(ways) == 1


def test_the_pieces_add_up_to_the_network_on_every_corner():
    rng = np.random.default_rng(1)
    kernel, bias, outgoing = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    entering = np.einsum("ci,sin->scn", CORNERS, kernel) + bias[:, None]
    fires = np.moveaxis(entering > 0, 1, 2).astype(float)
    record = llm_labels_records.record(
        seeds=3,
        xor_kernel=kernel,
        xor_bias=bias,
        xor_outgoing=outgoing,
        xor_gates=np.stack([fires, fires], axis=1),
    )
    output = np.einsum("scn,sn->sc", np.maximum(entering, 0), outgoing)
    for seed in range(3):
        total = np.zeros(4)
        for piece in xor.pieces(record, seed):
            fires = np.array([int(fires) for fires in piece.gate])
            total += fires * (CORNERS @ [piece.on_x, piece.on_y] + piece.constant)
        np.testing.assert_allclose(total, output[seed], atol=1e-12)


def test_the_network_written_by_hand_is_read():
    record = llm_labels_records.record(seeds=2)
    assert xor.kinds(record) == [xor.kind(gates("0111", "0001", "1111"))] * 2
    assert [piece.gate for piece in xor.pieces(record, 0)] == ["0001", "0111", "1111"]
    assert xor.solved(record).tolist() == [1, 1] and xor.solved(record, "untrained").tolist() == [0, 0]
    assert xor.needed(record).tolist() == [2, 2]
    assert sum(xor.counted(record).values()) == 2


def test_networks_that_are_not_there_have_no_way():
    record = llm_labels_records.record(seeds=3, diverged=(1,))
    assert xor.kinds(record)[1] is None and xor.kinds(record)[0] is not None
    assert np.isnan(xor.solved(record)).tolist() == [False, True, False]
    assert xor.kinds(record, TRAINED)[0] == xor.kinds(record)[2]


def test_subsets_are_all_and_the_last_is_everything():
    found = xor.subsets(4)
    assert len({tuple(row) for row in found}) == 16 and not found[0].any() and found[-1].all()


@pytest.mark.parametrize("own, words", [((), "constant"), (("0001", "0111"), "x∧y + x∨y")], ids=["none", "two"])
def test_ways_are_spelled(own, words):
    assert xor.spelled(own) == words
