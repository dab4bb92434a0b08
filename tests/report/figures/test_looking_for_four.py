"""Every figure of the study on random results; its topics are tested in looking_for_four/."""

import numpy as np
import pytest
import xarray as xr
from support.random_results import random_results

from jaxinterp.report.figures.common import rows_of
from jaxinterp.report.figures.looking_for_four import figures, focus, growth, ladder, matches, tracing
from jaxinterp.studies.looking_for_four import STUDY
from jaxinterp.studies.looking_for_four.maps import NAME
from jaxinterp.studies.study import NETWORKS

SIZES = {"units": 12, "epochs": 4}
ROWS = {"5.1": 1, "5.2": 2, "5.3": 2, "5.4": 3, "5.5": 2, "5.6": 4}


def results(diverged=(), **options):
    """Random results in which networks diverged."""
    made = random_results(STUDY, SIZES, seeds=3, **options)
    lost = xr.DataArray(np.isin(np.arange(3), diverged), dims="seeds")
    for name, dataset in made.items():
        if name != NETWORKS:
            made[name] = dataset.map(lambda v: v.where(~lost) if "seeds" in v.dims else v)
    made[NETWORKS]["diverged"].loc[{"recipes": NAME}] = lost
    return made


@pytest.mark.parametrize(
    "options",
    [{}, {"diverged": (0, 1, 2)}, {"diverged": (0,), "optional": False}],
    ids=["usual", "all diverged", "one of three diverged, the last rung alone"],
)
def test_every_figure_can_be_drawn_and_says_what_it_shows(options):
    made = results(**options)
    shown = figures(made)
    for figure in shown:
        figure.draw_without_rendering()
        assert figure.get_suptitle() and len(figure.get_label()) > 30
        assert f"{3 - len(options.get('diverged', ()))} seeds" in figure.get_suptitle()
    rows = [row for figure in shown for row in rows_of(figure)]
    assert {row: rows.count(row) for row in rows} == ROWS
    assert len({figure.get_suptitle() for figure in shown}) == len(shown)


def test_pictures_of_one_network_name_it():
    made = results(diverged=(0,))
    for figure in (focus.focused(made), growth.growing(made), tracing.traced(made), matches.gallery(made, "hidden1")):
        assert "seed 1" in figure.get_suptitle() and "the first" in figure.get_suptitle()


def test_maps_of_a_gallery_share_one_scale():
    shown = growth.growing(results())
    limits = {image.get_clim() for axes in shown.axes for image in axes.images}
    assert len(limits) == 1 and min(next(iter(limits))) == -max(next(iter(limits)))


def test_only_rungs_that_were_trained_are_drawn():
    full, alone = ladder.accuracy(results()), ladder.accuracy(results(optional=False))
    assert len(full.axes[0].get_yticks()) == 8 and len(alone.axes[0].get_yticks()) == 1


def test_the_most_focused_neurons_come_first():
    made = results()
    made["focus"]["participation"][:] = np.arange(12, 0, -1)
    titles = [axes.get_title().split("\n")[0] for axes in focus.focused(made).axes]
    assert titles[:3] == ["11: 1 px", "10: 2 px", "9: 3 px"]


def test_matches_stand_where_they_are():
    made = results()
    made["matches"]["best"][:] = 0.42
    shown = matches.correlations(made)
    np.testing.assert_allclose(shown.axes[0].lines[2].get_xdata(), 0.42)
    assert "0.42" in shown.get_label()


def test_shares_of_neurons_are_of_those_that_are_known():
    neurons = results()["matches"].neurons.isel(layers=0, views=0, conditions=0)
    neurons[:] = 0.06
    neurons[:, 4:] = np.nan  # a narrower layer
    neurons[0, :2] = -0.51
    shares = matches._shares(neurons)
    np.testing.assert_allclose(shares.sum("bins"), 1)
    assert shares[0, 9] == shares[0, 21] == 0.5 and shares[1, 21] == 1
