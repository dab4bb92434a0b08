"""Which pixels does each neuron of one network depend on?"""

from itertools import product

from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption, example, seeds
from jaxinterp.report.figures.drawing import SHOWN, bound_of, picture, shape_of, signs_of
from jaxinterp.report.figures.layout import panels
from jaxinterp.studies.bottleneck_neurons.saliency import INKED
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.study import Results
from jaxinterp.text import format_percent, mean


def saliency(results: Results) -> Figure:
    """Every neuron of one network: its saliency over real images above its one-pixel probes."""
    maps = results["maps"]
    units = min(SHOWN, maps.sizes["units"])
    across = min(8, units)
    figure, grid = panels(2 * -(-units // across), across, (1.1, 1.15))
    for axes in grid.flat:
        axes.set_axis_off()
    for unit, (part, name) in product(range(units), enumerate(("saliency", "probe"))):
        axes, values = grid[2 * (unit // across) + part, unit % across], maps[name].isel(units=unit)
        picture(axes, values, bound_of(values), shape_of(maps))
        axes.set_title(f"{unit} {name}", fontsize=8, pad=2)
    last = results["saliency"].sel(conditions=TRAINED).isel(layers=-1)
    own, other = last.correlation, last.correlation_other
    title = f"Pixels that neurons of {last.layers.item()} depend on, seed {example(results)}: saliency above probes"
    correlations = f"correlation {mean(own, 2)}, with other neurons {mean(other, 2)}"
    notes = f"{signs_of(shape_of(maps))}, each map to its own scale; {correlations}"
    text = (
        f"Correlation over pixels above 0 in {format_percent(INKED)} of images: {mean(own)}; "
        f"with other neurons' saliency {mean(other)}"
    )
    return caption(figure, seeds(results), title, notes, text, "4.8")
