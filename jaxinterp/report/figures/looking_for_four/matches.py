"""How alike are neurons and the template of a 4, and what do the most selective neurons look like? Row 5.6."""

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import FIRST, caption, example, seeds
from jaxinterp.report.figures.common import BAND, BLUE, GREEN, GREY, ORANGE
from jaxinterp.report.figures.drawing import band, bound_of, picture
from jaxinterp.report.figures.layout import columns, legend_of, names, panels, plain
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.maps import DIFFERENCE, FOUR, UPRIGHT, USED, WEIGHTS
from jaxinterp.studies.looking_for_four.matches import MAXIMISER, VIEWS
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number, mean

BINS = np.linspace(-1, 1, 41)
VIEW_NAMES = {WEIGHTS: "weights", USED: "what is used", MAXIMISER: "maximiser"}


def correlations(results: Results) -> Figure:
    """How alike are neurons and the target's template, and how alike is the best of each network, with nulls?"""
    found, texts = results["matches"], []
    layers, x = found.layers.to_numpy(), f"correlation with the template of {FOUR}"
    figure, grid = panels(len(layers), len(VIEWS), (3.5, 2.5), x, "share of neurons", sharex=True, sharey="row")
    for axes, (layer, view) in zip(grid.flat, product(layers, VIEWS), strict=True):
        own = found.sel(layers=layer, views=view)
        for condition, colour in ((TRAINED, BLUE), (UNTRAINED, ORANGE)):
            shares = _shares(own.neurons.sel(conditions=condition))
            band(axes, shares, colour, condition, x=(BINS[1:] + BINS[:-1]) / 2)
        trained, before = (own.best.sel(kinds=DIFFERENCE, classes=FOUR, conditions=c) for c in (TRAINED, UNTRAINED))
        marks = (
            (trained.sel(turns=UPRIGHT), BLUE, f"best for {FOUR}"),
            (before.sel(turns=UPRIGHT), ORANGE, "best, untrained"),
            (trained.drop_sel(turns=UPRIGHT).mean("turns"), GREEN, f"best for turned {FOUR}s, mean"),
        )
        height = axes.get_ylim()[1]
        for step, (values, colour, label) in enumerate(marks):
            at = np.full(len(values), height * (0.75 - 0.12 * step))
            axes.plot(values, at, "o", color=colour, ms=3, alpha=0.5, mew=0, label=label)
        axes.set_xlim(-0.7, 0.9)
        plain(axes, f"{layer}, by {VIEW_NAMES[view]}", grid="y")
        texts.append(f"{layer} {VIEW_NAMES[view]} {', '.join(mean(values, 2) for values, *_ in marks)}")
    legend_of(figure, grid[0, 0], ncols=5, markerscale=1.6)
    title = f"Neurons by their correlation with a {FOUR}, and the best of each network with its nulls"
    text = f"Best for {FOUR}, best of untrained networks, best for turned {FOUR}s: {'; '.join(texts)}"
    return caption(figure, seeds(results), title, f"{BAND}; dot: one network's best neuron, at no height", text, "5.6")


def _shares(neurons: xr.DataArray) -> xr.DataArray:
    """By network, the share of its neurons in each bin; NaN where none is known."""
    values = neurons.transpose("seeds", ...).to_numpy()
    known = np.isfinite(values).sum(axis=1, keepdims=True)
    counts = np.stack([np.histogram(row[np.isfinite(row)], BINS)[0] for row in values])
    return xr.DataArray(np.where(known > 0, counts / np.maximum(known, 1), np.nan), dims=("seeds", "bins"))


def gallery(results: Results, layer: str) -> Figure:
    """Each class's most selective neuron of one network: what it sees, and which images activate it most."""
    found, seed = results["cards"].sel(layers=layer), example(results)
    alike = results["matches"].selective.sel(layers=layer, turns=UPRIGHT, conditions=TRAINED).isel(seeds=seed)
    views, classes = len(VIEWS), found.classes.to_numpy()
    middle = views + found.sizes["exemplars"]
    figure, grid = panels(len(classes), middle + 1, (1.08, 1.0), width_ratios=[1.0] * middle + [1.7])
    bounds = {view: None if view == MAXIMISER else bound_of(found.maps.sel(views=view), 0.995) for view in VIEWS}
    for row, label in zip(grid, classes, strict=True):
        card = found.sel(classes=label)
        for axes, view in zip(row, VIEWS, strict=False):
            picture(axes, card.maps.sel(views=view), bounds[view])
            axes.set_xlabel(f"r {mean(alike.sel(views=view, classes=label), 2)}", fontsize=8, labelpad=1)
        for axes, image in zip(row[views:], card.images, strict=False):
            picture(axes, image)
        colours = [BLUE if other == label else GREY for other in card.image_classes.to_numpy()]
        row[-1].bar(range(len(colours)), card.profile.fillna(0), color=colours)
        row[-1].axhline(0, color=GREY, linewidth=0.6)
        columns(row[-1], card.image_classes.to_numpy() if label == classes[-1] else [""] * len(colours), 8)
        row[-1].set_yticks([0, 2])
        row[-1].tick_params(labelsize=8, length=2)
        row[-1].spines[["top", "right", "left"]].set_visible(False)
        row[0].set_ylabel(f"class {label}\nneuron {format_number(float(card.unit), 0)}", fontsize=8)
    for axes, name in zip(grid[0], ("weights", "what it uses", "maximiser"), strict=False):
        names(axes, name)
    names(grid[0, (views + middle) // 2], "images that activate it most")
    names(grid[0, -1], "mean by class")
    title = f"{layer}: each class's most differentiated neuron, seed {seed}"
    notes = f"{FIRST}; r: correlation with the class's template; means in sd; one scale per column"
    values = ", ".join(mean(alike.sel(views=view, classes=FOUR), 2) for view in VIEWS)
    text = f"Correlation of the neuron for {FOUR} with its template, by {', '.join(VIEWS)}: {values}"
    return caption(figure, seeds(results), title, notes, text, "5.6")
