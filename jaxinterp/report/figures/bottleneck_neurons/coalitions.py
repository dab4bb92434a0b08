"""How many neurons does a digit need, and is what one ablation costs a neuron's part in all coalitions?"""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BLUE, DOTS, GREY, ORANGE
from jaxinterp.report.figures.drawing import strips
from jaxinterp.report.figures.layout import class_columns, legend_of, names, panels, plain
from jaxinterp.studies.bottleneck_neurons.coalitions import COALITIONS, OWN, ROTATED, correlation
from jaxinterp.studies.study import Results

_SIZES = {
    "enough": "smallest set that is enough",
    "needed": "smallest set that is necessary",
    "disjoint": "disjoint sets that are enough",
}


def sizes(results: Results) -> Figure:
    """Sizes of the smallest sets for each digit, and how many disjoint ones there are, beside a random basis."""
    found = results[COALITIONS]
    figure, grid = panels(found.sizes["kinds"], len(_SIZES), (3.4, 2.4), "class")
    texts = []
    for place, (row, kind) in enumerate(zip(grid, found.kinds.to_numpy(), strict=True)):
        own = found.sel(kinds=kind)
        for axes, (name, label) in zip(row, _SIZES.items(), strict=True):
            for basis, colour, shift in ((OWN, BLUE, -0.15), (ROTATED, ORANGE, 0.15)):
                _strips(axes, own[name].sel(bases=basis), colour, basis, shift)
            class_columns(axes, found.classes.to_numpy(), 8)
            plain(axes, "" if place else label, grid="y")
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            texts.append(f"{kind}, {label}: {means(by(own[name], 'bases'), 1)}")
        names(row[0], y=f"{kind}-ablation\nnumber")
    legend_of(figure, grid[0, 0])
    title = "The smallest sets of neurons that keep 95 % of a digit's F1, or without which less than 10 % is left"
    return caption(figure, seeds(results), title, f"{DOTS}; sets chosen on one half", "; ".join(texts), "4.6")


def roles(results: Results) -> Figure:
    """What a digit loses without a neuron, against the neuron's Shapley value, of all networks."""
    found = results[COALITIONS].sel(cases=OWN)
    figure, [row] = panels(1, found.sizes["kinds"], (3.2, 3.0), "drop in F1 without the neuron", "Shapley value")
    correlations = {}
    for axes, kind in zip(row, found.kinds.to_numpy(), strict=True):
        own = found.sel(kinds=kind)
        damage, shapley = (values.transpose("seeds", ...).to_numpy().ravel() for values in (own.damage, own.shapley))
        axes.plot(damage, shapley, "o", color=BLUE, ms=2, alpha=0.3, mew=0, rasterized=True)
        axes.axline((0, 0), slope=1, color=GREY, linewidth=0.8, linestyle=":")
        plain(axes, f"{kind}-ablation", grid="both")
        correlations[kind] = correlation(own)
    title = "What one ablation costs a digit, and the neuron's part in all coalitions"
    notes = "dot: one neuron and digit; dotted: equal"
    text = f"Rank correlation: {means(correlations, 2)}"
    return caption(figure, seeds(results), title, notes, text, "4.6")


def _strips(axes: Axes, values: xr.DataArray, colour: str, label: str, shift: float) -> None:
    """Numbers of units by class; nothing where none is known."""
    if values.notnull().any():
        strips(axes, values, colour, label, shift)
