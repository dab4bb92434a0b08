"""How many rows must a 7 lose until it is read as a 1?"""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, ORANGE, labels, plain
from jaxinterp.report.figures.one_vs_seven.common import LINES, band, finish, networks
from jaxinterp.studies.one_vs_seven.common import NAME, mean
from jaxinterp.studies.one_vs_seven.rows import CRUCIAL, DIRECTIONS, TOP
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """7s that are still read as such after rows are erased, the rows at which they flip, and the smallest windows."""
    figure, found = Figure(figsize=(10.2, 3.4), layout="constrained"), results["rows"]
    left, middle, right = figure.subplots(1, 3)
    for name, colour in zip(DIRECTIONS, (BLUE, ORANGE), strict=True):
        band(left, found.as_seven.sel(directions=name), colour, name)
    left.set_ylim(-0.03, 1.03)
    if left.lines:
        left.legend(frameon=False, fontsize=8)
    labels(left, "rows erased", "share still read as a 7")
    _bars(middle, found.flips.sel(directions=TOP, last_rows=found.rows.to_numpy()))
    middle.axvline(CRUCIAL, color=ORANGE, linestyle=":")
    at_line = {"xy": (CRUCIAL, 0.97), "xycoords": middle.get_xaxis_transform(), "textcoords": "offset points"}
    middle.annotate(f"row {CRUCIAL},\nthe write-up's", **at_line, xytext=(-4, 0), ha="right", va="top", fontsize=8)
    labels(middle, "the row whose erasure, from the top,\nfirst makes it a 1", "share of 7s")
    _bars(right, found.window_covers)
    labels(right, "rows in the smallest window\nwhose erasure makes it a 1", "share of windows")
    for axes in (left, middle, right):
        plain(axes, grid="y")
    means = ", ".join(f"{mean(found.fewest.sel(directions=name), 1)} {name}" for name in DIRECTIONS)
    text = f"Mean rows until a 7 is read as a 1: {means}; smallest window {mean(found.window, 1)}"
    title = "Rows of real 7s erased until they are read as a 1, from the top and from the bottom"
    return [finish(figure, title, f"{LINES}; bar: mean, whisker: ± sd", networks(results, NAME), text, "1.5")]


def _bars(axes: Axes, values: xr.DataArray) -> None:
    axes.bar(range(values.sizes[values.dims[-1]]), values.mean("seeds"), yerr=values.std("seeds"), color=BLUE)
