"""What does a digit lose without its most damaging neuron, under each kind of ablation, and what predicts it?"""

import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.bottleneck_neurons.rankings import by_preference
from jaxinterp.report.figures.captions import by, caption, example, means, seeds
from jaxinterp.report.figures.common import BLUE, DOTS, GREEN, GREY, ORANGE
from jaxinterp.report.figures.drawing import SHOWN, compared, heat, quantiles, strips
from jaxinterp.report.figures.layout import class_columns, colour_bar, legend_of, names, panels, plain
from jaxinterp.studies.bottleneck_neurons.damage import GONE, LABELS, correlation
from jaxinterp.studies.bottleneck_neurons.neurons import DIRECTION, of_chosen
from jaxinterp.studies.study import Results
from jaxinterp.text import format_percent

CHOSEN = "neurons chosen on other images"


def ablation(kind: str) -> str:
    """A kind of ablation, as a title."""
    return f"{kind.replace(' ', '-')}-ablation"


def losses(results: Results) -> Figure:
    """What is left of each class without its most damaging neuron, under every kind of ablation."""
    found = results["damage"]
    classes, without = found.classes.to_numpy(), by(found.worst_accuracy.isel(layers=-1), "kinds")
    size = 1.2 + 0.24 * len(classes), 3.0
    figure, [row] = panels(1, len(without), size, "class", "accuracy on the class", sharey=True)
    for axes, (kind, own) in zip(row, without.items(), strict=True):
        direction = found.direction_accuracy.sel(kinds=kind).mean("bases")
        at_random = found.ablated.sel(kinds=kind).mean("units")
        strips(axes, own, BLUE, "its most damaging neuron", -0.16)
        strips(axes, direction, ORANGE, DIRECTION, 0.16)
        axes.plot(range(len(classes)), quantiles(at_random)[1], "D", color=GREEN, ms=4, label="a random neuron")
        axes.plot(range(len(classes)), quantiles(found.intact)[1], "_", color=GREY, ms=9, mew=2, label="nothing")
        axes.axhline(GONE, color=GREY, linewidth=1, linestyle=":")
        class_columns(axes, classes)
        plain(axes, ablation(kind), grid="y")
    row[0].set_ylim(-0.03, 1.03)
    legend_of(figure, row[0], "right center", title="without")
    title = "Accuracy on each class without its most damaging neuron, and without the most damaging random direction"
    notes = (
        f"{DOTS}; neurons and directions chosen on other images, directions out of as many as there are neurons; "
        f"dotted: {format_percent(GONE)}, below which a class counts as lost"
    )
    directions = means(by(found.direction_accuracy, "kinds"))
    text = f"Means without that neuron: {means(without)}. Without {DIRECTION}: {directions}"
    return caption(figure, seeds(results), title, notes, text, "4.6")


def damage(results: Results) -> Figure:
    """What every neuron's ablation costs every class: in one network, and of each class's own neuron over all."""
    found, seed, order = results["damage"], example(results), by_preference(results)
    count = found.sizes["classes"]
    heights = min(max(len(order), 6), SHOWN), max(count, 6)
    size = 1.2 + 0.22 * count, (1.6 + 0.2 * sum(heights)) / 2
    figure, grid = panels(2, found.sizes["kinds"], size, "class", height_ratios=heights)
    drops = {}
    for (one, every), (kind, own) in zip(grid.T, by(found.intact - found.ablated, "kinds").items(), strict=True):
        worst = found.worst.sel(kinds=kind)
        heat(one, own.isel(seeds=seed, units=order), "units", order, low=-1)
        owners = worst.rename(classes="owners")
        heat(every, of_chosen(own, units=owners).mean("seeds"), "owners", low=-1)
        names(one, f"{ablation(kind)}\nseed {seed}", "class")
        names(every, "mean over seeds")
        drops[kind] = of_chosen(own, units=worst)
    names(grid[0, 0], y="neuron, by preferred class")
    names(grid[1, 0], y="most damaging neuron of class")
    colour_bar(figure, grid, "drop in accuracy on the class")
    title = "What each class loses without a neuron, under every kind of ablation"
    text = f"Mean drop without its most damaging neuron: {means(drops)}"
    return caption(figure, seeds(results), title, f"most damaging {CHOSEN}", text, "4.6")


def predictors(results: Results) -> Figure:
    """How well does each quantity predict the damage of each kind of ablation?"""
    kinds = results["damage"].kinds.to_numpy()
    figure, [row] = panels(1, len(kinds), (2.6, 2.6), sharex=True, sharey=True)
    texts = []

    def correlations(kind: str, shifted: bool) -> dict[str, xr.DataArray]:
        return {label: correlation(results, name, kind, shifted=shifted) for name, label in LABELS.items()}

    for axes, kind in zip(row, kinds, strict=True):
        own = correlations(kind, False)
        groups = {"of the class": (own, BLUE, "o"), "of other classes": (correlations(kind, True), ORANGE, "D")}
        compared(axes, groups)
        names(axes, ablation(kind))
        texts.append(f"{kind}: {means(own, 2)}")
    legend_of(figure, row[0], "right center", title="predictor")
    figure.supxlabel("Spearman's correlation with the drop in accuracy, over neurons × classes", fontsize=9)
    title = "Which quantity predicts what an ablation costs a class?"
    notes = "small dot: one network, large: mean; predictors and damage from different images"
    return caption(figure, seeds(results), title, notes, f"Means. {'; '.join(texts)}", "4.6")
