"""Which classes are easy, which are mistaken for which, and on which images does a network fail most confidently?"""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, example, means, seeds
from jaxinterp.report.figures.common import BLUE, DOTS, ORANGE
from jaxinterp.report.figures.drawing import heat, picture, shape_of, strips
from jaxinterp.report.figures.layout import class_columns, colour_bar, legend, names, panels, plain, shortened
from jaxinterp.studies.bottleneck_neurons.class_accuracy import PUBLISHED, correct_share
from jaxinterp.studies.study import Results
from jaxinterp.text import format_percent, mean

_COLUMNS = 10
_ONE_LINE = 8  # letters of two classes' names that fit above an image


def accuracy(results: Results) -> Figure:
    """Every class's accuracy, ours and published, and the mean confusion matrix."""
    figure, grid = panels(1, 2, (4.6, 3.4))
    [(left, right)] = grid
    confusion = results["confusion"].share
    correct, classes = correct_share(confusion), confusion.classes.to_numpy()
    strips(left, correct, BLUE, "ours")
    title = "Accuracy class by class, and which class is mistaken for which"
    if np.array_equal(classes, PUBLISHED.classes):
        title = "Accuracy class by class, ours and published, and which class is mistaken for which"
        left.plot(range(10), PUBLISHED, "D", color=ORANGE, ms=5, label="published, one network")
    legend(left)
    class_columns(left, classes)
    plain(left, x="class", y="accuracy on the class, all test images", grid="y")
    errors = confusion.mean("seeds").where(confusion.predictions != confusion.classes)
    heat(right, errors, "classes", high=float(errors.fillna(1e-3).max()))
    names(right, "errors, mean over seeds", "prediction", "class of the image")
    colour_bar(figure, grid[:, 1], "share of the class's images", shrink=1)
    return caption(figure, seeds(results), title, DOTS, f"Means: {means(by(correct, 'classes'))}", "4.3")


def failures(results: Results) -> Figure:
    """The most confident failures of one network, and how many others fail on them too."""
    found, classes = results["failures"], results["confusion"].classes.to_numpy()
    figure, grid = panels(-(-found.sizes["failures"] // _COLUMNS), _COLUMNS, (1.0, 1.3))
    known = found.isel(failures=found.label.notnull().to_numpy())
    for position, axes in enumerate(grid.flat):
        axes.set_axis_off()
        if position < known.sizes["failures"]:
            failure = known.isel(failures=position)
            picture(axes, failure.image, shape=shape_of(found))
            mistaken = [shortened(classes[int(value)]) for value in (failure.label, failure.prediction)]
            pair = (" as " if len("".join(mistaken)) < _ONE_LINE else " as\n").join(mistaken)
            others = f"\nfailed by {format_percent(float(failure.failed_by))}" if failure.failed_by.notnull() else ""
            axes.set_title(f"{pair}{others}", fontsize=8, pad=2)
    title = f"Most confident failures of seed {example(results)}: class as prediction, others that fail too"
    text = f"Share of the other networks that fail on them too, mean: {mean(found.failed_by, 2)}"
    return caption(figure, seeds(results), title, "by margin, the widest first", text, "4.3")
