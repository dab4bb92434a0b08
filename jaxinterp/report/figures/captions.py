"""How does a figure say what it shows? Title, number of networks, alternative text, and means in words."""

import math
import textwrap
from collections.abc import Mapping

import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import shows
from jaxinterp.studies.study import NETWORKS, Results
from jaxinterp.text import mean

FIRST = "the first network that did not diverge"  # of `example`
_LETTERS = 11.5  # of a title in an inch


def caption(figure: Figure, networks: str, title: str, notes: str, text: str, *rows: str) -> Figure:
    """The figure with its title, how many networks there are, what is drawn, and the same with numbers as its label.

    rows: of the study's table, such as "3.1", which the figure shows.
    """
    heading = _lines(title, figure.get_figwidth()) + _lines(f"{networks}; {notes}", figure.get_figwidth())
    figure.suptitle("\n".join(heading), fontsize=11)
    figure.set_label(f"{title} ({networks}; {notes}). {text}.")
    return shows(figure, *rows)


def _lines(text: str, inches: float) -> list[str]:
    """The text in as few lines as this width has room for, about equally long."""
    most = int(inches * _LETTERS)
    lines = math.ceil(len(text) / most)
    for width in range(len(text) // lines, most):
        wrapped = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
        if len(wrapped) <= lines and max(map(len, wrapped)) <= most:
            return wrapped
    return textwrap.wrap(text, most, break_on_hyphens=False)


def seeds(results: Results, *recipes: str) -> str:
    """How many networks of each recipe are shown and how many diverged; by default of the study's own, the first."""
    diverged = results[NETWORKS].diverged
    counts = []
    for recipe in recipes or diverged.recipes.to_numpy()[:1]:
        own = diverged.sel(recipes=recipe)
        lost = f", {int(own.sum())} diverged and left out" if own.sum() else ""
        counts.append(f"{int((own == 0).sum())} seeds{f' of {recipe}' if len(recipes) > 1 else ''}{lost}")
    return ", ".join(counts)


def example(results: Results) -> int:
    """The seed whose single network is shown: the first of the study's own that did not diverge."""
    return int(results[NETWORKS].diverged.isel(recipes=0).fillna(1).argmin("seeds"))


def by(values: xr.DataArray, dim: str) -> dict[str, xr.DataArray]:
    """The values at each label of a dimension, by label."""
    return {str(label): values.sel({dim: label}) for label in values[dim].to_numpy()}


def means(groups: Mapping[str, xr.DataArray], digits: int = 3) -> str:
    """The mean of all known values of each group after its name, for text."""
    return ", ".join(f"{name} {mean(values, digits)}" for name, values in groups.items())
