"""What do the figures of study `instance-variation` share? Distributions, titles, and how many networks are shown."""

import math
from collections.abc import Mapping

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, ORANGE, plain
from jaxinterp.studies.inputs import TRAINED

DRAWN = "dot: mean, thick: middle half, thin: middle"
PAIRS = f"{DRAWN} 95 % of pairs"


def over_pairs(axes: Axes, matrices: Mapping[str, xr.DataArray]) -> None:
    """One line per condition: thin bar over the middle 95 % of pairs, thick over the middle half, dot at the mean."""
    for position, (name, matrix) in enumerate(matrices.items()):
        values = between_networks(matrix)
        if len(values):
            ends = np.quantile(values, (0.025, 0.25, 0.75, 0.975))
            line(axes, position, name, values.mean(), ends, trained=name == TRAINED)
    rows(axes, list(matrices))


def between_networks(matrix: xr.DataArray) -> Float[np.ndarray, " pairs"]:
    """The known values of pairs of different networks, both directions averaged."""
    values = matrix.transpose("seeds", "seeds_other").to_numpy()
    upper = (values + values.T)[np.triu_indices(len(values), 1)] / 2
    return upper[np.isfinite(upper)]


def line(axes: Axes, position: int, name: str, dot: float, ends: np.ndarray, *, trained: bool) -> None:
    """A dot, a thick bar between the inner ends and a thin one between the outer; labelled with the dot's value.

    trained: in the colour of trained networks. The study's own have a line through the dot, to compare others with.
    """
    colour = BLUE if trained else ORANGE
    low, quarter, three_quarters, high = ends
    axes.plot((low, high), (position, position), color=colour, linewidth=1.2, solid_capstyle="butt")
    half = {"linewidth": 6, "alpha": 0.45, "solid_capstyle": "butt"}
    axes.plot((quarter, three_quarters), (position, position), color=colour, **half)
    marker = "o" if trained else "D"
    (drawn,) = axes.plot(dot, position, marker, color=colour, markersize=6, markeredgecolor="white")
    drawn.set_label(f"{name} {dot:.3f}" if abs(dot) < 10 else f"{name} {dot:.0f}")
    if name == TRAINED:
        axes.axvline(dot, color=colour, linewidth=0.8, linestyle=":", zorder=0)


def rows(axes: Axes, names: list[str]) -> None:
    """Names the lines, from the top."""
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.margins(x=0.08)
    plain(axes)


def in_words(axes: Axes) -> str:
    """What is drawn: the labels of its lines."""
    labels = (str(line.get_label()) for line in axes.lines)
    return f"{axes.get_title()}: {', '.join(label for label in labels if not label.startswith('_'))}"


def picture(axes: Axes, pixels: np.ndarray, **options) -> None:
    """An image, if it is square; pixels: of one number or three."""
    axes.set(xticks=[], yticks=[])
    side = math.isqrt(len(pixels))
    if side**2 == len(pixels) and np.isfinite(pixels).all():
        axes.imshow(pixels.reshape(side, side, *pixels.shape[1:]), **options)


def largest(values: xr.DataArray, quantile: float = 1.0) -> float:
    """The largest size of a known value, or a high quantile of sizes: the end of a colour scale."""
    known = np.abs(values.to_numpy()[np.isfinite(values)])
    return float(np.quantile(known, quantile)) if len(known) else 1.0


def networks(values: xr.DataArray) -> int:
    """Of how many networks anything is known."""
    return int(values.notnull().any([dim for dim in values.dims if dim != "seeds"]).sum())


def seeds(values: xr.DataArray) -> str:
    """How many networks are shown."""
    return f"{networks(values)} seeds"


def pairs(values: xr.DataArray) -> str:
    """How many networks and pairs of them are shown."""
    count = networks(values)
    return f"{count} seeds, {count * (count - 1) // 2} pairs"


def finish(figure: Figure, title: str, shown: str, words: str) -> Figure:
    """Title, what is drawn, and the same in words with the numbers."""
    figure.suptitle(f"{title}\n{shown}", fontsize=11)
    figure.set_label(f"{title}; {shown}. {words}.")
    return figure
