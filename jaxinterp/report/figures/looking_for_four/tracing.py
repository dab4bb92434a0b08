"""Does one image of a class activate what each class's average does? Row 5.5."""

import math

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import FIRST, caption, example, seeds
from jaxinterp.report.figures.common import BLUE, GREY, ORANGE
from jaxinterp.report.figures.drawing import bound_of, heat, picture
from jaxinterp.report.figures.layout import colour_bar, legend, names, panels, plain
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.maps import FOUR
from jaxinterp.studies.looking_for_four.tracing import nearest_other
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number, mean


def traced(results: Results) -> Figure:
    """One real image of the target, its heat maps, and its neurons with the averages."""
    found, seed = results["traced"], example(results)
    methods = found.attributions.to_numpy()
    figure = Figure(figsize=(9.2, 5.6), layout="constrained")
    grid = figure.add_gridspec(3, len(methods) + 1, height_ratios=(2, 1.2, 1.2))
    above = [figure.add_subplot(grid[0, column]) for column in range(len(methods) + 1)]
    picture(above[0], found.image)
    above[0].set_title("the image", fontsize=9)
    side = math.isqrt(found.sizes["pixels"])
    for axes, method in zip(above[1:], methods, strict=True):
        values = found.maps.sel(attributions=method)
        picture(axes, values, bound_of(values))
        axes.contour(found.image.to_numpy().reshape(side, side), levels=[0.3], colors=GREY, linewidths=0.8)
        axes.set_title(method, fontsize=9)
    first = figure.add_subplot(grid[1, :])
    second = figure.add_subplot(grid[2, :], sharex=first)
    found = found.isel(units=np.argsort(-found.average.sel(classes=FOUR).to_numpy(), kind="stable"))
    across = np.arange(found.sizes["units"])
    average, others = found.average.sel(classes=FOUR), found.average.drop_sel(classes=FOUR).mean("classes")
    first.bar(across, found.activation, color=BLUE, label=f"this {FOUR}")
    first.plot(across, average, "_", color=ORANGE, mew=2, ms=6, label=f"average {FOUR}")
    first.plot(across, others, ".", color=GREY, ms=4, label="average of other digits")
    legend(first, "upper right", ncols=3)
    plain(first, y="activation", grid="y")
    second.bar(across, found.contribution, color=BLUE)
    x = f"neuron of the last hidden layer, by the average {FOUR}"
    plain(second, x=x, y=f"adds to logit {FOUR}", grid="y")
    varies = found.activation.std() > 0 and average.std() > 0
    alike = np.corrcoef(found.activation, average)[0, 1] if varies else np.nan
    title = f"A real {FOUR} traced through seed {seed}: heat maps, and neurons with the averages"
    notes = f"{FIRST}, the first {FOUR} that it classifies correctly; each map to its own scale"
    text = f"Correlation with the average {FOUR} over neurons {format_number(alike)}"
    return caption(figure, seeds(results), title, notes, text, "5.5")


def averages(results: Results) -> Figure:
    """Correlations of images with averages, trained and untrained, and shared paths."""
    figure, grid = panels(1, 3, (3.6, 3.4))
    found = results["tracing"]
    trained, before = (found.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    paths = f"paths to the logit of {FOUR}, {TRAINED}"
    drawn = ((trained.alike, TRAINED, -1), (before.alike, UNTRAINED, -1), (trained.path, paths, 0))
    for axes, (values, name, low) in zip(grid.flat, drawn, strict=True):
        heat(axes, values.mean("seeds"), "classes", low=low, aspect="equal")
        names(axes, name, "average of class", "image of class")
    colour_bar(figure, grid[:, :2], "correlation over neurons, mean over images")
    colour_bar(figure, grid[:, 2:], "shared neurons of a path")
    nearest = [mean(own.nearest) for own in (trained, before)]
    rows = [values.sel(classes=FOUR) for values in (trained.alike, trained.path)]
    own, shared = ([mean(values, 2) for values in (row.sel(averages=FOUR), nearest_other(row))] for row in rows)
    text = (
        f"A {FOUR} with the average {FOUR} {own[0]}, with the nearest other {own[1]}; nearest its own average "
        f"{nearest[0]}, untrained {nearest[1]}; paths shared {shared[0]}, with the nearest other {shared[1]}"
    )
    title = "The last hidden layer: one image of each class with each class's average of other images"
    return caption(figure, seeds(results), title, "means over seeds; left two: activations", text, "5.5")
