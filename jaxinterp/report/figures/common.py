"""What do all figures share? Colours that all can tell apart, plain axes, bands and dots over seeds, layer names."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
GREY = "#767676"

BAND = "line: median, band: middle 90 % of seeds"
DOTS = "dot: one network, bar: median"


def layer(site: str) -> str:
    """A site's layer, as a title names it."""
    return site.removesuffix("/post")


def plain(axes: Axes, *, grid: str = "x") -> None:
    """No frame, a light grid along one axis."""
    axes.tick_params(labelsize=9, color=GREY)
    axes.grid(axis=grid, color="#dddddd", linewidth=0.6)  # pyright: ignore[reportArgumentType]
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def panels(rows: int, columns: int, size: tuple[float, float], **options) -> tuple[Figure, Sequence[Axes]]:
    """A figure of equal panels, in the order of reading; size: of one, in inches."""
    figure = Figure(figsize=(columns * size[0] + 0.8, rows * size[1] + 0.8), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).flat)


def labels(axes: Axes, x: str, y: str) -> None:
    """What both axes say, in small type."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)


def quantiles(values: Float[np.ndarray, "seeds *rest"]) -> Float[np.ndarray, "3 *rest"]:
    """Of the seeds that are known, the ends and the middle of the middle 90 %; NaN where none is."""
    found = np.full((3, *values.shape[1:]), np.nan)
    known = np.isfinite(values).any(axis=0)
    if known.any():
        found[:, known] = np.nanquantile(values[:, known], (0.05, 0.5, 0.95), axis=0)
    return found


def band(axes: Axes, x, curves: Float[np.ndarray, "seeds steps"], colour: str, label: str, style="-") -> None:
    """A curve over seeds."""
    low, middle, high = quantiles(curves)
    axes.plot(x, middle, style, color=colour, linewidth=1.6, label=label)
    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def strips(axes: Axes, values: Float[np.ndarray, "seeds places"], colour: str, label: str, shift=0.0) -> None:
    """A dot a network and place, side by side in the order of seeds; a bar at the median."""
    place = np.arange(values.shape[1])
    spread = shift + np.linspace(-0.1, 0.1, len(values))[:, None]
    axes.plot((place + spread).ravel(), values.ravel(), "o", color=colour, ms=2.5, alpha=0.5, mew=0)
    axes.plot(place + shift, quantiles(values)[1], "_", color=colour, ms=10, mew=2.2, label=label)


def shows(figure: Figure, *rows: str) -> Figure:
    """The same figure, marked with the rows of its study's table that it shows, such as "3.1": they unfold to it."""
    vars(figure)["rows"] = rows
    return figure


def rows_of(figure: Figure) -> tuple[str, ...]:
    """The rows that a figure was marked with; none by default."""
    return vars(figure).get("rows", ())
