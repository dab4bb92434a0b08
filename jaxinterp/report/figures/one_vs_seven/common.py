"""What do the figures of study `one-vs-seven` share? Bands and bars over networks, titles, how many networks."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import shows
from jaxinterp.studies.study import NETWORKS, Results

LINES = "line: mean, band: middle 90 % of networks"
MIDDLE = (0.05, 0.95)


def networks(results: Results, *recipes: str) -> str:
    """How many networks of each recipe are shown, in words."""
    diverged = results[NETWORKS].diverged
    counts = [int((diverged.sel(recipes=recipe) == 0).sum()) for recipe in recipes]
    if len(recipes) == 1:
        return f"{counts[0]} networks"
    return ", ".join(f"{count} {recipe}" for count, recipe in zip(counts, recipes, strict=True)) + " networks"


def band(axes: Axes, values: xr.DataArray, colour: str, label: str) -> None:
    """Mean over networks as a line, the middle 90 % of them as a band, along the dimension that is left."""
    values = values.dropna("seeds")
    if not values.size:
        return
    centre, ends = values.mean("seeds"), values.quantile(MIDDLE, "seeds")
    x = centre[centre.dims[0]]
    axes.plot(x, centre, color=colour, linewidth=1.8, marker="o", markersize=3, label=label)
    axes.fill_between(x, *ends.transpose("quantile", ...), color=colour, alpha=0.2, linewidth=0)


def interval(axes: Axes, position: int, values: xr.DataArray, colour: str) -> None:
    """Mean of all values as a dot, the middle 90 % of them as a bar."""
    if values.notnull().any():
        axes.plot(values.quantile(MIDDLE), (position, position), color=colour, linewidth=4, alpha=0.4)
        axes.plot(values.mean(), position, "o", color=colour, markersize=6, markeredgecolor="white")


def named(axes: Axes, names) -> None:
    """One row for each name, from the top."""
    axes.set_yticks(range(len(names)), list(names), fontsize=9)
    axes.set_ylim(len(names) - 0.5, -0.5)


def legend(figure: Figure, axes: Axes) -> None:
    """The legend of one of the panels, below all of them."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=min(len(labels), 4))


def finish(figure: Figure, title: str, notes: str, networks: str, text: str, *rows: str) -> Figure:
    """Title, what is drawn, how many networks, alternative text with the numbers, and the rows that are shown."""
    figure.suptitle(f"{title}\n{networks}; {notes}", fontsize=10)
    figure.set_label(f"{title}; {networks}. {text}.")
    return shows(figure, *rows)
