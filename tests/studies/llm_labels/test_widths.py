import numpy as np
import pytest
from support import llm_results
from support.llm_results import SEEDS, judged, live_in, near

from jaxinterp.studies.llm_labels import widths
from jaxinterp.studies.llm_labels.neurons import SIX, TWELVE, alive, over_dead, over_live

COUNTS = np.tile([1, 2, 3, 4], SEEDS // 4)


def reach(recipe, accuracies):
    def change(found):
        found["networks"]["accuracy"].loc[{"recipes": recipe, "splits": "test"}] = accuracies

    return change


def both(*changes):
    def change(found):
        for one in changes:
            one(found)

    return change


def live(counts):
    return lambda found: live_in(found, SIX, counts)


CASES = {
    "2.2 accuracy": (reach(SIX, np.tile([0.5, 0.7], SEEDS // 2)), reach(SIX, near(0.9))),
    "2.2 dead": (live(2), live(np.tile([3, 4], SEEDS // 2))),
    "2.2 live": (
        both(live(COUNTS), reach(SIX, COUNTS / 5 + np.arange(SEEDS) / 1000)),
        both(live(COUNTS), reach(SIX, 0.9 - COUNTS / 5 - np.arange(SEEDS) / 1000)),
    ),
    "2.2 width": (
        both(reach(SIX, near(0.6)), reach(TWELVE, 0.9)),
        both(reach(SIX, near(0.9)), reach(TWELVE, 0.6)),
    ),
}


def test_a_claim_holds_where_it_is_planted_and_not_where_it_is_not():
    assert list(judged(widths, llm_results.results())) == list(CASES)
    assert llm_results.verdicts(widths, CASES) == {name: ("holds", "does not hold") for name in CASES}


def test_what_a_width_adds_beyond_its_live_neurons():
    found = llm_results.results(seeds=4)
    live_in(found, SIX, [1, 2, 2, 3])
    live_in(found, TWELVE, [2, 3, 9, 9])
    both(reach(SIX, [0.2, 0.4, 0.6, 0.7]), reach(TWELVE, 0.9))(found)
    np.testing.assert_allclose(widths.beyond_live(found), [0.4, 0.2, np.nan, np.nan])
    assert alive(found, SIX).values.tolist() == [1, 2, 2, 3] and alive(found, TWELVE).values.tolist() == [2, 3, 9, 9]


def test_published_values_are_there_and_networks_like_the_published_one_are_counted():
    found = llm_results.results(seeds=4)
    live_in(found, SIX, [1, 2, 2, 3])
    reach(SIX, [0.2, 0.6, 0.7, 0.8])(found)
    findings = judged(widths, found)
    assert findings["2.2 accuracy"].published.startswith("63.05 %") and findings["2.2 dead"].published == "4 of 6"
    assert "Of the 2 networks with as many dead neurons" in findings["2.2 accuracy"].note
    assert "share below its accuracy: 0.50" in findings["2.2 accuracy"].note
    assert "Networks with 4 dead: 0.50" in findings["2.2 dead"].note


def test_the_control_of_a_correlation_is_chance():
    found = llm_results.results()
    CASES["2.2 live"][0](found)
    finding = judged(widths, found)["2.2 live"]
    assert abs(finding.control.mean) < 0.05 and finding.control.n == 200 and finding.measured.mean > 0.9


def test_means_are_over_the_live_or_the_dead_neurons_of_a_network():
    found = llm_results.results(seeds=3)  # the first three of six are dead
    live_in(found, SIX, [3, 0, 6])
    values = found["best images"].gain * 0 + np.arange(12)
    np.testing.assert_array_equal(over_live(found, values), [4, np.nan, 2.5])
    np.testing.assert_array_equal(over_dead(found, values), [1, 2.5, np.nan])
    np.testing.assert_array_equal(over_live(found, values, TWELVE), [8.5] * 3)
    of_six = values.sel(recipes=SIX, conditions="trained").isel(units=slice(6), seeds=slice(2))
    assert over_live(found, of_six).values.tolist() == pytest.approx([4, np.nan], nan_ok=True)
