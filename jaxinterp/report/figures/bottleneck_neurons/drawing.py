"""What do the figures of study `bottleneck-neurons` share? Titles, class axes, tables of numbers, rows of dots."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import GREY, plain
from jaxinterp.studies.bottleneck_neurons.neurons import NAME, example
from jaxinterp.studies.study import NETWORKS, Results
from jaxinterp.text import format_number

CHOSEN = "neurons chosen on other images"
SHOWN = 40  # neurons that are shown one by one


def finish(figure: Figure, results: Results, title: str, notes: str, means: str) -> Figure:
    """Add the title, with the number of networks, and the alternative text."""
    seeds = f"{int((results[NETWORKS].diverged.sel(recipes=NAME) == 0).sum())} seeds"
    figure.suptitle(f"{title}\n{seeds}; {notes}", fontsize=11)
    figure.set_label(f"{title}, for {seeds}. {means}.")
    return figure


def mean(values: xr.DataArray, digits: int = 3) -> str:
    """The mean of all values, for text."""
    return format_number(float(values.mean()), digits)


def is_square(pixels: int) -> bool:
    """Whether images of this many pixels can be shown."""
    return math.isqrt(pixels) ** 2 == pixels


def ablation(kind: str) -> str:
    """A kind of ablation, as a title."""
    return f"{kind.replace(' ', '-')}-ablation"


def by_preference(results: Results) -> np.ndarray:
    """Neurons of the example network by the class of their highest mean activation, the strongest first."""
    activation = results["rankings"].activation.isel(seeds=example(results)).fillna(0)
    return np.lexsort((-activation.max("classes").to_numpy(), activation.argmax("classes").to_numpy()))


def heat(axes: Axes, matrix: xr.DataArray, rows: str, names: Sequence | np.ndarray, *, signed=False, high=1.0) -> None:
    """A matrix in colours, the dimension `rows` downwards under these names; signed: from −1 to 1."""
    columns = next(str(dim) for dim in matrix.dims if dim != rows)
    colours = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1} if signed else {"cmap": "cividis", "vmin": 0, "vmax": high}
    axes.imshow(matrix.transpose(rows, columns), aspect="auto", interpolation="nearest", **colours)
    ticks = range(len(names)) if len(names) <= SHOWN else ()
    axes.set_yticks(ticks, [str(names[row]) for row in ticks], fontsize=8)
    axes.set_xticks(range(matrix.sizes[columns]), matrix[columns].to_numpy(), fontsize=8)
    axes.set_xlabel("class", fontsize=9)


def class_axis(axes: Axes, classes: xr.DataArray) -> None:
    """Classes from left to right."""
    axes.set_xticks(range(len(classes)), classes.to_numpy(), fontsize=9)
    axes.set_xlabel("class", fontsize=9)
    plain(axes, grid="y")


def rows(axes: Axes, groups: Mapping[str, tuple[Mapping[str, xr.DataArray], str, str]]) -> None:
    """One row per quantity: a small dot per network, a large one at the mean, group below group.

    groups: by label, each quantity's values over seeds, and the group's colour and marker.
    """
    for step, (label, (quantities, colour, marker)) in enumerate(groups.items()):
        heights = np.arange(len(quantities)) + 0.2 * step
        for height, values in zip(heights, quantities.values(), strict=True):
            axes.plot(values, np.full(len(values), height), ".", color=colour, ms=3, alpha=0.4, mew=0)
        means = [float(values.mean()) for values in quantities.values()]
        axes.plot(means, heights, marker, color=colour, ms=6, mec="white", label=label)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_ylim(len(next(iter(groups.values()))[0]) - 0.4, -0.6)
    plain(axes)
