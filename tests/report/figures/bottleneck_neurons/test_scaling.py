import numpy as np
from support.random_results import random_results

from jaxinterp.report.figures.bottleneck_neurons import scaling
from jaxinterp.studies.bottleneck_neurons import STUDY


def test_every_class_has_a_panel_and_the_curve_of_its_own_neuron():
    results = random_results(STUDY)
    results["damage"]["worst"][:] = 2
    shown = scaling.curves(results)
    assert [axes.get_title() for axes in shown.axes] == [f"class {label}" for label in range(10)]
    own = results["scaling"].accuracy.isel(units=2).sel(classes="7")
    np.testing.assert_allclose(shown.axes[7].lines[0].get_ydata(), own.median("seeds"))


def test_margins_are_of_the_neuron_of_directions_and_of_any_neuron():
    results = random_results(STUDY)
    results["damage"]["worst"][:] = 2
    found = results["scaling"]
    own, direction, any_neuron = (line.get_ydata() for line in scaling.margins(results).axes[7].lines[:3])
    np.testing.assert_allclose(own, found.margin.isel(units=2).sel(classes="7").median("seeds"))
    np.testing.assert_allclose(direction, found.direction_margin.mean("bases").sel(classes="7").median("seeds"))
    np.testing.assert_allclose(any_neuron, found.margin.mean("units").sel(classes="7").median("seeds"))


def test_rows_of_confusions_are_each_classs_own():
    results = random_results(STUDY)
    worst = results["damage"]["worst"]
    worst[:] = np.arange(10) % 3
    results["damage"]["worst_class"][:] = 4
    shown = scaling.confusions(results)
    confusion = results["scaling"].confusion.sel(edits="without")
    own = np.stack([confusion.isel(units=label % 3, classes=label).mean("seeds") for label in range(10)])
    np.testing.assert_allclose(shown.axes[1].images[0].get_array(), own)
    np.testing.assert_allclose(shown.axes[4].images[0].get_array(), confusion.isel(seeds=0, units=4 % 3))
    assert "of class 4, seed 0" in shown.axes[4].get_title()
