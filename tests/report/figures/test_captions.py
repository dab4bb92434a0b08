import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures import captions
from jaxinterp.report.figures.common import rows_of

DIVERGED = xr.DataArray(
    [[1.0, 0, 0], [0, 0, np.nan]], dims=("recipes", "seeds"), coords={"recipes": ["own", "other"]}, name="diverged"
)
RESULTS = {"networks": xr.Dataset({"diverged": DIVERGED})}


def test_seeds_are_those_of_the_own_recipe_or_of_several():
    assert captions.seeds(RESULTS) == "2 seeds, 1 diverged and left out"
    both = captions.seeds(RESULTS, "own", "other")
    assert both == "2 seeds of own, 1 diverged and left out, 2 seeds of other"
    assert captions.example(RESULTS) == 1


def test_a_caption_fits_its_figure_and_is_repeated_with_numbers():
    figure = captions.caption(
        Figure(figsize=(4, 2)), "2 seeds", "Which words are many? " * 4, "dot: mean", "Mean 1", "3.1"
    )
    assert max(map(len, figure.get_suptitle().split("\n"))) <= 46 and rows_of(figure) == ("3.1",)
    assert str(figure.get_label()).endswith("(2 seeds; dot: mean). Mean 1.")


def test_means_leave_out_what_is_unknown():
    values = xr.DataArray([[1.0, np.nan], [np.nan, np.nan]], dims=("kinds", "seeds"), coords={"kinds": ["a", "b"]})
    assert captions.means(captions.by(values, "kinds"), 1) == "a 1.0, b —"


def test_notes_break_into_as_few_lines_as_there_is_room_for_and_of_like_length():
    networks = "32 seeds of bottleneck-neurons, 32 seeds of bottleneck-neurons-normalized, 32 seeds of"
    notes = (
        "bottleneck-neurons-layernorm; line: median, band: middle 90 % of seeds; dot: one network, bar: median; ×: ours"
    )
    figure = captions.caption(Figure(figsize=(14, 3)), networks, "Title", notes, "Mean 1")
    title, *lines = figure.get_suptitle().split("\n")
    assert title == "Title" and " ".join(lines) == f"{networks}; {notes}"
    assert len(lines) == 2 and min(map(len, lines)) > 80
