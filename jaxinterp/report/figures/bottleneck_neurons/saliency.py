"""Which pixels does each neuron of one network depend on?"""

import math

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures import common
from jaxinterp.report.figures.bottleneck_neurons import drawing
from jaxinterp.report.figures.bottleneck_neurons.drawing import SHOWN, mean
from jaxinterp.report.figures.common import shows
from jaxinterp.studies.bottleneck_neurons.neurons import example
from jaxinterp.studies.bottleneck_neurons.saliency import INKED
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.study import Results
from jaxinterp.text import format_percent


def figures(results: Results) -> list[Figure]:
    """The maps, where images are square."""
    return [shows(saliency(results), "4.8")] if drawing.is_square(results["maps"].sizes["pixels"]) else []


def saliency(results: Results) -> Figure:
    """Every neuron of one network: its saliency over real images above its one-pixel probes."""
    maps = results["maps"]
    units, side = min(SHOWN, maps.sizes["units"]), math.isqrt(maps.sizes["pixels"])
    columns = min(8, units)
    figure, panels = common.panels(2 * -(-units // columns), columns, (1.1, 1.15))
    for axes in panels:
        axes.set_axis_off()
    for unit in range(units):
        row, column = divmod(unit, columns)
        for part, name in enumerate(("saliency", "probe")):
            axes, values = panels[(2 * row + part) * columns + column], maps[name].isel(units=unit).to_numpy()
            bound = float(np.max(np.abs(np.nan_to_num(values)))) or 1.0
            axes.imshow(values.reshape(side, side), cmap="RdBu_r", vmin=-bound, vmax=bound)
            axes.set_title(f"{unit} {name}", fontsize=8, pad=2)
    last = results["saliency"].sel(conditions=TRAINED).isel(layers=-1)
    own, other = last.correlation, last.correlation_other
    title = f"Pixels that neurons of {last.layers.item()} depend on, seed {example(results)}: saliency above probes"
    correlations = f"correlation {mean(own, 2)}, with other neurons {mean(other, 2)}"
    notes = f"red raises, blue lowers, each map to its own scale; {correlations}"
    means = (
        f"Correlation over pixels above 0 in {format_percent(INKED)} of images: {mean(own)}; "
        f"with other neurons' saliency {mean(other)}"
    )
    return drawing.finish(figure, results, title, notes, means)
