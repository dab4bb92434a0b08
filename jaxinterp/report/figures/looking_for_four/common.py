"""What do the figures of study `looking-for-four` share? Titles, and pictures on one scale."""

import math

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import shows
from jaxinterp.studies.looking_for_four.maps import NAME, USED, WEIGHTS
from jaxinterp.studies.looking_for_four.matches import MAXIMISER
from jaxinterp.studies.study import NETWORKS, Results

EXAMPLE = "the first network that did not diverge"
VIEW_NAMES = {WEIGHTS: "weights", USED: "what is used", MAXIMISER: "maximiser"}


def finish(figure: Figure, results: Results, title: str, notes: str, alt_text: str, row: str) -> Figure:
    """Give the figure its title, its alternative text, and the row of the table that it shows."""
    seeds = f"{int((_diverged(results) == 0).sum())} seeds"
    figure.suptitle(f"{title}\n{seeds}; {notes}", fontsize=11)
    figure.set_label(f"{title}, for {seeds}. {alt_text}.")
    return shows(figure, row)


def example(results: Results) -> int:
    """The network that is shown where one is: the first that did not diverge."""
    return int(_diverged(results).fillna(1).argmin("seeds"))


def _diverged(results: Results) -> xr.DataArray:
    return results[NETWORKS].diverged.sel(recipes=NAME)


def picture(axes: Axes, values: Float[np.ndarray, " pixels"] | xr.DataArray, bound: float, *, signed=True) -> None:
    """A square map: red raises and blue lowers up to a bound, or ink up to 1."""
    side = math.isqrt(len(values))
    colours = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound} if signed else {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    axes.imshow(np.asarray(values).reshape(side, side), interpolation="nearest", **colours)
    axes.set_xticks([])
    axes.set_yticks([])


def bound_of(values: Float[np.ndarray, "..."] | xr.DataArray, share: float = 0.995) -> float:
    """A bound for colours that all but the largest values keep; 1 where nothing is known."""
    sizes = np.abs(np.asarray(values))
    sizes = sizes[np.isfinite(sizes)]
    return float(np.quantile(sizes, share)) or 1.0 if sizes.size else 1.0


def scale(figure: Figure, axes, label: str) -> None:
    """One colour bar for panels that share a scale."""
    figure.colorbar(next(one for one in axes if one.images).images[0], ax=axes, shrink=0.6, label=label)
