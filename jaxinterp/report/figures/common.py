"""What do all figures share? Colours that all readers can distinguish, plain axes, bands and dots over seeds."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
GREY = "#767676"

BAND = "line: median, band: middle 90 % of seeds"
DOTS = "dot: one network, bar: median"

Values = np.ndarray | xr.DataArray
"""Plain arrays lead with seeds; of labelled ones the axis is found by its name."""


def layer(site: str) -> str:
    """The layer of a site, for titles."""
    return site.removesuffix("/post")


def plain(axes: Axes, *, grid: str = "x") -> None:
    """No frame, a light grid along one axis."""
    axes.tick_params(labelsize=9, color=GREY)
    axes.grid(axis=grid, color="#dddddd", linewidth=0.6)  # pyright: ignore[reportArgumentType]
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def panels(rows: int, columns: int, size: tuple[float, float], **options) -> tuple[Figure, Sequence[Axes]]:
    """A figure of equal panels, row by row; size: width and height of one panel in inches."""
    figure = Figure(figsize=(columns * size[0] + 0.8, rows * size[1] + 0.8), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).flat)


def labels(axes: Axes, x: str, y: str) -> None:
    """Label both axes in small type."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)


def quantiles(values: Float[Values, "..."]) -> Float[np.ndarray, "3 *rest"]:
    """The 5 %, 50 % and 95 % quantiles over networks, leaving out NaN; NaN where no network has a value."""
    array = _seeds_first(values)
    found = np.full((3, *array.shape[1:]), np.nan)
    known = np.isfinite(array).any(axis=0)
    if known.any():
        found[:, known] = np.nanquantile(array[:, known], (0.05, 0.5, 0.95), axis=0)
    return found


def band(axes: Axes, x, curves: Float[Values, "..."], colour: str, label: str, style="-") -> None:
    """The median curve of all networks ("seeds steps"), and a band that holds the middle 90 % of them."""
    low, middle, high = quantiles(curves)
    axes.plot(x, middle, style, color=colour, linewidth=1.6, label=label)
    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def strips(axes: Axes, values: Float[Values, "..."], colour: str, label: str, shift=0.0) -> None:
    """One dot per network and column ("seeds columns"), side by side in the order of seeds; a bar at the median."""
    array = _seeds_first(values)
    columns = np.arange(array.shape[1])
    spread = shift + np.linspace(-0.1, 0.1, len(array))[:, None]
    axes.plot((columns + spread).ravel(), array.ravel(), "o", color=colour, ms=2.5, alpha=0.5, mew=0)
    axes.plot(columns + shift, quantiles(array)[1], "_", color=colour, ms=10, mew=2.2, label=label)


def _seeds_first(values: Values) -> np.ndarray:
    return values.transpose("seeds", ...).to_numpy() if isinstance(values, xr.DataArray) else values


def shows(figure: Figure, *rows: str) -> Figure:
    """The same figure, marked with the rows of its study that it shows, such as "3.1": the page links them to it."""
    vars(figure)["rows"] = rows
    return figure


def rows_of(figure: Figure) -> tuple[str, ...]:
    """The rows that a figure is marked with; none by default."""
    return vars(figure).get("rows", ())
