"""Are the first layer's filters edges and lines, and is what later neurons use local? The figures of row 4.11."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import FIRST as FIRST_NETWORK
from jaxinterp.report.figures.captions import caption, means, seeds
from jaxinterp.report.figures.common import BLUE, DOTS
from jaxinterp.report.figures.drawing import INTERVAL, bound_of, intervals, picture, shape_of, signs_of, strips
from jaxinterp.report.figures.layout import columns, names, panels, plain, row_name
from jaxinterp.studies.bottleneck_neurons.filters import CUTS, FIRST, MEASURES, SIDE, local, oriented
from jaxinterp.studies.bottleneck_neurons.neurons import CNN, NAME, WIDE
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, stage
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_ACROSS = 16
_SHORT = {CNN: "CNN", WIDE: "larger CNN", NAME: "MLP, cut"}
_QUANTITIES = dict(zip(MEASURES, ("effective number of pixels", "share of the core in its largest part"), strict=True))


def _recipes(results: Results) -> list[str]:
    known = results["first-layer"].recipes.to_numpy()
    return [recipe for recipe in _SHORT if recipe in known]


def gallery(results: Results) -> Figure:
    """The first layer's filters in one network of each recipe, the most oriented first."""
    rows = list(_gallery_rows(results))
    figure, grid = panels(len(rows), _ACROSS, (0.62, 0.78))
    channels = (shape_of(results["filters"]) or (0, 0, 1))[2]
    drawable = results["filters"].sizes["window"] == SIDE * SIDE * channels
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (name, filters, values) in zip(grid, rows, strict=True):
        for axes, filter_, value in zip(line, filters, values, strict=False):
            picture(axes, filter_, bound_of(filter_), (SIDE, SIDE, channels) if drawable else None)
            axes.set_title(format_number(float(value)), fontsize=7, pad=2)
        row_name(line[0], name)
    groups = {
        f"{_SHORT[recipe]}, {condition}": results["filters"].oriented.sel(recipes=recipe, conditions=condition)
        for recipe in _recipes(results)
        for condition in (TRAINED, UNTRAINED)
    }
    title = "What the units of the first layer read of their window, and how oriented it is, the most oriented first"
    notes = (
        f"{FIRST_NETWORK}; {signs_of(shape_of(results['filters']))}, each to its own scale; cut: the window in "
        "which a neuron's weights are largest"
    )
    return caption(figure, seeds(results, *_recipes(results)), title, notes, f"Means. {means(groups, 2)}", "4.11")


def _gallery_rows(results: Results) -> Iterator[tuple[str, xr.DataArray, xr.DataArray]]:
    """A name, and filters with how oriented they are; at most as many as there is room for."""
    for recipe in _recipes(results):
        for condition in (TRAINED, UNTRAINED):
            own = results["filters"].sel(recipes=recipe, conditions=condition)
            known = own.oriented.notnull().to_numpy()
            filters, values = own.filter[known], own.oriented[known]
            order = np.argsort(-values.to_numpy())
            for first in range(0, max(len(order), 1), _ACROSS):
                part = order[first : first + _ACROSS]
                yield f"{_SHORT[recipe]}, {condition}" if not first else "", filters[part], values[part]


def energies(results: Results) -> Figure:
    """How oriented all filters of all networks are, beside their controls, and how the CNN's became so."""
    recipes = _recipes(results)
    figure, [row] = panels(1, 1 + (CNN in recipes), (4.6, 3.4))
    groups = {
        f"{_SHORT[recipe]}, {name}": values
        for recipe in recipes
        for name, values in oriented(results, recipe).items()
        if name != CUTS
    }
    text = intervals(row[0], groups, own=[f"{_SHORT[recipe]}, {TRAINED}" for recipe in recipes])
    names(row[0], "all units of all seeds", "share of variance that one orientation explains")
    if CNN in recipes:
        found = results["first-layer"].oriented.sel(recipes=CNN)
        stages = [name for name in found.conditions.to_numpy() if found.sel(conditions=name).notnull().any()]
        stages = sorted(stages, key=stage)
        strips(row[1], found.sel(conditions=stages).mean("units").transpose("seeds", "conditions"), BLUE, "")
        columns(row[1], [str(name).removeprefix("epoch ") for name in stages])
        plain(row[1], "CNN, mean over channels", "epoch", "share of variance that one orientation explains", grid="y")
    title = "Are the first layer's filters edges and lines? How oriented they are, beside their controls"
    notes = f"{INTERVAL} 90 % of units; {DOTS}"
    return caption(figure, seeds(results, *recipes), title, notes, f"Means: {text}", "4.11")


def places(results: Results) -> Figure:
    """How many pixels the neurons use, and whether in one place."""
    figure, [row] = panels(1, len(MEASURES), (4.4, 2.4))
    texts = []
    for axes, measure in zip(row, MEASURES, strict=True):
        values = local(results, measure)
        own = {name if name == FIRST[NAME] else f"CNN, {name}": own for name, own in values.items()}
        text = intervals(axes, own, own=[f"CNN, {TRAINED}"])
        names(axes, x=_QUANTITIES[measure])
        texts.append(f"{_QUANTITIES[measure]}: {text}")
    title = "Do the CNN's neurons use few pixels, in one place? Mean gradient × sd of the pixel"
    notes = f"{INTERVAL} 90 % of units; first layer of neurons"
    return caption(figure, seeds(results, CNN, NAME), title, notes, "; ".join(texts), "4.11")
