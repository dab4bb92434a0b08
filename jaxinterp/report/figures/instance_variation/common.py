"""What do the figures of study `instance-variation` share? Distributions, titles, and how many networks are shown."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, ORANGE, plain
from jaxinterp.studies.instance_variation import TRAINED, InstanceVariation

DRAWN = "dot: mean, thick: middle half, thin: middle"


def over_pairs(axes: Axes, matrices: Mapping[str, Float[np.ndarray, "seeds seeds"]]) -> None:
    """One line a condition: thin bar over the middle 95 % of pairs, thick over the middle half, dot at the mean."""
    for place, (name, matrix) in enumerate(matrices.items()):
        upper = (matrix + matrix.T)[np.triu_indices(len(matrix), 1)] / 2
        values = upper[np.isfinite(upper)]
        if len(values):
            ends = np.quantile(values, (0.025, 0.25, 0.75, 0.975))
            line(axes, place, name, values.mean(), ends, trained=name == TRAINED, guide=name == TRAINED)
    rows(axes, list(matrices))


def line(axes: Axes, place: int, name: str, dot: float, ends: np.ndarray, *, trained: bool, guide: bool) -> None:
    """A dot, a thick bar between the inner ends and a thin one between the outer; labelled with the dot's value.

    trained: in the colour of trained networks. guide: with a line through the dot, to compare the others with.
    """
    colour = BLUE if trained else ORANGE
    low, quarter, three_quarters, high = ends
    axes.plot((low, high), (place, place), color=colour, linewidth=1.2, solid_capstyle="butt")
    half = {"linewidth": 6, "alpha": 0.45, "solid_capstyle": "butt"}
    axes.plot((quarter, three_quarters), (place, place), color=colour, **half)
    marker = "o" if trained else "D"
    (drawn,) = axes.plot(dot, place, marker, color=colour, markersize=6, markeredgecolor="white")
    drawn.set_label(f"{name} {dot:.3f}" if abs(dot) < 10 else f"{name} {dot:.0f}")
    if guide:
        axes.axvline(dot, color=colour, linewidth=0.8, linestyle=":", zorder=0)


def rows(axes: Axes, names: list[str]) -> None:
    """Names the lines, from the top."""
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.margins(x=0.08)
    plain(axes)


def told(axes: Axes) -> str:
    """What is drawn, in words: the labels of its lines."""
    labels = (str(line.get_label()) for line in axes.lines)
    return f"{axes.get_title()}: {', '.join(label for label in labels if not label.startswith('_'))}"


def seeds(record: InstanceVariation) -> str:
    """How many networks are shown."""
    return f"{int(np.sum(~record.left_out))} seeds"


def pairs(record: InstanceVariation) -> str:
    """How many networks and pairs of them are shown."""
    count = int(np.sum(~record.left_out))
    return f"{count} seeds, {count * (count - 1) // 2} pairs"


def finish(figure: Figure, title: str, shown: str, words: str) -> Figure:
    """Title, what is drawn, and the same in words with the figures."""
    figure.suptitle(f"{title}\n{shown}", fontsize=11)
    figure.set_label(f"{title}; {shown}. {words}.")
    return figure
