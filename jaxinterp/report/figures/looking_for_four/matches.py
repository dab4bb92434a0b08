"""How alike are neurons and the template of a 4, and what do the most selective neurons look like? Row 5.6."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BAND, BLUE, GREEN, GREY, ORANGE, band, panels, plain
from jaxinterp.report.figures.looking_for_four.common import VIEW_NAMES, bound_of, example, finish, picture
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.maps import DIFFERENCE, FOUR, UPRIGHT
from jaxinterp.studies.looking_for_four.matches import MAXIMISER, VIEWS
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

BINS = np.linspace(-1, 1, 41)


def figures(results: Results) -> list[Figure]:
    """How alike neurons and the template are, and a gallery of each layer."""
    layers = results["matches"].layers.to_numpy()
    return [correlations(results), *(gallery(results, str(layer)) for layer in layers)]


def correlations(results: Results) -> Figure:
    """How alike are neurons and the target's template, and how alike is the best of each network, beside nulls?"""
    found, means = results["matches"], []
    names = [(str(layer), view) for layer in found.layers.to_numpy() for view in VIEWS]
    figure, axes = panels(found.sizes["layers"], len(VIEWS), (3.5, 2.5), sharex=True, sharey="row")
    for one, (layer, view) in zip(axes, names, strict=True):
        own = found.sel(layers=layer, views=view)
        for condition, colour in ((TRAINED, BLUE), (UNTRAINED, ORANGE)):
            shares = _shares(own.neurons.sel(conditions=condition))
            band(one, (BINS[1:] + BINS[:-1]) / 2, shares, colour, condition)
        trained, before = (own.best.sel(kinds=DIFFERENCE, classes=FOUR, conditions=c) for c in (TRAINED, UNTRAINED))
        marks = (
            (trained.sel(turns=UPRIGHT), BLUE, f"best for {FOUR}"),
            (before.sel(turns=UPRIGHT), ORANGE, "best, untrained"),
            (trained.drop_sel(turns=UPRIGHT).mean("turns"), GREEN, f"best for turned {FOUR}s, mean"),
        )
        height = one.get_ylim()[1]
        for step, (values, colour, label) in enumerate(marks):
            at = np.full(len(values), height * (0.75 - 0.12 * step))
            one.plot(values, at, "o", color=colour, ms=3, alpha=0.5, mew=0, label=label)
        one.set_xlim(-0.7, 0.9)
        one.set_title(f"{layer}, by {VIEW_NAMES[view]}", fontsize=10)
        plain(one, grid="y")
        values = ", ".join(format_number(float(values.mean())) for values, *_ in marks)
        means.append(f"{layer} {VIEW_NAMES[view]} {values}")
    for one in axes[-len(VIEWS) :]:
        one.set_xlabel(f"correlation with the template of {FOUR}", fontsize=9)
    for one in axes[:: len(VIEWS)]:
        one.set_ylabel("share of neurons", fontsize=9)
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, fontsize=9, ncols=5, loc="outside lower center", markerscale=1.6)
    title = f"Neurons by their correlation with a {FOUR}, and the best of each network with its nulls"
    text = f"Best for {FOUR}, best of untrained networks, best for turned {FOUR}s: {'; '.join(means)}"
    return finish(figure, results, title, f"{BAND}; dot: one network's best neuron, at no height", text, "5.6")


def _shares(neurons: xr.DataArray) -> np.ndarray:
    """By network, the share of its neurons in each bin; NaN where none is known."""
    values = neurons.transpose("seeds", ...).to_numpy()
    known = np.isfinite(values).sum(axis=1, keepdims=True)
    counts = np.stack([np.histogram(row[np.isfinite(row)], BINS)[0] for row in values])
    return np.where(known > 0, counts / np.maximum(known, 1), np.nan)


def gallery(results: Results, layer: str) -> Figure:
    """Each class's most selective neuron of one network: what it sees, and which images activate it most."""
    found, seed = results["cards"].sel(layers=layer), example(results)
    alike = results["matches"].selective.sel(layers=layer, turns=UPRIGHT, conditions=TRAINED).isel(seeds=seed)
    views, exemplars, classes = len(VIEWS), found.sizes["exemplars"], found.classes.to_numpy()
    columns = views + exemplars + 1
    figure, axes = panels(len(classes), columns, (1.08, 1.0), width_ratios=[1.0] * (columns - 1) + [1.7])
    bounds = {view: bound_of(found.maps.sel(views=view)) for view in VIEWS}
    for row, label in enumerate(classes):
        own, card = axes[row * columns : (row + 1) * columns], found.sel(classes=label)
        for one, view in zip(own, VIEWS, strict=False):
            picture(one, card.maps.sel(views=view), bounds[view], signed=view != MAXIMISER)
            one.set_xlabel(f"r {format_number(float(alike.sel(views=view, classes=label)))}", fontsize=8, labelpad=1)
        for one, image in zip(own[views:], card.images, strict=False):
            picture(one, image, 1.0, signed=False)
        _profile(own[-1], card.profile, str(label), last=label == classes[-1])
        own[0].set_ylabel(f"class {label}\nneuron {format_number(float(card.unit), 0)}", fontsize=8)
    for one, name in zip(axes, ("weights", "what it uses", "maximiser"), strict=False):
        one.set_title(name, fontsize=9)
    axes[views + exemplars // 2].set_title("images that activate it most", fontsize=9)
    axes[columns - 1].set_title("mean by class", fontsize=9)
    title = f"{layer}: each class's most differentiated neuron, seed {seed}"
    notes = (
        "the first that did not diverge; r: correlation with the class's template; means in sd; one scale per column"
    )
    values = ", ".join(format_number(float(alike.sel(views=view, classes=FOUR))) for view in VIEWS)
    text = f"Correlation of the neuron for {FOUR} with its template, by {', '.join(VIEWS)}: {values}"
    return finish(figure, results, title, notes, text, "5.6")


def _profile(axes: Axes, values: xr.DataArray, own: str, *, last: bool) -> None:
    classes = values.image_classes.to_numpy()
    axes.bar(range(len(classes)), values.fillna(0), color=[BLUE if label == own else GREY for label in classes])
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.set_xticks(range(len(classes)), classes if last else [""] * len(classes), fontsize=8)
    axes.set_yticks([0, 2])
    axes.tick_params(labelsize=8, length=2)
    axes.spines[["top", "right", "left"]].set_visible(False)
