"""Which image excites each unit of a CNN most?"""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import FIRST, caption, means, seeds
from jaxinterp.report.figures.drawing import picture, shape_of
from jaxinterp.report.figures.layout import panels, row_name
from jaxinterp.studies.bottleneck_neurons.neurons import CNN
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_ACROSS = 16


def maximisers(results: Results) -> Figure:
    """The maximisers of every layer, of the trained network above those of the untrained one."""
    found = results["maximisers"].sel(recipes=CNN)
    layers, conditions = found.layers.to_numpy(), found.conditions.to_numpy()[::-1]
    figure, grid = panels(len(layers) * len(conditions), _ACROSS, (0.7, 0.82))
    for axes in grid.flat:
        axes.set_axis_off()
    beyond = {}
    for place, layer in enumerate(layers):
        for number, condition in enumerate(conditions):
            own = found.sel(layers=layer, conditions=condition)
            line, units = grid[len(conditions) * place + number], np.flatnonzero(own.value.notnull())
            for axes, unit in zip(line, units, strict=False):
                value, exemplar = (float(values[unit]) for values in (own.value, own.exemplar))
                picture(axes, own.image[unit], shape=shape_of(found))
                axes.set_title(f"{format_number(value, 1)} / {format_number(exemplar, 1)}", fontsize=6, pad=2)
            row_name(line[0], f"{layer}\n{condition}")
            if condition == TRAINED:
                beyond[str(layer)] = own.value - own.exemplar
    title = "Which image excites each unit of a CNN most?"
    notes = (
        f"{FIRST}, trained and untrained, at most {_ACROSS} units of a layer; pre-activation, of a channel the mean "
        "over its map; with the maximiser / with the test image that excites the unit most"
    )
    text = f"Beyond the highest value with a test image, mean over units: {means(beyond, 2)}"
    return caption(figure, seeds(results, CNN), title, notes, text, "4.11")
