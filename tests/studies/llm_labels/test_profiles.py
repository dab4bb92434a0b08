import jax
import numpy as np
import pytest
import scipy.stats
from support import llm_results
from support.llm_results import judged, near, plant, when

from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, init
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.llm_labels import profiles
from jaxinterp.studies.llm_labels.neurons import SIX


def explained(found, untrained, trained):
    """Shares of variance between digits, with next to nothing between permuted ones."""
    when(found, "profiles", "explained", untrained, trained)
    plant(found, "profiles", "explained_permuted", 0.01)


CASES = {
    "2.4 digits tell": (
        lambda found: explained(found, near(0.2), near(0.8)),
        lambda found: explained(found, near(0.6), near(0.7)),
    ),
    "2.4 one digit": (
        lambda found: when(found, "profiles", "digits", 4, 1),
        lambda found: when(found, "profiles", "digits", 4, 4),
    ),
    "2.4 dead": (lambda found: None, lambda found: plant(found, "liveness", "train", 1)),
}


def test_a_claim_holds_where_it_is_planted_and_not_where_it_is_not(monkeypatch):
    monkeypatch.setattr(profiles, "IDENTICAL", 0.95)  # .99 takes 380 networks that are all alike
    assert list(judged(profiles, llm_results.results())) == list(CASES)
    assert llm_results.verdicts(profiles, CASES) == {name: ("holds", "does not hold") for name in CASES}


def test_the_control_of_one_digit_can_leave_nothing_open():
    found = llm_results.results()
    when(found, "profiles", "digits", 1, 1)
    finding = judged(profiles, found)["2.4 one digit"]
    assert finding.control_name == "untrained" and np.isnan(finding.score.mean) and finding.verdict == "undecided"


def test_dead_neurons_do_not_count_where_the_claim_is_about_live_ones():
    found = llm_results.results()
    explained = np.where(np.arange(12) < 3, -5, 0.8)  # the first three of six are dead
    plant(found, "profiles", "explained", explained, recipes=SIX, conditions=TRAINED)
    finding = judged(profiles, found)["2.4 digits tell"]
    assert finding.measured.mean == pytest.approx(0.8) and "16.76 ± 5.13" in finding.published


def test_a_network_is_profiled_by_labels_and_by_permuted_ones():
    rng = np.random.default_rng(0)
    labels, permuted = rng.integers(0, 3, (2, 150))
    images = rng.uniform(size=(150, 9)).astype(np.float32) + labels[:, None] / 3
    network = init(jax.random.key(0), MLP((4,), 3, initializer="torch"), 9)
    found = profiles.profiles(network, Dataset(images, labels), permuted)
    activations = np.asarray(network(images)[1]["hidden0/post"])
    for unit in np.flatnonzero(activations.any(axis=0)):
        for groups, explained in ((labels, found.explained), (permuted, found.explained_permuted)):
            f = scipy.stats.f_oneway(*(activations[groups == label, unit] for label in range(3))).statistic
            assert explained[unit] == pytest.approx(2 * f / (2 * f + 147), rel=1e-3)
