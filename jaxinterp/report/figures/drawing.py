"""How are values over networks drawn? Bands, strips of dots, intervals, bars, matrices in colours, and square maps."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes

from jaxinterp.data import Shape, default_shape
from jaxinterp.report.figures.common import AMOUNT, BLUE, GREY, ORANGE, SIGNED
from jaxinterp.report.figures.layout import class_columns, columns, plain, rows, shortened
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.runner import IMAGE_SHAPE
from jaxinterp.text import format_number

AVERAGE_BAND = "line: mean, band: middle 90 % of networks"
INTERVAL = "dot: mean, thick: middle half, thin: middle"
SHOWN = 40  # rows of a matrix that are named one by one
_OF_CLASSES = ("classes", "predictions", "averages", "owners")  # dimensions whose labels are names of classes


def quantiles(values: xr.DataArray, over: str = "seeds") -> Float[np.ndarray, "3 *rest"]:
    """The 5 %, 50 % and 95 % quantiles over networks, leaving out NaN; NaN where no network has a value."""
    array = values.transpose(over, ...).to_numpy()
    found = np.full((3, *array.shape[1:]), np.nan)
    known = np.isfinite(array).any(axis=0)
    if known.any():
        found[:, known] = np.nanquantile(array[:, known], (0.05, 0.5, 0.95), axis=0)
    return found


def band(axes: Axes, curves: xr.DataArray, colour: str, label: str, style="-", *, x=None, average=False) -> None:
    """The median curve of all networks, or the average one, and a band that holds the middle 90 % of them.

    x: by default the coordinate of the curves' other dimension, or its positions where that has no numbers. Draws
    nothing where nothing is known.
    """
    if not curves.notnull().any():
        return
    [along] = [dim for dim in curves.dims if dim != "seeds"]
    if x is None:
        x = curves[along].to_numpy() if curves[along].dtype.kind in "iuf" else range(curves.sizes[along])
    low, middle, high = quantiles(curves)
    axes.plot(x, curves.mean("seeds") if average else middle, style, color=colour, ms=3, linewidth=1.6, label=label)
    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def strips(axes: Axes, values: xr.DataArray, colour: str, label: str, shift=0.0, *, mark="_", across=False) -> None:
    """One dot per network and column ("seeds columns"), side by side in the order of seeds; a bar at the median.

    mark: of the median, or a marker for the mean, such as "o"; none if empty. across: rows instead of columns.
    """
    array = values.transpose("seeds", ...).to_numpy()
    places = np.arange(array.shape[1]) + shift
    spread = np.linspace(-0.1, 0.1, len(array))[:, None]
    dots = (places + spread).ravel(), array.ravel()
    if mark in "_|":
        marks, large = (places, quantiles(values)[1]), {"ms": 10, "mew": 2.2}
    else:
        marks, large = (places, values.mean("seeds").to_numpy()), {"ms": 7, "mec": "white"}
    if across:
        dots, marks = dots[::-1], marks[::-1]
    # Drawn as pixels: a page holds thousands of such dots, and each would take a line of its SVG.
    axes.plot(*dots, "o", color=colour, ms=2.5, alpha=0.5, mew=0, label="" if mark else label, rasterized=True)
    if mark:
        axes.plot(*marks, mark, color=colour, label=label, **large)


def compared(axes: Axes, groups: Mapping[str, tuple[Mapping[str, xr.DataArray], str, str]]) -> None:
    """One row per quantity: a small dot per network, a large one at the mean, group below group.

    groups: by label, each quantity's values over seeds, and the group's colour and marker.
    """
    labels = []
    for step, (label, (quantities, colour, marker)) in enumerate(groups.items()):
        labels = [textwrap.fill(name, 18) for name in quantities]
        values = xr.concat(list(quantities.values()), "rows", coords="minimal", compat="override")
        strips(axes, values, colour, label, 0.25 * (step - (len(groups) - 1) / 2), mark=marker, across=True)
    rows(axes, labels)
    axes.axvline(0, color=GREY, linewidth=0.8)
    plain(axes)


def intervals(
    axes: Axes, groups: Mapping[str, xr.DataArray], *, own=(TRAINED,), other=ORANGE, outer=0.9, median=False
) -> str:
    """One row per group: a dot at the mean, a thick bar over the middle half of the values, a thin one over more.

    own: groups in blue, the rest in another colour; a line goes through the dot of trained networks. outer: share of
    the values under the thin bar. Returns the means, or medians, in words.
    """
    texts = []
    for position, (name, values) in enumerate(groups.items()):
        known = values.to_numpy()[values.notnull()]
        if not len(known):
            texts.append(f"{name} —")
            continue
        dot = float(np.median(known) if median else known.mean())
        half, most = (np.quantile(known, ((1 - share) / 2, (1 + share) / 2)) for share in (0.5, outer))
        colour, marker = (BLUE, "o") if name in own else (other, "D")
        interval(axes, position, dot, colour, marker, thin=most, thick=half)
        if name == TRAINED:
            axes.axvline(dot, color=colour, linewidth=0.8, linestyle=":", zorder=0)
        texts.append(f"{name} {format_number(dot, 3 if abs(dot) < 10 else 0)}")
    rows(axes, groups)
    axes.margins(x=0.08)
    plain(axes)
    return ", ".join(texts)


def interval(axes: Axes, position, dot: float, colour: str, marker: str, *, thin=(), thick=(), label="") -> None:
    """A dot in a row, with a thin and a thick bar between two ends each."""
    for ends, width, alpha in ((thin, 1.4, 1), (thick, 5, 0.4)):
        places = [position] * len(ends)
        axes.plot(ends, places, color=colour, linewidth=width, alpha=alpha, solid_capstyle="butt")
    axes.plot(dot, position, marker, color=colour, ms=6, mec="white", label=label)


def bars(axes: Axes, groups: Mapping[str, tuple], ends: Mapping[str, np.ndarray] | None = None) -> None:
    """Bars of several groups side by side, from heights and a colour each; ends: of whiskers, "low-and-high bars"."""
    width = 0.8 / len(groups)
    for step, (name, (heights, colour)) in enumerate(groups.items()):
        places = np.arange(len(heights)) + (step + 0.5) * width - 0.4
        axes.bar(places, heights, width, color=colour, label=name)
        if ends is not None:
            axes.vlines(places, *ends[name], color="black", linewidth=1)


def heat(axes: Axes, matrix: xr.DataArray, down: str, labels=None, *, low=0.0, high=1.0, aspect: Any = "auto") -> None:
    """A matrix in colours, the dimension `down` downwards; labels: of its rows, by default its coordinate.

    Orange above 0 and blue below where the scale goes below 0, else darker for more.
    """
    [along] = [dim for dim in matrix.dims if dim != down]
    colours = SIGNED if low < 0 else AMOUNT
    axes.imshow(matrix.transpose(down, along), colours, aspect=aspect, interpolation="nearest", vmin=low, vmax=high)
    labels = matrix[down].to_numpy() if labels is None else labels
    rows(axes, [shortened(label) for label in labels] if down in _OF_CLASSES else labels, 8)
    if len(labels) > SHOWN:
        axes.set_yticks([])
    (class_columns if along in _OF_CLASSES else columns)(axes, matrix[along].to_numpy(), 8)


def picture(
    axes: Axes,
    pixels: Float[np.ndarray | xr.DataArray, "pixels *rgb"],
    bound: float | None = None,
    shape: Shape | None = None,
) -> None:
    """A map, orange above 0 and blue below up to a bound; without one, ink between 0 and 1, or RGB.

    shape: of the images, by default a square of one channel. A map of three channels is grey at 0, and each colour is
    brighter above 0 and darker below. Nothing where images have one row or are not known.
    """
    axes.set(xticks=[], yticks=[])
    values = np.asarray(pixels)
    scale = {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    if bound is not None:
        scale = {"cmap": SIGNED, "vmin": -bound, "vmax": bound}
    rows, across, channels = shape or default_shape(len(values))
    if not has_rows((rows, across, channels)) or not np.isfinite(values).all():
        return
    if channels == 1:
        axes.imshow(values.reshape(rows, across, *values.shape[1:]), interpolation="nearest", **scale)
        return
    coloured = values if bound is None else 0.5 + values / (2 * bound)
    axes.imshow(np.clip(coloured, 0, 1).reshape(rows, across, channels), interpolation="nearest")


def shape_of(found: xr.Dataset) -> Shape | None:
    """Rows, columns and channels of a measurement's images, as far as they are stored with it."""
    stored = found.attrs.get(IMAGE_SHAPE)
    if stored is None:
        return None
    rows, across, channels = map(int, stored)
    return rows, across, channels


def signs_of(shape: Shape | None) -> str:
    """What the colours of a picture with a bound mean, for a caption."""
    coloured = shape is not None and shape[2] == 3
    return "each colour: brighter than grey raises, darker lowers" if coloured else "orange raises, blue lowers"


def has_rows(shape: Shape) -> bool:
    """Whether images of this shape can be drawn; those of one row have unknown rows and columns."""
    return shape[0] > 1 or shape[:2] == (1, 1)


def gallery(grid: np.ndarray, maps, down: Iterable[str], across: Iterable[str], bound_of_row) -> None:
    """Maps "rows columns pixels" in panels, with names of rows and columns; bound_of_row: row number to its scale."""
    for row, (panels, own, name) in enumerate(zip(grid, maps, down, strict=True)):
        bound = bound_of_row(row)
        panels[0].set_ylabel(name, fontsize=9)
        for axes, pixels in zip(panels, own, strict=True):
            picture(axes, pixels, bound)
    for axes, name in zip(grid[0], across, strict=True):
        axes.set_title(name, fontsize=9)


def bound_of(values: xr.DataArray, share: float = 1.0) -> float:
    """The largest size of a known value, or a high quantile of sizes: a bound for colours; 1 where all are 0."""
    sizes = np.abs(values.to_numpy()[values.notnull()])
    return (float(np.quantile(sizes, share)) or 1.0) if sizes.size else 1.0
