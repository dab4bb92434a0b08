"""Every figure of the study, on results of any size."""

import numpy as np
import pytest
from support.random_results import random_results

from jaxinterp.report.figures import bottleneck_neurons as figures
from jaxinterp.report.figures.bottleneck_neurons.rankings import by_preference
from jaxinterp.report.figures.common import rows_of
from jaxinterp.studies.bottleneck_neurons import STUDY


def small(results):
    """Of two classes and one layer."""
    kept = {"classes": slice(2), "predictions": slice(2), "layers": slice(1)}
    return {name: dataset.isel(kept, missing_dims="ignore") for name, dataset in results.items()}


def with_diverged(results, diverged):
    results["networks"]["diverged"][:, diverged] = 1
    for dataset in results.values():
        for name, values in dataset.items():
            if "seeds" in values.dims and name != "diverged":
                values.loc[{"seeds": diverged}] = np.nan
    return results


@pytest.mark.parametrize(
    ("seeds", "diverged", "sizes"),
    [
        (4, [], {"units": 6, "failures": 11, "window": 25}),
        (2, [0, 1], {}),
        (3, [0], {"pixels": 10, "units": 60}),
    ],
    ids=["usual", "all diverged", "one diverged, two classes, one wide layer, images not square"],
)
def test_every_figure_can_be_drawn_and_says_what_it_shows(seeds, diverged, sizes):
    results = with_diverged(random_results(STUDY, sizes, seeds=seeds), diverged)
    results = small(results) if "pixels" in sizes else results
    shown = figures.figures(results)
    assert len(shown) == (31 if "pixels" in sizes else 35)  # no maps of images that are not square
    for figure in shown:
        if diverged:  # that the parts fit is seen with all networks
            figure.set_layout_engine("none")
        figure.draw_without_rendering()
        assert figure.get_suptitle() and len(figure.get_label()) > 30 and "nan" not in figure.get_label()
    kept = f"{seeds - len(diverged)} seeds"
    of_no_network = ("Pixels of", "Toy models")
    titles = [figure.get_suptitle() for figure in shown]
    assert all(kept in title for title in titles if not title.startswith(of_no_network))
    assert len({figure.get_suptitle() for figure in shown}) == len(shown)
    [sizes] = [figure for figure in shown if figure.get_suptitle().startswith("The smallest sets")]
    assert [bool(axes.get_title()) for axes in sizes.axes] == [True] * 3 + [False] * 3  # columns are named once
    rows = {f"4.{row}" for row in (*range(1, 8), *range(9, 13))} | ({"4.8"} if len(shown) == 35 else set())
    assert {row for figure in shown for row in rows_of(figure)} == rows


def test_figures_are_of_what_has_been_measured():
    results = random_results(STUDY, {"units": 6}, seeds=2)
    assert len(figures.figures({name: own for name, own in results.items() if name not in STUDY.slow})) == 25


def test_neurons_are_sorted_by_their_preferred_class():
    results = random_results(STUDY, {"units": 20})
    order = by_preference(results)
    preferred = results["rankings"].activation.isel(seeds=0).argmax("classes").to_numpy()[order]
    assert sorted(order) == list(range(20)) and (np.diff(preferred) >= 0).all()
