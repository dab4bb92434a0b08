"""On how many pixels do neurons focus, and what do the most focused ones look like? Row 5.2."""

from itertools import product

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import FIRST, caption, example, seeds
from jaxinterp.report.figures.common import BLUE, ORANGE
from jaxinterp.report.figures.drawing import bound_of, picture, quantiles
from jaxinterp.report.figures.layout import colour_bar, columns, panels, plain
from jaxinterp.report.figures.looking_for_four.matches import VIEW_NAMES
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.maps import VIEWS, WEIGHTS
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number, mean

SHOWN, _COLUMNS = 16, 8


def spread(results: Results) -> Figure:
    """On how many pixels do neurons focus, trained and untrained?"""
    pixels = results["focus"].participation
    shown = list(product(pixels.layers.to_numpy(), VIEWS))
    figure, [row] = panels(1, len(shown), (2.7, 3.2), y="effective number of pixels", sharey=True)
    texts = []
    for axes, (layer, view) in zip(row, shown, strict=True):
        for step, (condition, colour) in enumerate(((TRAINED, BLUE), (UNTRAINED, ORANGE))):
            own = pixels.sel(layers=layer, views=view, conditions=condition)
            low, middle, high = quantiles(own, "units")
            least = own.min("units")
            across = step + np.linspace(-0.32, 0.32, len(low))
            axes.vlines(across, low, high, color=colour, alpha=0.35, linewidth=1.2)
            axes.plot(across, middle, "_", color=colour, ms=5, mew=1.4)
            axes.plot(across, least, "v", color=colour, ms=3.5, alpha=0.8, mew=0)
            typical, fewest = mean(least.copy(data=middle), 0), mean(least, 0)
            texts.append(f"{layer} {VIEW_NAMES[view]} {condition} {typical} ({fewest})")
        columns(axes, (TRAINED, UNTRAINED))
        axes.set_ylim(0)
        plain(axes, f"{layer}, by {VIEW_NAMES[view]}", grid="y")
    notes = "one line per network: the middle 90 % of its neurons; bar: the median one, triangle: the most focused"
    text = f"Effective pixels of the median neuron (of the most focused): {'; '.join(texts)}"
    return caption(figure, seeds(results), "Focus of neurons, trained and untrained", notes, text, "5.2")


def focused(results: Results) -> Figure:
    """The first layer's most focused neurons of one network."""
    seed, found, first = example(results), results["focus"], results["focus"].layers.item(0)
    found = found.sel(layers=first, views=WEIGHTS, conditions=TRAINED).isel(seeds=seed)
    weights = results["example"].weights.sel(conditions=TRAINED)
    order = np.argsort(found.participation.to_numpy(), kind="stable")[: min(SHOWN, weights.sizes["units"])]
    figure, grid = panels(-(-len(order) // _COLUMNS), _COLUMNS, (1.25, 1.5))
    bound = bound_of(weights[order], 0.995)
    for axes in grid.flat[len(order) :]:
        axes.set_axis_off()
    pixels, foci = (values.to_numpy()[order] for values in (found.participation, found.foci))
    for axes, unit, count, parts in zip(grid.flat, order, pixels, foci, strict=False):
        picture(axes, weights[unit], bound)
        axes.set_title(f"{unit}: {format_number(count, 0)} px\n{_count(parts)}", fontsize=8, pad=2)
    colour_bar(figure, grid, "weight")
    title = f"Weights of the {len(order)} most focused neurons of {first}, seed {seed}"
    notes = f"{FIRST}; px: effective number of pixels with ink; foci: parts with a quarter of the core or more"
    ends = " to ".join(format_number(count, 0) for count in (pixels[0], pixels[-1]))
    return caption(figure, seeds(results), title, notes, f"Effective pixels from {ends}", "5.2")


def _count(foci: float) -> str:
    if np.isnan(foci):
        return "no map"
    return "1 focus" if foci == 1 else f"{foci:.0f} foci"
