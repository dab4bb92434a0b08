import numpy as np
import pytest
from support import llm_results, planted_labels, planted_runs
from support.llm_results import judged, near, plant

from jaxinterp.explanation import reading
from jaxinterp.studies.llm_labels import readers
from jaxinterp.studies.llm_labels.labels import BY_CLASS
from jaxinterp.studies.llm_labels.neurons import SIX
from jaxinterp.studies.llm_labels.readers import CONFUSION, GUESS, NEAREST, QUANTITIES, READERS, SHUFFLED, TRUTH


def reaches(reader, quantity, value):
    return lambda found: plant(found, "readers", "reached", value, readers=reader, quantities=quantity)


def agreement(own):
    def change(found):
        for reader in (NEAREST, TRUTH, CONFUSION, SHUFFLED[0]):
            reaches(reader, "agreement", near(0.5))(found)
        reaches(BY_CLASS, "agreement", own)(found)

    return change


def final(own, shuffled):
    def change(found):
        reaches(BY_CLASS, "final", own)(found)
        reaches(SHUFFLED[0], "final", shuffled)(found)

    return change


CASES = {
    "2.7 reader": (agreement(near(0.7)), agreement(near(0.3))),
    "2.7 own labels": (final(near(0.4), near(0.1)), final(near(0.1), near(0.2))),
    "2.7 zero": (reaches(NEAREST, "final", near(0.0)), reaches(NEAREST, "final", near(0.3))),
    "2.7 published": (reaches(NEAREST, "final", near(0.2)), reaches(NEAREST, "final", near(0.6))),
}


def test_a_claim_holds_where_it_is_planted_and_not_where_it_is_not():
    assert list(judged(readers, llm_results.results())) == list(CASES)
    assert llm_results.verdicts(readers, CASES) == {name: ("holds", "does not hold") for name in CASES}


def test_the_published_table_is_in_the_findings():
    findings = judged(readers, llm_results.results())
    assert findings["2.7 published"].published == "0.467"
    assert "width 12 C 0.95, N 0.06, L 0.83, F 0.11" in findings["2.7 own labels"].note


@pytest.fixture(scope="module")
def inputs():
    """Two planted networks, each of which takes one class for another."""
    own = planted_labels.confusing(4), planted_labels.confusing(7)
    return planted_runs.run(*own, data=planted_labels.data(0), path="planted")


def test_readers_of_planted_networks_reach_what_they_must(inputs):
    found = readers.measure({SIX: inputs})
    reached = dict(zip(READERS, found.reached[0], strict=True))  # quantities, seeds
    own, truth, guess = (dict(zip(QUANTITIES, reached[name], strict=True)) for name in (BY_CLASS, TRUTH, GUESS))
    assert (found.images == 40).all()  # all images of the class that each network confuses
    assert (own["n"] == 1).all() and (own["c"] > 0.9).all() and (own["final"] > 0.9).all()
    np.testing.assert_array_equal(truth["agreement"], 0.5)
    assert (truth["l"] == 1).all() and np.isnan(truth["final"]).all() and (np.abs(guess["final"]) < 0.3).all()
    nearest = dict(zip(QUANTITIES, reached[NEAREST], strict=True))
    np.testing.assert_allclose(nearest["beyond"], 0, atol=1e-6)
    assert (own["beyond"] > 0.8).all()
    low, high = found.over_images[0, READERS.index(GUESS)]
    assert low <= guess["final"][0] <= high and high - low > 0.05


def test_networks_that_make_no_mistake_have_no_test_and_diverged_ones_no_value():
    own = planted_runs.run(planted_labels.network(), planted_labels.confusing(4), data=planted_labels.data(0))
    found = readers.measure({SIX: own})
    assert np.isnan(found.reached[0, :, :, 0]).all() and found.images[0, 0] == 0 and found.images[0, 1] == 40
    assert np.isnan(found.reached[0, READERS.index(TRUTH), QUANTITIES.index("final")]).all()
    assert reading.EACH == 100
