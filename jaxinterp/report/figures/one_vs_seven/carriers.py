"""How well does each method find the units that carry the stroke, where the truth is known?"""

from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREY, ORANGE, plain
from jaxinterp.report.figures.one_vs_seven.common import finish, interval, legend, named, networks
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.one_vs_seven.carriers import DIFFERENCE, METHODS
from jaxinterp.studies.one_vs_seven.common import LAYERS, STROKES, mean
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """The first quarter of the units by each method, compared with the truth and with a random order."""
    figure = Figure(figsize=(10.4, 5.8), layout="constrained")
    grid = figure.subplots(len(LAYERS), 4, sharey=True, sharex=True)
    texts = []
    for row, layer in zip(grid, LAYERS, strict=True):
        found = results["retrieval"].sel(recipes=STROKES, layers=layer)
        carriers = results["carriers"].share.sel(recipes=STROKES, layers=layer, conditions=TRAINED)
        shown = {
            "precision": (found.precision, carriers),
            "recall": (found.recall, found.quarter),
            "share found of the\nquarter moved most": (found.moved, found.quarter),
            "share found of the\nquarter restoring most": (found.patched, found.quarter),
        }
        for axes, (name, (values, chance)) in zip(row, shown.items(), strict=True):
            for position, method in enumerate(METHODS):
                interval(axes, position, values.sel(methods=method), BLUE if method == DIFFERENCE else GREY)
            axes.axvline(float(chance.mean()), color=ORANGE, linewidth=1.2, linestyle="--", label="random order")
            axes.set_title(f"{layer}: {name}", fontsize=9)
            named(axes, METHODS)
            axes.set_xlim(0, 1.04)
            plain(axes)
        patched = ", ".join(f"{name} {mean(found.patched.sel(methods=name))}" for name in METHODS)
        texts.append(f"{layer}, share found of the quarter that restores most: {patched}, random {mean(found.quarter)}")
    legend(figure, grid[0, 0])
    title = "Which units carry the stroke? The first quarter by each method, on data that differ by the stroke alone"
    notes = "dot: mean, bar: middle 90 % of networks"
    return [finish(figure, title, notes, networks(results, STROKES), "; ".join(texts), "1.10")]
