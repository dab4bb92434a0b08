"""How differently do neurons respond to 1s and to 7s?"""

from itertools import product

from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption, seeds
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE
from jaxinterp.report.figures.layout import legend_of, panels, plain
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.one_vs_seven.common import ARMS, LAYERS
from jaxinterp.studies.one_vs_seven.differences import PERMUTED, SMALL_DIFFERENCE, TRUE
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def histograms(results: Results) -> Figure:
    """Histogram of the class difference in every kind of network, with permuted labels, and before training."""
    shown = {TRAINED: (TRAINED, TRUE, BLUE), PERMUTED: (TRAINED, PERMUTED, GREEN), UNTRAINED: (UNTRAINED, TRUE, ORANGE)}
    x, texts = "mean activation on 1s less on 7s", []
    figure, grid = panels(len(LAYERS), len(ARMS), (3.1, 2.1), x, "share of units", sharex=True)
    for axes, (layer, arm) in zip(grid.flat, product(LAYERS, ARMS), strict=True):
        found = results["differences"].sel(recipes=arm, layers=layer)
        for name, (condition, labels, colour) in shown.items():
            share = found.share.sel(conditions=condition, labels=labels).mean("seeds")
            axes.step(share.bins, share, where="mid", color=colour, label=name, linewidth=1.4)
        for edge in (-SMALL_DIFFERENCE, SMALL_DIFFERENCE):
            axes.axvline(edge, color=GREY, linewidth=0.8, linestyle=":")
        small = mean(found.small.sel(conditions=TRAINED, labels=TRUE), 2)
        axes.set_yscale("symlog", linthresh=0.01)
        axes.set_ylim(0, 1.1)
        plain(axes, f"{arm}, {layer}\n{small} within ±{SMALL_DIFFERENCE:g}", grid="y")
        texts.append(f"{arm}, {layer} {small}")
    legend_of(figure, grid[0, 0])
    title = "Class difference of every unit, with permuted labels, and in untrained networks"
    notes = "mean over networks; what lies beyond ±2 is in the outer bins"
    text = f"Trained, share within ±{SMALL_DIFFERENCE:g}: {'; '.join(texts)}"
    return caption(figure, seeds(results, *ARMS), title, notes, text, "1.7")
