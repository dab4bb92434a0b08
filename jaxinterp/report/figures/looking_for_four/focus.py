"""On how many pixels do neurons focus, and what do the most focused ones look like? Row 5.2."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, ORANGE, panels, plain, quantiles
from jaxinterp.report.figures.looking_for_four.common import (
    EXAMPLE,
    VIEW_NAMES,
    bound_of,
    example,
    finish,
    picture,
    scale,
)
from jaxinterp.stats import known_mean
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.maps import VIEWS, WEIGHTS
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

SHOWN, _COLUMNS = 16, 8


def figures(results: Results) -> list[Figure]:
    """Both figures of the topic."""
    return [spread(results), focused(results)]


def spread(results: Results) -> Figure:
    """On how many pixels do neurons focus, trained and untrained?"""
    pixels = results["focus"].participation
    names = [(str(layer), view) for layer in pixels.layers.to_numpy() for view in VIEWS]
    figure, axes = panels(1, len(names), (2.7, 3.2), sharey=True)
    means = []
    for one, (layer, view) in zip(axes, names, strict=True):
        for step, (condition, colour) in enumerate(((TRAINED, BLUE), (UNTRAINED, ORANGE))):
            own = pixels.sel(layers=layer, views=view, conditions=condition)
            low, middle, high = quantiles(own.transpose("units", "seeds").to_numpy())
            least = own.min("units")
            across = step + np.linspace(-0.32, 0.32, len(low))
            one.vlines(across, low, high, color=colour, alpha=0.35, linewidth=1.2)
            one.plot(across, middle, "_", color=colour, ms=5, mew=1.4)
            one.plot(across, least, "v", color=colour, ms=3.5, alpha=0.8, mew=0)
            typical, fewest = (format_number(known_mean(values, None), 0) for values in (middle, least))
            means.append(f"{layer} {VIEW_NAMES[view]} {condition} {typical} ({fewest})")
        one.set_title(f"{layer}, by {VIEW_NAMES[view]}", fontsize=10)
        one.set_xticks((0, 1), (TRAINED, UNTRAINED), fontsize=9)
        one.set_ylim(0)
        plain(one, grid="y")
    axes[0].set_ylabel("effective number of pixels", fontsize=9)
    notes = "one line per network: the middle 90 % of its neurons; bar: the median one, triangle: the most focused"
    text = f"Effective pixels of the median neuron (of the most focused): {'; '.join(means)}"
    return finish(figure, results, "Focus of neurons, trained and untrained", notes, text, "5.2")


def focused(results: Results) -> Figure:
    """The first layer's most focused neurons of one network."""
    seed, found, first = example(results), results["focus"], results["focus"].layers.item(0)
    found = found.sel(layers=first, views=WEIGHTS, conditions=TRAINED).isel(seeds=seed)
    weights = results["example"].weights.sel(conditions=TRAINED)
    order = np.argsort(found.participation.to_numpy(), kind="stable")[: min(SHOWN, weights.sizes["units"])]
    figure, axes = panels(-(-len(order) // _COLUMNS), _COLUMNS, (1.25, 1.5))
    bound = bound_of(weights[order])
    for one in axes[len(order) :]:
        one.set_axis_off()
    pixels, foci = (values.to_numpy()[order] for values in (found.participation, found.foci))
    for one, unit, count, parts in zip(axes, order, pixels, foci, strict=False):
        picture(one, weights[unit], bound)
        one.set_title(f"{unit}: {format_number(count, 0)} px\n{_count(parts)}", fontsize=8, pad=2)
    scale(figure, axes, "weight")
    title = f"Weights of the {len(order)} most focused neurons of {first}, seed {seed}"
    notes = f"{EXAMPLE}; px: effective number of pixels with ink; foci: parts with a quarter of the core or more"
    ends = " to ".join(format_number(count, 0) for count in (pixels[0], pixels[-1]))
    return finish(figure, results, title, notes, f"Effective pixels from {ends}", "5.2")


def _count(foci: float) -> str:
    if np.isnan(foci):
        return "no map"
    return "1 focus" if foci == 1 else f"{foci:.0f} foci"
