import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures import common, drawing, layout


def test_quantiles_leave_out_what_is_unknown_and_find_seeds_by_name():
    values = np.random.default_rng(0).uniform(size=(9, 3))
    values[:4, 1] = values[:, 2] = np.nan
    labelled = xr.DataArray(values.T, dims=("classes", "seeds"))
    found = drawing.quantiles(labelled)
    np.testing.assert_allclose(found[:, 0], np.quantile(values[:, 0], (0.05, 0.5, 0.95)))
    np.testing.assert_allclose(found[1, 1], np.median(values[4:, 1]))
    assert np.isnan(found[:, 2]).all()


def test_strips_show_every_network_and_the_median():
    values = np.random.default_rng(0).uniform(size=(5, 4))
    axes = Figure().subplots()
    drawing.strips(axes, xr.DataArray(values, dims=("seeds", "classes")), common.BLUE, "ours")
    dots, bars = (line.get_ydata() for line in axes.lines)
    np.testing.assert_array_equal(dots, values.ravel())
    np.testing.assert_allclose(bars, np.median(values, axis=0))


def test_bands_hold_the_middle_of_the_networks():
    curves = np.random.default_rng(0).uniform(size=(50, 6))
    axes = Figure().subplots()
    drawing.band(axes, xr.DataArray(curves, dims=("seeds", "steps")), common.BLUE, "ours")
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.median(curves, axis=0))
    low, high = axes.collections[0].get_paths()[0].get_extents().get_points()[:, 1]
    assert low == pytest.approx(np.quantile(curves, 0.05, axis=0).min())
    assert high == pytest.approx(np.quantile(curves, 0.95, axis=0).max())


def test_intervals_name_every_group_and_give_its_mean():
    axes = Figure().subplots()
    values = xr.DataArray(np.arange(101.0) / 100, dims="pairs")
    text = drawing.intervals(axes, {"trained": values, "unknown": values * np.nan}, outer=0.8)
    assert text == "trained 0.500, unknown —"
    thin, thick, dot = (line.get_xdata() for line in axes.lines[:3])
    np.testing.assert_allclose([*thin, *thick, *dot], [0.1, 0.9, 0.25, 0.75, 0.5])


def test_pictures_keep_the_shape_and_the_colours_of_images():
    values = np.random.default_rng(0).uniform(size=2 * 5 * 3)
    axes = Figure().subplots()
    drawing.picture(axes, values, shape=(2, 5, 3))
    np.testing.assert_allclose(axes.images[0].get_array(), values.reshape(2, 5, 3))
    drawing.picture(axes, values - 0.5, bound=0.5, shape=(2, 5, 3))  # grey, 0.5, where the map is 0
    np.testing.assert_allclose(axes.images[1].get_array(), values.reshape(2, 5, 3))
    drawing.picture(axes, values, shape=(5, 6, 1))
    np.testing.assert_allclose(axes.images[2].get_array(), values.reshape(5, 6))
    drawing.picture(axes, values)  # no square, and no shape
    drawing.picture(axes, values * np.nan, shape=(5, 6, 1))
    assert len(axes.images) == 3
    assert drawing.signs_of((5, 6, 1)) == drawing.signs_of(None) == "orange raises, blue lowers"
    assert "brighter than grey raises" in drawing.signs_of((2, 5, 3))


def test_long_names_of_classes_stand_upright_and_are_cut():
    names = ["ankle boot", "bag", 40 * "w"]
    matrix = xr.DataArray(np.eye(3), dims=("classes", "predictions"), coords={"classes": names, "predictions": names})
    axes = Figure().subplots()
    drawing.heat(axes, matrix, "classes")
    for labels, rotation in ((axes.get_xticklabels(), 90), (axes.get_yticklabels(), 0)):
        assert [label.get_text() for label in labels] == ["ankle boot", "bag", 15 * "w" + "…"]
        assert {label.get_rotation() for label in labels} == {rotation}
    layout.class_columns(axes, range(3))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]


def test_panels_come_row_by_row():
    figure, panels = layout.panels(2, 3, (2.0, 1.0))
    assert list(panels.flat) == figure.axes and panels.shape == (2, 3) and figure.get_figwidth() == pytest.approx(6.8)


def test_a_figure_keeps_the_rows_that_it_shows():
    figure = Figure()
    assert common.rows_of(figure) == ()
    assert common.shows(figure, "3.1", "3.2") is figure and common.rows_of(figure) == ("3.1", "3.2")
