"""What do the figures of study `looking-for-four` share? Titles, and pictures on one scale."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import shows
from jaxinterp.studies.looking_for_four import Record


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
