import numpy as np
import pytest
from llm_labels_records import record

from jaxinterp.report.figures import llm_labels as figures


@pytest.mark.parametrize(
    "options",
    [{}, {"seeds": 2, "diverged": (0, 1)}, {"seeds": 3, "diverged": (0,)}, {"pixels": 10}],
    ids=["usual", "all diverged", "one of three diverged", "not square"],
)
def test_every_figure_can_be_drawn_and_says_what_it_shows(options):
    values = record(**options)
    shown = figures.figures(values)
    assert len(shown) == (5 if "pixels" in options else 8)
    kept = options.get("seeds", 8) - len(options.get("diverged", ()))
    for figure in shown:
        figure.draw_without_rendering()
        assert f"{kept} seeds" in figure.get_suptitle() and len(figure.get_label()) > 60
    assert len({figure.get_suptitle() for figure in shown}) == len(shown)


def test_solutions_count_ways_and_needed_neurons():
    values = record()
    shown = figures.solutions(values)
    assert (
        "1 ways" in shown.axes[3].get_title() and shown.axes[3].get_yticklabels()[0].get_text() == "x∧y + x∨y + always"
    )
    heights = [patch.get_height() for patch in shown.axes[2].patches]
    assert heights == [0, 0, 0, 8, 0, 0, 0, 8, 0, 0]  # three live, two needed
    assert "fewest neurons 2.00" in shown.get_label()


def test_planes_show_the_output_of_the_network():
    values = record()
    shown = figures.planes(values)
    drawn = [axes for axes in shown.axes if axes.get_title()]
    assert drawn[0].get_title() == "seed 0: x∧y + x∨y + always" and "Shown: seeds 0." in shown.get_label()


def test_accuracy_stands_over_the_number_of_live_neurons():
    values = record()
    axes = figures.accuracy(values).axes[0]
    means = {line.get_label(): line for line in axes.lines}
    x, y = means["six neurons"].get_data()
    assert np.allclose(x, 3 - 0.12) and np.allclose(y, values.accuracy[:, 0].mean())
    assert means["published"].get_data() == ([2], [0.6305])


def test_told_shows_every_network_of_live_neurons():
    values = record()
    axes = figures.told(values).axes[0]
    expected = values.explained[:, 0, 1, 3:6].mean(axis=1)
    np.testing.assert_allclose(axes.lines[0].get_xdata(), expected)


def test_planted_units_are_shown_by_kind():
    right = np.tile([1.0, 2, 3, 2, 3, 2, 3, 1], (4, 1)).T
    right[5, 1:] = 1
    shown = figures.counts(record(facets_of_planted=right))
    assert [bar.get_width() for bar in shown.axes[0].patches] == [1, 1, 1, 1, 1, 0.25, 1, 1]
    assert "planted 2, shallow valleys: 0.25 counted rightly" in shown.get_label()


def test_facets_that_are_not_there_are_left_blank():
    shares = np.full((10, 4), np.nan)
    shares[:, 0] = 1
    shown = figures.facets(record(facet_shares=shares))
    assert sum(bool(axes.images) for axes in shown.axes) == 10
