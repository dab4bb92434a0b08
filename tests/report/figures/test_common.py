import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures import common


def test_quantiles_leave_out_what_is_unknown_and_find_seeds_by_name():
    values = np.random.default_rng(0).uniform(size=(9, 3))
    values[:4, 1] = values[:, 2] = np.nan
    found = common.quantiles(values)
    np.testing.assert_allclose(found[:, 0], np.quantile(values[:, 0], (0.05, 0.5, 0.95)))
    np.testing.assert_allclose(found[1, 1], np.median(values[4:, 1]))
    assert np.isnan(found[:, 2]).all()
    labelled = xr.DataArray(values.T, dims=("classes", "seeds"))
    np.testing.assert_array_equal(common.quantiles(labelled), found)


def test_strips_show_every_network_and_the_median():
    values = np.random.default_rng(0).uniform(size=(5, 4))
    axes = Figure().subplots()
    common.strips(axes, xr.DataArray(values, dims=("seeds", "classes")), common.BLUE, "ours")
    dots, bars = (line.get_ydata() for line in axes.lines)
    np.testing.assert_array_equal(dots, values.ravel())
    np.testing.assert_allclose(bars, np.median(values, axis=0))


def test_bands_hold_the_middle_of_the_networks():
    curves = np.random.default_rng(0).uniform(size=(50, 6))
    axes = Figure().subplots()
    common.band(axes, np.arange(6), curves, common.BLUE, "ours")
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.median(curves, axis=0))
    low, high = axes.collections[0].get_paths()[0].get_extents().get_points()[:, 1]
    assert low == pytest.approx(np.quantile(curves, 0.05, axis=0).min())
    assert high == pytest.approx(np.quantile(curves, 0.95, axis=0).max())


def test_panels_come_row_by_row():
    figure, panels = common.panels(2, 3, (2.0, 1.0))
    assert list(panels) == figure.axes and len(panels) == 6 and figure.get_figwidth() == pytest.approx(6.8)


def test_a_figure_keeps_the_rows_that_it_shows():
    figure = Figure()
    assert common.rows_of(figure) == ()
    assert common.shows(figure, "3.1", "3.2") is figure and common.rows_of(figure) == ("3.1", "3.2")
