"""Accuracy by the number of live neurons: the figure of row 2.2."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption, seeds
from jaxinterp.report.figures.common import BLUE, GREY, ORANGE
from jaxinterp.report.figures.layout import legend, panels, plain
from jaxinterp.studies.llm_labels import widths
from jaxinterp.studies.llm_labels.neurons import SIX, TWELVE, accuracy, alive, width
from jaxinterp.studies.scores import estimate
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number, mean


def by_live_neurons(results: Results) -> Figure:
    """Test accuracy of every network over its number of live neurons."""
    figure, [[axes]] = panels(1, 1, (7.2, 3.4))
    texts = []
    for recipe, name, colour, shift in ((SIX, "six neurons", BLUE, -0.12), (TWELVE, "twelve neurons", ORANGE, 0.12)):
        count, values = alive(results, recipe), accuracy(results, recipe)
        jitter = shift + np.linspace(-0.08, 0.08, len(count))
        axes.plot(count + jitter, values, ".", color=colour, alpha=0.5)
        levels = np.unique(count.dropna("seeds"))
        level_means = [values.where(count == level).mean() for level in levels]
        axes.plot(levels + shift, level_means, "_", color=colour, markersize=16, mew=2.5, label=name)
        texts.append(f"{name} {mean(values)} with {mean(count, 2)} live")
    published = width(results, SIX) - widths.PUBLISHED_DEAD, widths.PUBLISHED_ACCURACY
    axes.plot(*published, "*", color="black", markersize=13, label="published")
    axes.axhline(0.1, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(ylim=(0, 1), xticks=range(width(results, TWELVE) + 1))
    plain(axes, x="neurons that are active on some test image", y="test accuracy", grid="y")
    legend(axes, "center right")
    title = "Test accuracy by the number of live neurons, networks of six and of twelve"
    correlation = format_number(estimate(widths.rank_correlation(results, SIX)).mean)
    text = f"Means: {'; '.join(texts)}. Rank correlation, six neurons: {correlation}"
    return caption(figure, seeds(results), title, "dot: one network, bar: mean; dotted: guessing", text, "2.2")
