"""How differently do neurons respond to 1s and to 7s?"""

from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREY, ORANGE, plain
from jaxinterp.report.figures.one_vs_seven.common import finish, legend, networks
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.one_vs_seven.common import ARMS, LAYERS, mean
from jaxinterp.studies.one_vs_seven.differences import PERMUTED, SMALL_DIFFERENCE, TRUE
from jaxinterp.studies.study import Results

_SHOWN = {
    TRAINED: (TRAINED, TRUE, BLUE),
    PERMUTED: (TRAINED, PERMUTED, ORANGE),
    UNTRAINED: (UNTRAINED, TRUE, GREY),
}


def figures(results: Results) -> list[Figure]:
    """Histogram of the class difference in every kind of network, with permuted labels, and before training."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    grid = figure.subplots(len(LAYERS), len(ARMS), sharex=True)
    texts = []
    for row, layer in zip(grid, LAYERS, strict=True):
        for axes, arm in zip(row, ARMS, strict=True):
            found = results["differences"].sel(recipes=arm, layers=layer)
            for name, (condition, labels, colour) in _SHOWN.items():
                share = found.share.sel(conditions=condition, labels=labels).mean("seeds")
                axes.step(share.bins, share, where="mid", color=colour, label=name, linewidth=1.4)
            for edge in (-SMALL_DIFFERENCE, SMALL_DIFFERENCE):
                axes.axvline(edge, color=GREY, linewidth=0.8, linestyle=":")
            small = mean(found.small.sel(conditions=TRAINED, labels=TRUE), 2)
            axes.set_yscale("symlog", linthresh=0.01)
            axes.set_ylim(0, 1.1)
            axes.set_title(f"{arm}, {layer}\n{small} within ±{SMALL_DIFFERENCE:g}", fontsize=9)
            plain(axes, grid="y")
            texts.append(f"{arm}, {layer} {small}")
        row[0].set_ylabel("share of units", fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel("mean activation on 1s less on 7s", fontsize=9)
    legend(figure, grid[0, 0])
    title = "Class difference of every unit, with permuted labels, and in untrained networks"
    notes = "mean over networks; what lies beyond ±2 is in the outer bins"
    text = f"Trained, share within ±{SMALL_DIFFERENCE:g}: {'; '.join(texts)}"
    return [finish(figure, title, notes, networks(results, *ARMS), text, "1.7")]
