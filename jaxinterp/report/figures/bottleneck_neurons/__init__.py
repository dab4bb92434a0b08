"""Do single neurons hold single digits? Figures of study `bottleneck-neurons`, topic by topic."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.bottleneck_neurons import (
    activity,
    class_accuracy,
    damage,
    rankings,
    saliency,
    scaling,
    selectivity,
)
from jaxinterp.report.figures.drawing import is_square
from jaxinterp.studies.study import Results

_FIGURES = (
    *(damage.losses, damage.damage, scaling.curves, scaling.margins, scaling.confusions, damage.predictors),
    *(rankings.responses, selectivity.selectivity, class_accuracy.accuracy, class_accuracy.failures),
    *(activity.activations, activity.pixels, saliency.saliency),
)
_OF_IMAGES = (class_accuracy.failures, saliency.saliency)


def figures(results: Results) -> list[Figure]:
    """All figures of the study; maps and galleries where images are square."""
    square = is_square(results["maps"].sizes["pixels"])
    return [draw(results) for draw in _FIGURES if square or draw not in _OF_IMAGES]
