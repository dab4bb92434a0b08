"""What do the figures of study `looking-for-four` share? Panels, pictures on one scale, bands and dots over seeds."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import shows
from jaxinterp.studies.looking_for_four import Record

BAND = "line: median, band: middle 90 % of seeds"
DOTS = "dot: one network, bar: median"


def panels(rows: int, columns: int, size: tuple[float, float], **options) -> tuple[Figure, Sequence[Axes]]:
    """A figure of equal panels, in the order of reading; size: of one, in inches."""
    figure = Figure(figsize=(columns * size[0] + 0.8, rows * size[1] + 0.8), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).flat)


def finish(figure: Figure, record: Record, title: str, notes: str, means: str, rows: Sequence[str]) -> Figure:
    """Give the figure its title, its alternative text, and the rows of the table that it shows."""
    seeds = f"{int(np.sum(~record.diverged))} seeds"
    figure.suptitle(f"{title}\n{seeds}; {notes}", fontsize=11)
    figure.set_label(f"{title}, for {seeds}. {means}.")
    return shows(figure, *rows)


def picture(axes: Axes, values: Float[np.ndarray, " pixels"], bound: float, *, signed=True) -> None:
    """A square map: red raises and blue lowers up to a bound, or ink up to 1."""
    side = math.isqrt(len(values))
    colours = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound} if signed else {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    axes.imshow(values.reshape(side, side), interpolation="nearest", **colours)
    axes.set_xticks([])
    axes.set_yticks([])


def bound_of(maps: Float[np.ndarray, "..."], share: float = 0.995) -> float:
    """A bound for colours that all but the largest values keep; 1 where nothing is known."""
    sizes = np.abs(maps[np.isfinite(maps)])
    return float(np.quantile(sizes, share)) or 1.0 if sizes.size else 1.0


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
    axes.plot(place + shift, quantiles(values)[1], "_", color=colour, ms=12, mew=2.2, label=label)


def labels(axes: Axes, x: str, y: str) -> None:
    """What both axes say, in small type."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
