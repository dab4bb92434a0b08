"""How active are units, over training and by class, how many are dead, and how dark are the images?"""

from typing import Any

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures import common
from jaxinterp.report.figures.bottleneck_neurons import drawing
from jaxinterp.report.figures.bottleneck_neurons.drawing import class_axis, mean
from jaxinterp.report.figures.common import BAND, BLUE, ORANGE, plain, shows
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.study import Results

_SHADES = matplotlib.colormaps["viridis"]


def figures(results: Results) -> list[Figure]:
    """Both figures of the topic."""
    return [shows(activations(results), "4.1"), shows(pixels(results), "4.1")]


def activations(results: Results) -> Figure:
    """Histograms of each layer before and after the activation function, over training and by class; dead units."""
    found = results["activity"]
    layers = found.layers.to_numpy()
    figure, panels = common.panels(len(layers), 4, (3.4, 2.3))
    for row, layer in enumerate(layers):
        own, centres = found.sel(layers=layer), results["bins"].centre.sel(layers=layer)
        *by_epoch, by_class, live = panels[4 * row : 4 * row + 4]
        for axes, part in zip(by_epoch, own.parts.to_numpy(), strict=True):
            _histograms(axes, centres, own.histogram.sel(parts=part), "conditions")
            axes.set_title(f"{layer}, {part}-activations", fontsize=9)
        _histograms(by_class, centres, own.class_histogram.sel(conditions=TRAINED), "classes")
        by_class.set_title(f"{layer}, pre-activations, {TRAINED}", fontsize=9)
        _live(live, own)
        live.set_title(f"{layer}, firing and dead units", fontsize=9)
    for axes, name, where in ((panels[0], "epoch", "left"), (panels[2], "class", "center"), (panels[3], None, "right")):
        loc: Any = f"outside lower {where}"
        figure.legend(*axes.get_legend_handles_labels(), title=name, ncols=6, fontsize=8, title_fontsize=8, loc=loc)
    dead = found.dead.sel(conditions=TRAINED)
    means = f"Dead after training: {', '.join(f'{layer} {mean(dead.sel(layers=layer))}' for layer in layers)}"
    title = "Activations over training and by class, and units that never fire on the test images (dead)"
    return drawing.finish(figure, results, title, f"{BAND}; outer bins hold all beyond", means)


def _histograms(axes: Axes, centres, histograms: xr.DataArray, dim: str) -> None:
    """One curve for each label of a dimension, from dark to light."""
    labels = histograms[dim].to_numpy()
    for position, label in enumerate(labels):
        curve = common.quantiles(histograms.sel({dim: label}))[1]
        shade, name = _SHADES(position / len(labels)), str(label).removeprefix("epoch ")
        axes.plot(centres, curve, color=shade, linewidth=1.2, label=name)
    axes.set_yscale("log")
    axes.set_ylim(1e-4, 1)
    common.labels(axes, "activation", "share of (unit, image)")
    plain(axes, grid="y")


def _live(axes: Axes, own: xr.Dataset) -> None:
    """Firing rate and share of dead units over training."""
    steps = range(own.sizes["conditions"])
    common.band(axes, steps, own.firing_rate.mean("units"), BLUE, "images that a unit fires on")
    common.band(axes, steps, own.dead.mean("units"), ORANGE, "dead units")
    between = [str(name).removeprefix("epoch ") for name in own.conditions.to_numpy()[1:-1]]
    axes.set_xticks(steps, ["before", *between, "after"])
    axes.set_ylim(-0.03, 1.03)
    common.labels(axes, "epoch", "share")
    plain(axes, grid="y")


def pixels(results: Results) -> Figure:
    """Mean, spread and share of dark pixels of the training images, class by class."""
    found = results["pixels"]
    names, classes = found.statistics.to_numpy(), found.classes
    figure, panels = common.panels(1, len(names), (1.4 + 0.2 * len(classes), 2.4))
    for axes, name in zip(panels, names, strict=True):
        axes.bar(range(len(classes)), found.by_class.sel(statistics=name).fillna(0), color=BLUE)
        axes.axhline(float(found.everything.sel(statistics=name)), color=ORANGE, linewidth=1.2)
        axes.set_ylabel(f"{name} of pixels", fontsize=9)
        class_axis(axes, classes)
    values = [f"{name} {mean(found.everything.sel(statistics=name), 4)}" for name in names]
    title = "Pixels of the training images, class by class; line: all classes"
    figure.suptitle(title, fontsize=11)
    figure.set_label(f"{title}. All classes: {', '.join(values)}.")
    return figure
