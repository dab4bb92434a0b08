"""How is a figure laid out? Panels with names, rows and columns with labels, legends and colour bars."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from jaxinterp.report.figures.common import GREY

_LONGEST = 16  # characters of a class's name
_UPRIGHT = 3  # longer names do not fit side by side


def panels(rows: int, columns: int, size: tuple[float, float], x="", y="", **options) -> tuple[Figure, np.ndarray]:
    """A figure and its panels, "rows columns"; size: of one panel in inches; x, y: what the outer axes show."""
    figure = Figure(figsize=(columns * size[0] + 0.8, rows * size[1] + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **options)
    for axes in grid[-1]:
        axes.set_xlabel(x, fontsize=9)
    for axes in grid[:, 0]:
        axes.set_ylabel(y, fontsize=9)
    return figure, grid


def plain(axes: Axes, title: str = "", x: str = "", y: str = "", *, grid: str = "x") -> None:
    """No frame, a light grid along one axis; a title and what the axes show, where given."""
    axes.tick_params(labelsize=9, color=GREY)
    axes.grid(axis=grid, color="#dddddd", linewidth=0.6)  # pyright: ignore[reportArgumentType]
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    names(axes, title, x, y)


def row_name(axes: Axes, text: str) -> None:
    """What a row of pictures shows, to the left of its first, whose axes are otherwise off."""
    axes.set_axis_on()
    axes.set_ylabel(text, fontsize=8, rotation=0, ha="right", va="center")
    axes.spines[:].set_visible(False)


def names(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """A title and what the axes show, in small type, where given."""
    if title:
        axes.set_title(title, fontsize=10 if "\n" not in title else 9)
    if x:
        axes.set_xlabel(x, fontsize=9)
    if y:
        axes.set_ylabel(y, fontsize=9)


def columns(axes: Axes, labels, size: int = 9) -> None:
    """One column for each label, from the left."""
    axes.set_xticks(range(len(labels)), list(map(str, labels)), fontsize=size)


def class_columns(axes: Axes, names, size: int = 9) -> None:
    """One column for each class, with names that are not short upright."""
    columns(axes, [shortened(name) for name in names], size)
    if any(len(str(name)) > _UPRIGHT for name in names):
        axes.tick_params(axis="x", rotation=90)


def shortened(name: Any) -> str:
    """The name of a class, or its start where it is too long for a figure."""
    text = str(name)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def rows(axes: Axes, labels, size: int = 9) -> None:
    """One row for each label, from the top."""
    axes.set_yticks(range(len(labels)), list(map(str, labels)), fontsize=size)
    axes.set_ylim(max(len(labels), 1) - 0.5, -0.5)


def legend(axes: Axes, where: Any = "best", **options) -> None:
    """The legend of a panel, inside it, if there is anything to name."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False, loc=where, **options)


def legend_of(figure: FigureBase, axes: Axes, where: Any = "lower center", **options) -> None:
    """The legend of one of the panels, outside all of them, if there is anything to name."""
    handles, labels = axes.get_legend_handles_labels()
    outside: Any = f"outside {where}"
    if handles:
        options = {"fontsize": 9, "ncols": 4 if where.startswith("lower") else 1, "frameon": False} | options
        figure.legend(handles, labels, loc=outside, **options)


def colour_bar(figure: FigureBase, panels: np.ndarray, label: str, shrink=0.6, **options) -> None:
    """One colour bar for panels that share a scale, if there is anything on them."""
    drawn = [axes.images[0] for axes in panels.flat if axes.images]
    if drawn:
        bar = figure.colorbar(drawn[0], ax=panels, shrink=shrink, **options)
        bar.set_label(label, fontsize=9)
        bar.ax.tick_params(labelsize=8)
