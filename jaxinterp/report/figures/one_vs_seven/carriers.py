"""How well does each method find the units that carry the stroke, and how many carry the top bar of a real 7?"""

from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE
from jaxinterp.report.figures.drawing import AVERAGE_BAND, INTERVAL, band, intervals
from jaxinterp.report.figures.layout import legend_of, names, panels, plain
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.one_vs_seven.carriers import DIFFERENCE, METHODS, SIZES
from jaxinterp.studies.one_vs_seven.common import LARGEST_GROUP, LAYERS, NAME, STROKES
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def retrieval(results: Results) -> Figure:
    """The first quarter of the units by each method, compared with the truth and with a random order."""
    figure, grid = panels(len(LAYERS), 4, (2.4, 2.5), sharey=True, sharex=True)
    texts = []
    for row, layer in zip(grid, LAYERS, strict=True):
        found = results["retrieval"].sel(recipes=STROKES, layers=layer, methods=list(METHODS))
        carriers = results["carriers"].share.sel(recipes=STROKES, layers=layer, conditions=TRAINED)
        shown = {
            "precision": (found.precision, carriers),
            "recall": (found.recall, found.quarter),
            "share found of the\nquarter moved most": (found.moved, found.quarter),
            "share found of the\nquarter restoring most": (found.patched, found.quarter),
        }
        for axes, (name, (values, chance)) in zip(row, shown.items(), strict=True):
            intervals(axes, by(values, "methods"), own=(DIFFERENCE,), other=GREY)
            axes.axvline(float(chance.mean()), color=ORANGE, linewidth=1.2, linestyle="--", label="random order")
            names(axes, f"{layer}: {name}")
            axes.set_xlim(0, 1.04)
        patched = means(by(found.patched, "methods"))
        texts.append(f"{layer}, share found of the quarter that restores most: {patched}, random {mean(found.quarter)}")
    legend_of(figure, grid[0, 0])
    title = "Which units carry the stroke? The first quarter by each method, on data that differ by the stroke alone"
    notes = f"{INTERVAL} 90 % of networks"
    return caption(figure, seeds(results, STROKES), title, notes, "; ".join(texts), "1.10")


def restored(results: Results) -> Figure:
    """Share of the margin that the first few units restore."""
    y, texts = "share of the lost margin restored", []
    figure, [row] = panels(1, len(LAYERS), (3.8, 2.9), "units patched", y, sharey=True)
    for axes, layer in zip(row, LAYERS, strict=True):
        found = results["top_bar"].sel(layers=layer)
        random = found.random.mean("draws")
        band(axes, found.restored, BLUE, "those that restore most", "o-", average=True)
        for values, colour, marker, name in (
            (random, ORANGE, "D", "random"),
            (found.by_difference, GREEN, "s", f"largest {DIFFERENCE}"),
        ):
            if values.notnull().any():
                label = f"{LARGEST_GROUP} units, {name}"
                axes.plot(LARGEST_GROUP, values.mean(), marker, color=colour, label=label)
                axes.plot(2 * (LARGEST_GROUP,), values.quantile((0.05, 0.95)), color=colour, linewidth=4, alpha=0.4)
        axes.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
        axes.set_xscale("log", base=2)
        axes.set_xticks(SIZES, list(map(str, SIZES)))
        plain(axes, layer, grid="y")
        texts.append(f"{layer}: {LARGEST_GROUP} units restore {mean(found.top)}, random {mean(random)}")
    legend_of(figure, row[0])
    title = "Units that carry a real 7's top bar: margin restored by patching them, and by patching random units"
    return caption(figure, seeds(results, NAME), title, f"{AVERAGE_BAND}; ranked on other 7s", "; ".join(texts), "1.10")
