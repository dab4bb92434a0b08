"""How does a figure of this study say what it shows? Title, number of networks, alternative text, rows."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import labels, shows
from jaxinterp.studies.llm_labels.neurons import SIX
from jaxinterp.studies.study import NETWORKS, Results


def caption(
    figure: Figure, results: Results, title: str, notes: str, means: str, *rows: str, recipe: str = SIX
) -> Figure:
    """The figure with its title and alternative text, marked with the rows that it shows."""
    diverged = results[NETWORKS].diverged.sel(recipes=recipe)
    lost = int(diverged.sum())
    seeds = f"{int(diverged.notnull().sum()) - lost} seeds" + (f", {lost} diverged and left out" if lost else "")
    figure.suptitle(f"{title}\n{seeds}; {notes}", fontsize=11)
    figure.set_label(f"{title}, {seeds}. {means}.")
    return shows(figure, *rows)


def name_axes(axes: Axes, x: str, y: str, title: str) -> None:
    """Label both axes and give them a title."""
    labels(axes, x, y)
    axes.set_title(title, fontsize=10)
