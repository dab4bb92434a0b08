"""How soon do neurons look as they do in the end? Row 5.3."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import FIRST, by, caption, example, means, seeds
from jaxinterp.report.figures.common import BAND, BLUE, GREEN, ORANGE
from jaxinterp.report.figures.drawing import band, bound_of, gallery
from jaxinterp.report.figures.layout import colour_bar, columns, legend_of, panels, plain
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.study import Results

SHOWN = 6


def settling(results: Results) -> Figure:
    """How soon are the kept weights reached?"""
    found, texts = results["growth"], []
    figure, [row] = panels(1, found.sizes["layers"], (4.4, 3.2), y="mean over neurons, pixels with ink", sharey=True)
    stages = found.conditions.to_numpy()
    for number, (axes, layer) in enumerate(zip(row, found.layers.to_numpy(), strict=True)):
        own = found.sel(layers=layer)
        band(axes, own.settled, BLUE, "correlation with its kept weights")
        band(axes, own.moved, GREEN, "share of the way that is gone", "--")
        band(axes, own.settled_other, ORANGE, "with another neuron's kept weights", ":")
        columns(axes, [stage.replace(" ", "\n") for stage in stages], 8)
        plain(axes, f"{layer}: {'weights pushed back' if number else 'weights'}", grid="y")
        texts.append(f"{layer} {means(by(own.settled, 'conditions'), 2)}")
    legend_of(figure, row[0])
    title = "How early weights are as they are kept, with another neuron's as control"
    notes = f"{BAND}; trained: of the epoch with the lowest validation loss"
    return caption(
        figure, seeds(results), title, notes, f"Correlation with the kept weights: {'; '.join(texts)}", "5.3"
    )


def growing(results: Results) -> Figure:
    """Some neurons' weights over training."""
    weights, seed = results["example"].weights, example(results)
    units = np.linspace(0, weights.sizes["units"] - 1, min(SHOWN, weights.sizes["units"])).astype(int)
    weights = weights.isel(units=units)
    change = weights.sel(conditions=TRAINED) - weights.sel(conditions=UNTRAINED)
    maps = xr.concat([weights, change.assign_coords(conditions="change")], "conditions")
    figure, grid = panels(len(units), maps.sizes["conditions"], (1.15, 1.2))
    names = [f"neuron {unit}" for unit in units]
    gallery(grid, maps.transpose("units", ...), names, maps.conditions.to_numpy(), lambda _: bound_of(weights, 0.995))
    colour_bar(figure, grid, "weight")
    title = f"Weights of neurons of hidden0 over training, seed {seed}"
    notes = f"{FIRST}; neurons evenly by number; change: trained less untrained"
    sizes = [f"{float(np.sqrt((values**2).mean())):.3f}" for values in (change, weights)]
    text = f"Root mean square of the change {sizes[0]}, of the weights {sizes[1]}"
    return caption(figure, seeds(results), title, notes, text, "5.3")
