"""How many rows must a 7 lose until it is read as a 1?"""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BLUE, ORANGE
from jaxinterp.report.figures.drawing import AVERAGE_BAND, band
from jaxinterp.report.figures.layout import legend, panels, plain
from jaxinterp.studies.one_vs_seven.common import NAME
from jaxinterp.studies.one_vs_seven.rows import CRUCIAL, DIRECTIONS, TOP
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def erased(results: Results) -> Figure:
    """7s that are still read as such after rows are erased, the rows at which they flip, and the smallest windows."""
    figure, [(left, middle, right)] = panels(1, 3, (3.1, 2.6))
    found = results["rows"]
    for name, colour in zip(DIRECTIONS, (BLUE, ORANGE), strict=True):
        band(left, found.as_seven.sel(directions=name), colour, name, "o-", average=True)
    left.set_ylim(-0.03, 1.03)
    legend(left)
    plain(left, x="rows erased", y="share still read as a 7", grid="y")
    _bars(middle, found.flips.sel(directions=TOP, last_rows=found.rows.to_numpy()))
    middle.axvline(CRUCIAL, color=ORANGE, linestyle=":")
    at_line = {"xy": (CRUCIAL, 0.97), "xycoords": middle.get_xaxis_transform(), "textcoords": "offset points"}
    middle.annotate(f"row {CRUCIAL},\nthe write-up's", **at_line, xytext=(-4, 0), ha="right", va="top", fontsize=8)
    plain(middle, x="the row whose erasure, from the top,\nfirst makes it a 1", y="share of 7s", grid="y")
    _bars(right, found.window_covers)
    plain(right, x="rows in the smallest window\nwhose erasure makes it a 1", y="share of windows", grid="y")
    fewest, window = (
        means(by(found.fewest.sel(directions=list(DIRECTIONS)), "directions"), 1),
        mean(found.window, 1),
    )
    text = f"Mean rows until a 7 is read as a 1: {fewest}; smallest window {window}"
    title = "Rows of real 7s erased until they are read as a 1, from the top and from the bottom"
    return caption(figure, seeds(results, NAME), title, f"{AVERAGE_BAND}; bar: mean, whisker: ± sd", text, "1.5")


def _bars(axes: Axes, values: xr.DataArray) -> None:
    axes.bar(range(values.sizes[values.dims[-1]]), values.mean("seeds"), yerr=values.std("seeds"), color=BLUE)
