"""Accuracy by the number of live neurons: the figure of row 2.2."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREY, ORANGE, labels, plain
from jaxinterp.report.figures.llm_labels.captions import caption
from jaxinterp.studies.judge import estimate
from jaxinterp.studies.llm_labels import widths
from jaxinterp.studies.llm_labels.neurons import SIX, TWELVE, accuracy, alive, mean_of, width
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_NAMES = {SIX: "six neurons", TWELVE: "twelve neurons"}


def figures(results: Results) -> list[Figure]:
    """The figure of this topic."""
    return [by_live_neurons(results)]


def by_live_neurons(results: Results) -> Figure:
    """Test accuracy of every network over its number of live neurons."""
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes, means = figure.subplots(), []
    for (recipe, name), colour, shift in zip(_NAMES.items(), (BLUE, ORANGE), (-0.12, 0.12), strict=True):
        count, values = alive(results, recipe), accuracy(results, recipe)
        jitter = shift + np.linspace(-0.08, 0.08, len(count))
        axes.plot(count + jitter, values, ".", color=colour, alpha=0.5)
        levels = np.unique(count.dropna("seeds"))
        level_means = [values.where(count == level).mean() for level in levels]
        axes.plot(levels + shift, level_means, "_", color=colour, markersize=16, mew=2.5, label=name)
        means.append(f"{name} {mean_of(values)} with {mean_of(count, 2)} live")
    published = width(results, SIX) - widths.PUBLISHED_DEAD, widths.PUBLISHED_ACCURACY
    axes.plot(*published, "*", color="black", markersize=13, label="published")
    axes.axhline(0.1, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1)
    axes.set_xticks(range(width(results, TWELVE) + 1))
    labels(axes, "neurons that are active on some test image", "test accuracy")
    plain(axes, grid="y")
    axes.legend(fontsize=9, frameon=False, loc="lower right")
    title = "Test accuracy by the number of live neurons, networks of six and of twelve"
    correlation = format_number(estimate(widths.rank_correlation(results, SIX)).mean)
    text = f"Means: {'; '.join(means)}. Rank correlation, six neurons: {correlation}"
    return caption(figure, results, title, "dot: one network, bar: mean; dotted: guessing", text, "2.2")
