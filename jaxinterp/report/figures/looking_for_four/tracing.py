"""Does one image of a class activate what each class's average does? Row 5.5."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREY, ORANGE, labels, panels, plain
from jaxinterp.report.figures.looking_for_four.common import EXAMPLE, bound_of, example, finish, picture
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.maps import FOUR
from jaxinterp.studies.looking_for_four.tracing import nearest_other
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number


def figures(results: Results) -> list[Figure]:
    """Both figures of the topic."""
    return [traced(results), averages(results)]


def traced(results: Results) -> Figure:
    """One real image of the target, its heat maps, and its neurons with the averages."""
    found, seed = results["traced"], example(results)
    methods = found.attributions.to_numpy()
    figure = Figure(figsize=(9.2, 5.6), layout="constrained")
    grid = figure.add_gridspec(3, len(methods) + 1, height_ratios=(2, 1.2, 1.2))
    above = [figure.add_subplot(grid[0, column]) for column in range(len(methods) + 1)]
    picture(above[0], found.image, 1.0, signed=False)
    above[0].set_title("the image", fontsize=9)
    side = round(found.sizes["pixels"] ** 0.5)
    for one, method in zip(above[1:], methods, strict=True):
        values = found.maps.sel(attributions=method)
        picture(one, values, bound_of(values, 1.0))
        one.contour(found.image.to_numpy().reshape(side, side), levels=[0.3], colors=GREY, linewidths=0.8)
        one.set_title(method, fontsize=9)
    first = figure.add_subplot(grid[1, :])
    second = figure.add_subplot(grid[2, :], sharex=first)
    order = np.argsort(-found.average.sel(classes=FOUR).to_numpy(), kind="stable")
    found, across = found.isel(units=order), np.arange(len(order))
    average, others = found.average.sel(classes=FOUR), found.average.drop_sel(classes=FOUR).mean("classes")
    first.bar(across, found.activation, color=BLUE, label=f"this {FOUR}")
    first.plot(across, average, "_", color=ORANGE, mew=2, ms=6, label=f"average {FOUR}")
    first.plot(across, others, ".", color=GREY, ms=4, label="average of other digits")
    first.set_ylabel("activation", fontsize=9)
    first.legend(fontsize=8, frameon=False, ncols=3, loc="upper right")
    second.bar(across, found.contribution, color=BLUE)
    labels(second, f"neuron of the last hidden layer, by the average {FOUR}", f"adds to logit {FOUR}")
    for one in (first, second):
        plain(one, grid="y")
    varies = found.activation.std() > 0 and average.std() > 0
    alike = np.corrcoef(found.activation, average)[0, 1] if varies else np.nan
    title = f"A real {FOUR} traced through seed {seed}: heat maps, and neurons with the averages"
    notes = f"{EXAMPLE}, the first {FOUR} that it classifies correctly; each map to its own scale"
    text = f"Correlation with the average {FOUR} over neurons {format_number(alike)}"
    return finish(figure, results, title, notes, text, "5.5")


def averages(results: Results) -> Figure:
    """Correlations of images with averages, trained and untrained, and shared paths."""
    figure, axes = panels(1, 3, (3.6, 3.4))
    found, activations = results["tracing"], "correlation over neurons, mean over images"
    trained, before = (found.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    drawn = (
        (trained.alike, TRAINED, -1, ""),
        (before.alike, UNTRAINED, -1, activations),
        (trained.path, f"paths to the logit of {FOUR}, {TRAINED}", 0, "shared neurons of a path"),
    )
    classes = found.classes.to_numpy()
    for one, (values, name, low, scale) in zip(axes, drawn, strict=True):
        shown = one.imshow(values.mean("seeds"), cmap="RdBu_r" if low else "cividis", vmin=low, vmax=1)
        one.set_xticks(range(len(classes)), classes, fontsize=9)
        one.set_yticks(range(len(classes)), classes, fontsize=9)
        one.set_title(name, fontsize=10)
        labels(one, "average of class", "image of class")
        if scale:
            figure.colorbar(shown, ax=one, shrink=0.8, label=scale)
    nearest = [format_number(float(own.nearest.mean()), 3) for own in (trained, before)]
    rows = [values.sel(classes=FOUR) for values in (trained.alike, trained.path)]
    own, shared = (
        [format_number(float(values.mean())) for values in (row.sel(averages=FOUR), nearest_other(row))] for row in rows
    )
    text = (
        f"A {FOUR} with the average {FOUR} {own[0]}, with the nearest other {own[1]}; nearest its own average "
        f"{nearest[0]}, untrained {nearest[1]}; paths shared {shared[0]}, with the nearest other {shared[1]}"
    )
    title = "The last hidden layer: one image of each class with each class's average of other images"
    return finish(figure, results, title, "means over seeds; left two: activations", text, "5.5")
