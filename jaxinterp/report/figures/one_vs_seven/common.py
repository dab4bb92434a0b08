"""What do the figures of study `one-vs-seven` share? Bands over networks, titles, the networks that there are."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.studies.one_vs_seven.record import OneVsSeven

LINES = "line: mean, band: middle 90 % of networks"
MIDDLE = (0.05, 0.95)


def columns(values: Float[np.ndarray, "*any seeds"]) -> Float[np.ndarray, "*any known"]:
    """The networks that there are: those without a NaN."""
    return values[..., np.isfinite(values).reshape(-1, values.shape[-1]).all(axis=0)]


def present(record: OneVsSeven, recipe: str) -> int:
    """How many networks of a recipe are shown."""
    place = record.recipes.index(recipe)
    return int(record.networks[place] - record.diverged[place])


def band(axes: Axes, x: np.ndarray, values: Float[np.ndarray, "points seeds"], colour: str, label: str) -> None:
    """Mean over networks as a line, the middle 90 % of them as a band."""
    values = columns(values)
    if not values.shape[-1]:
        return
    axes.plot(x, values.mean(axis=-1), color=colour, linewidth=1.8, marker="o", markersize=3, label=label)
    axes.fill_between(x, *np.quantile(values, MIDDLE, axis=-1), color=colour, alpha=0.2, linewidth=0)


def legend(figure: Figure, axes: Axes) -> None:
    """The legend of one of the panels, below all of them."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=min(len(labels), 4))


def finish(figure: Figure, title: str, notes: str, networks: str, told: str) -> Figure:
    """Title, what is drawn, how many networks, and the same in words with the figures."""
    figure.suptitle(f"{title}\n{networks}; {notes}", fontsize=10)
    figure.set_label(f"{title}; {networks}. {told}.")
    return figure
