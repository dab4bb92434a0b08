import jax.numpy as jnp
import numpy as np
import pytest
from support import llm_results
from support.llm_results import judged, near, plant, when

from jaxinterp.networks import MLP, Network
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.llm_labels import weights


def rebuilt(found, at_random, trained):
    """Shares of variance that the largest weights explain, and that random ones and those before training do."""
    plant(found, "incoming", "rebuilt", at_random)
    plant(found, "incoming", "rebuilt", trained, lists=weights.WEIGHT, conditions=TRAINED)


CASES = {
    "2.5 lists": (
        lambda found: when(found, "incoming", "overlap", near(0.5), near(0.95)),
        lambda found: when(found, "incoming", "overlap", near(0.7), near(0.8)),
    ),
    "2.5 incoming": (
        lambda found: rebuilt(found, near(0.2), near(0.8)),
        lambda found: rebuilt(found, near(0.5), near(0.6)),
    ),
    "2.5 outgoing": (
        lambda found: plant(found, "outgoing", "listed_live", 1),
        lambda found: plant(found, "outgoing", "listed_live", near(0.7)),
    ),
}


def test_a_claim_holds_where_it_is_planted_and_not_where_it_is_not():
    assert list(judged(weights, llm_results.results())) == list(CASES)
    assert llm_results.verdicts(weights, CASES) == {name: ("holds", "does not hold") for name in CASES}


def test_the_control_of_the_lists_is_chance_or_untrained_networks_whichever_is_higher():
    found = llm_results.results()
    plant(found, "incoming", "chance", 0.6)
    when(found, "incoming", "overlap", 0.1, 0.6)
    finding = judged(weights, found)["2.5 lists"]
    assert finding.control_name == "chance" and finding.score.mean == pytest.approx(0)
    when(found, "incoming", "overlap", 0.8, 0.9)
    finding = judged(weights, found)["2.5 lists"]
    assert finding.control_name == "untrained" and finding.score.mean == pytest.approx(0.5)


def test_listed_weights_are_compared_with_the_share_of_live_neurons():
    found = llm_results.results()
    plant(found, "outgoing", "listed_live", 0.75)
    finding = judged(weights, found)["2.5 outgoing"]
    assert finding.control.mean == 0.5 and finding.score.mean == pytest.approx(0.5)


def outgoing(last, pixels, bias=(0.0, 0.0, 0.0, 0.0)):
    params = {
        "hidden0": {"kernel": jnp.eye(4), "bias": jnp.array(bias)},
        "output": {"kernel": jnp.asarray(last, jnp.float32), "bias": jnp.zeros(2)},
    }
    return weights.outgoing(Network(MLP((4,), 2), {"params": params}), pixels)


def test_outgoing_weights_of_dead_units_are_found():
    pixels = np.random.default_rng(0).uniform(size=(50, 4)).astype(np.float32)
    pixels[:, 2] *= 0.01  # the second output's largest weight has a source that hardly varies
    found = outgoing([[3.0, 0.1], [2.0, 0.2], [1.0, 3.0], [0.5, 2.0]], pixels, (0.0, -2.0, 0.0, 0.0))  # unit 1 is dead
    assert found.listed_live.tolist() == [0.5, 1.0] and found.first_same.tolist() == [1.0, 0.0]


def test_weights_of_zero_are_not_listed():
    found = outgoing([[0.0, 0], [0, 0], [0, 0], [0, 2]], np.eye(4, dtype=np.float32))
    assert found.listed_live.tolist() == [0, 0.5] and found.first_same.tolist() == [0, 1]
