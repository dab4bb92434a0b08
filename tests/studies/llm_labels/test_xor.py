import numpy as np
import pytest
from support import llm_results
from support.llm_results import SEEDS, judged, plant

from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.llm_labels import xor

SEVEN_OF_EIGHT = np.arange(SEEDS) % 8 > 0


def active(*rows):
    """Where the neurons of networks are active, one network after the other."""
    found = np.array([[[float(corner) for corner in gate] for gate in row] for row in rows])
    return np.tile(found, (SEEDS // len(rows), 1, 1))


WAYS = [["0111", "0001", "0000", "0000"], ["0111", "1111", "0010", "0000"], ["0101", "0010", "0000", "0000"]]
WAYS += [["0011", "0101", "0001", "0000"], ["1000", "0001", "0000", "0000"], ["0010", "0100", "0000", "0000"]]
WAYS += [["0111", "0111", "1110", "0000"], ["1011", "1101", "0000", "0000"]]
ONE_DEAD, NONE_DEAD = ["0111", "0001", "1111", "0000"], ["0111", "0001", "1111", "0011"]


def set_to(field, values):
    return lambda found: plant(found, "xor", field, values, conditions=TRAINED)


CASES = {
    "2.1 solved": (set_to("solved", SEVEN_OF_EIGHT), set_to("solved", ~SEVEN_OF_EIGHT)),
    "2.1 loss": (set_to("loss", 1e-9), set_to("loss", 1e-3)),
    "2.1 dead": (set_to("active", active(ONE_DEAD)), set_to("active", active(NONE_DEAD))),
    "2.1 fewer": (lambda found: None, set_to("spared", 0)),
    "2.1 ways": (lambda found: None, set_to("active", active(*WAYS))),
}


def test_a_claim_holds_where_it_is_planted_and_not_where_it_is_not():
    assert list(judged(xor, llm_results.results())) == list(CASES)
    assert llm_results.verdicts(xor, CASES) == {name: ("holds", "does not hold") for name in CASES}


def test_a_dead_neuron_that_can_be_spared_makes_xor_need_no_fewer():
    found = llm_results.results()
    plant(found, "xor", "spared", [0, 0, 0, 1], conditions=TRAINED)  # the fourth is dead
    finding = judged(xor, found)["2.1 fewer"]
    assert finding.measured.mean == finding.control.mean == 0 and finding.verdict == "does not hold"
    plant(found, "xor", "spared", [0, 0, 1, 1], conditions=TRAINED)  # the third, too, one of three that are alive
    finding = judged(xor, found)["2.1 fewer"]
    assert finding.measured.mean == 1 and finding.control.mean == pytest.approx(1 / 3)


def test_networks_without_active_neurons_share_a_way_and_diverged_ones_have_none():
    found = llm_results.results(seeds=4)
    plant(found, "xor", "active", 0, conditions=TRAINED)
    found["xor"]["active"][{"seeds": 1}] = np.nan
    assert xor.ways(xor.solutions(found)) == [(), None, (), ()] == xor.solving_ways(found)
    finding = judged(xor, found)["2.1 ways"]
    assert finding.measured.mean == 1 and finding.measured.n == 3 and finding.others[0].estimate.mean == 1
    assert finding.control_name == f"{UNTRAINED}, all networks"


def test_every_network_alike_leaves_room_for_one_that_is_not():
    score = judged(xor, llm_results.results(seeds=8))["2.1 solved"].score
    assert score.mean == 1 and score.low == pytest.approx(0.025 ** (1 / 8))
