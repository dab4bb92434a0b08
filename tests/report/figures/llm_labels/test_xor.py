import numpy as np
import pytest
from support import llm_results

from jaxinterp.report.figures.llm_labels import xor


@pytest.fixture
def results():
    return llm_results.results(seeds=8)


def test_solutions_count_ways_and_needed_neurons(results):
    shown = xor.solutions(results)
    _, _, needed, ways = shown.axes
    assert "1 ways" in ways.get_title() and ways.get_yticklabels()[0].get_text() == "x∧y + x∨y + always"
    heights = [patch.get_height() for patch in needed.patches]
    assert heights == [0, 0, 0, 8, 0, 0, 0, 8, 0, 0]  # three live, two needed
    assert "fewest neurons 2.00" in shown.get_label()


def test_outputs_are_shown_apart_for_networks_that_do_not_solve_it(results):
    results["xor"]["solved"][{"seeds": slice(3)}] = 0
    solves, does_not, _ = xor.solutions(results).axes[0].lines
    assert len(solves.get_xdata()) == 5 * 4 and len(does_not.get_xdata()) == 3 * 4


def test_planes_show_the_first_network_of_every_way(results):
    results["xor"]["active"][{"seeds": [0, 1]}] = np.nan
    results["xor"]["active"][{"seeds": 4}] = 1
    shown = xor.planes(results)
    titles = [axes.get_title() for axes in shown.axes if axes.get_title()]
    assert titles == ["seed 2: x∧y + x∨y + always", "seed 4: always"] and "Shown: seeds 2, 4." in shown.get_label()
