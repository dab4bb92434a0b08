"""How active are units, over training and by class, how many are dead, and how dark are the images?"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report import colours
from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import AMOUNT, BAND, BLUE, ORANGE
from jaxinterp.report.figures.drawing import band, quantiles
from jaxinterp.report.figures.layout import class_columns, columns, legend_of, panels, plain
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.study import Results


def activations(results: Results) -> Figure:
    """Histograms of each layer before and after the activation function, over training and by class; dead units."""
    found = results["activity"]
    layers = found.layers.to_numpy()
    figure, grid = panels(len(layers), 4, (3.4, 2.3))
    for (*by_epoch, by_class, live), layer in zip(grid, layers, strict=True):
        own, centres = found.sel(layers=layer), results["bins"].centre.sel(layers=layer)
        for axes, (part, values) in zip(by_epoch, by(own.histogram, "parts").items(), strict=True):
            histograms = by(values, "conditions")
            shades = AMOUNT(np.linspace(0.3, 1, len(histograms)))  # the later, the darker
            _histograms(axes, f"{layer}, {part}-activations", centres, histograms, shades)
        of_trained = own.class_histogram.sel(conditions=TRAINED)
        histograms = by(of_trained, "classes")
        shades = colours.classes(len(histograms))
        _histograms(by_class, f"{layer}, pre-activations, {TRAINED}", centres, histograms, shades)
        _live(live, f"{layer}, firing and dead units", own)
    for column, name, where in ((0, "epoch", "left"), (2, "class", "center"), (3, None, "right")):
        legend_of(figure, grid[0, column], f"lower {where}", title=name, ncols=6, fontsize=8, title_fontsize=8)
    text = f"Dead after training: {means(by(found.dead.sel(conditions=TRAINED), 'layers'))}"
    title = "Activations over training and by class, and units that never fire on the test images (dead)"
    return caption(figure, seeds(results), title, f"{BAND}; outer bins hold all beyond", text, "4.1")


def _histograms(axes: Axes, title: str, centres, histograms: dict[str, xr.DataArray], shades: np.ndarray) -> None:
    """One median curve for each histogram, in a colour each."""
    for (name, values), shade in zip(histograms.items(), shades, strict=True):
        axes.plot(centres, quantiles(values)[1], color=shade, linewidth=1.2, label=name.removeprefix("epoch "))
    axes.set_yscale("log")
    axes.set_ylim(1e-4, 1)
    plain(axes, title, "activation", "share of (unit, image)", grid="y")


def _live(axes: Axes, title: str, own: xr.Dataset) -> None:
    """Firing rate and share of dead units over training."""
    band(axes, own.firing_rate.mean("units"), BLUE, "images that a unit fires on")
    band(axes, own.dead.mean("units"), ORANGE, "dead units")
    between = [str(name).removeprefix("epoch ") for name in own.conditions.to_numpy()[1:-1]]
    columns(axes, ["before", *between, "after"])
    axes.set_ylim(-0.03, 1.03)
    plain(axes, title, "epoch", "share", grid="y")


def pixels(results: Results) -> Figure:
    """Mean, spread and share of dark pixels of the training images, class by class."""
    found = results["pixels"]
    names, classes = found.statistics.to_numpy(), found.classes.to_numpy()
    figure, [row] = panels(1, len(names), (1.4 + 0.2 * len(classes), 2.4))
    for axes, name in zip(row, names, strict=True):
        axes.bar(range(len(classes)), found.by_class.sel(statistics=name).fillna(0), color=BLUE)
        axes.axhline(float(found.everything.sel(statistics=name)), color=ORANGE, linewidth=1.2)
        class_columns(axes, classes)
        plain(axes, x="class", y=f"{name} of pixels", grid="y")
    text = f"All classes: {means(by(found.everything, 'statistics'), 4)}"
    return caption(
        figure, "all images", "Pixels of the training images, class by class", "line: all classes", text, "4.1"
    )
