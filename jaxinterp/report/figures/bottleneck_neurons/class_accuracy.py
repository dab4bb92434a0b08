"""Which classes are easy, which are mistaken for which, and on which images does a network fail most confidently?"""

import math

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures import common
from jaxinterp.report.figures.bottleneck_neurons import drawing
from jaxinterp.report.figures.bottleneck_neurons.drawing import class_axis, heat, mean
from jaxinterp.report.figures.common import BLUE, DOTS, ORANGE, shows
from jaxinterp.studies.bottleneck_neurons.class_accuracy import PUBLISHED, correct_share
from jaxinterp.studies.bottleneck_neurons.neurons import example
from jaxinterp.studies.study import Results
from jaxinterp.text import format_percent

_COLUMNS = 10


def figures(results: Results) -> list[Figure]:
    """The figures of the topic; the gallery where images are square."""
    square = drawing.is_square(results["failures"].sizes["pixels"])
    drawn = [accuracy(results), failures(results)] if square else [accuracy(results)]
    return [shows(figure, "4.3") for figure in drawn]


def accuracy(results: Results) -> Figure:
    """Every class's accuracy, ours and published, and the mean confusion matrix."""
    figure, panels = common.panels(1, 2, (4.6, 3.4))
    confusion = results["confusion"].share
    correct, classes = correct_share(confusion), confusion.classes
    common.strips(panels[0], correct, BLUE, "ours")
    title = "Accuracy class by class, and which class is mistaken for which"
    if np.array_equal(classes, PUBLISHED.classes):
        title = "Accuracy class by class, ours and published, and which class is mistaken for which"
        panels[0].plot(range(10), PUBLISHED, "D", color=ORANGE, ms=5, label="published, one network")
    panels[0].set_ylabel("accuracy on the class, all test images", fontsize=9)
    panels[0].legend(fontsize=9, frameon=False, loc="best")
    class_axis(panels[0], classes)
    errors = confusion.mean("seeds").where(confusion.predictions != classes)
    heat(panels[1], errors, "classes", classes.to_numpy(), high=float(np.nanmax(errors.fillna(1e-3))))
    panels[1].set_title("errors, mean over seeds", fontsize=10)
    common.labels(panels[1], "prediction", "class of the image")
    figure.colorbar(panels[1].images[0], ax=panels[1], label="share of the class's images")
    shares = ", ".join(f"{name} {mean(correct.sel(classes=name))}" for name in classes.to_numpy())
    return drawing.finish(figure, results, title, DOTS, f"Means: {shares}")


def failures(results: Results) -> Figure:
    """The most confident failures of one network, and how many others fail on them too."""
    found, classes = results["failures"], results["confusion"].classes.to_numpy()
    rows, side = -(-found.sizes["failures"] // _COLUMNS), math.isqrt(found.sizes["pixels"])
    figure, panels = common.panels(rows, _COLUMNS, (1.0, 1.3))
    for axes in panels:
        axes.set_axis_off()
    known = found.isel(failures=found.label.notnull().to_numpy())
    for position, axes in zip(range(known.sizes["failures"]), panels, strict=False):
        failure = known.isel(failures=position)
        axes.imshow(failure.image.to_numpy().reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
        label, prediction = (classes[int(value)] for value in (failure.label, failure.prediction))
        others = f"\nfailed by {format_percent(float(failure.failed_by))}" if failure.failed_by.notnull() else ""
        axes.set_title(f"{label} as {prediction}{others}", fontsize=8, pad=2)
    title = f"Most confident failures of seed {example(results)}: class as prediction, others that fail too"
    means = f"Share of the other networks that fail on them too, mean: {mean(found.failed_by, 2)}"
    return drawing.finish(figure, results, title, "by margin, the widest first", means)
