"""What is superposition in a toy model, and do dictionaries find it in the networks' last hidden layer?"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BAND, BLUE, COLOURS, DOTS, GREY, ORANGE
from jaxinterp.report.figures.drawing import band, strips
from jaxinterp.report.figures.layout import columns, legend, panels, plain
from jaxinterp.studies.bottleneck_neurons.superposition import (
    AS_IS,
    DICTIONARIES,
    KINDS,
    SHUFFLED,
    TOY,
)
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.study import Results

_DRAWN = 4  # sparsities whose directions are drawn


def toy(results: Results) -> Figure:
    """How many features toy models keep at each sparsity, in how many dimensions, and their directions."""
    found = results[TOY].rename(samples="seeds")
    features, hidden = found.sizes["features"], found.sizes["hidden"]
    figure, [(kept, dimensions, *drawn)] = panels(1, 2 + _DRAWN, (2.4, 2.6))
    sparsities = found.sparsities.to_numpy()
    where = range(len(sparsities))
    strips(kept, found.kept, BLUE, "")
    strips(dimensions, found.dimensionality.max("features"), BLUE, "")
    for axes, y in ((kept, "features kept"), (dimensions, "most dimensions of a feature")):
        columns(axes, [f"{value:g}" for value in sparsities], 8)
        axes.tick_params(axis="x", rotation=90)
        plain(axes, "", "sparsity", y, grid="y")
    kept.axhline(hidden, color=GREY, linewidth=1, linestyle=":")
    for axes, place in zip(drawn, np.linspace(0, len(where) - 1, _DRAWN).astype(int), strict=True):
        _directions(axes, found.weight.isel(sparsities=place), f"sparsity {sparsities[place]:g}")
    title = f"Toy models of superposition: {features} features of equal importance in {hidden} units, by their sparsity"
    notes = f"{DOTS.replace('network', 'model')}; dotted: units; directions of the model with the lowest loss"
    text = f"Kept: {means(by(found.kept, 'sparsities'), 1)}"
    return caption(figure, f"{found.sizes['seeds']} models each", title, notes, text, "4.12")


def _directions(axes: Axes, weight: xr.DataArray, title: str) -> None:
    """Each feature's direction in the first two units, as a line from the middle."""
    for x, y in weight.isel(hidden=slice(2)).transpose("features", "hidden").to_numpy():
        axes.plot([0, x], [0, y], "-o", color=BLUE, ms=4, markevery=[1])
    axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    plain(axes, title, grid="both")


def dictionaries(results: Results) -> Figure:
    """Variance that dictionaries explain, features that two of them share, and their selectivity, by recipe."""
    found = results[DICTIONARIES]
    recipes = found.recipes.to_numpy()
    figure, grid = panels(len(recipes), 3, (3.4, 2.6))
    texts = []
    for row, recipe in zip(grid, recipes, strict=True):
        own = found.sel(recipes=recipe)
        trained, untrained = (own.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
        explained, again, selective = row
        for (kind, values), colour in zip(by(trained.explained, "kinds").items(), COLOURS, strict=False):
            band(explained, values, colour, kind)
        explained.set_xticks(trained.ks.to_numpy())
        plain(explained, str(recipe), "directions per image", "share of variance explained", grid="y")
        legend(explained, "lower right")
        groups = {
            TRAINED: trained.found.sel(arrangements=AS_IS),
            UNTRAINED: untrained.found.sel(arrangements=AS_IS),
            SHUFFLED: trained.found.sel(arrangements=SHUFFLED),
        }
        together: Any = xr.concat(list(groups.values()), "groups", coords="minimal", compat="override")
        strips(again, together, BLUE, "")
        columns(again, list(groups), 8)
        again.axhline(1, color=GREY, linewidth=1, linestyle=":")
        plain(again, "", "", "features found twice per unit", grid="y")
        for condition, colour, shift in ((trained, BLUE, -0.12), (untrained, ORANGE, 0.12)):
            label = TRAINED if condition is trained else UNTRAINED
            strips(selective, condition.selectivity, colour, label, shift)
        columns(selective, [name.replace(" ", "\n") for name in KINDS], 8)
        plain(selective, "", "", "AUC for the best class", grid="y")
        low, high = selective.get_ylim()
        selective.set_ylim(low - 0.35 * (high - low), high)  # room for the legend
        legend(selective, "lower left")
        texts.append(f"{recipe}: features found twice for each unit, {means(groups, 2)}")
    title = "Sparse dictionaries of the last hidden layer: what they explain, what two of them share, and for what"
    notes = f"{BAND}; {DOTS}; dotted: as many features as units"
    return caption(figure, seeds(results, *recipes), title, notes, "; ".join(texts), "4.12")
