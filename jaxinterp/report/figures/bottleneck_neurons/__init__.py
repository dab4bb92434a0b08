"""Do single neurons hold single digits? Figures of study `bottleneck-neurons`, topic by topic."""

from matplotlib.figure import Figure

from jaxinterp.data import default_shape
from jaxinterp.report.figures.bottleneck_neurons import (
    activity,
    class_accuracy,
    damage,
    drift,
    rankings,
    saliency,
    scaling,
    selectivity,
)
from jaxinterp.report.figures.drawing import has_rows, shape_of
from jaxinterp.studies.bottleneck_neurons.drift import COURSE
from jaxinterp.studies.study import Results

_FIGURES = (
    *(damage.losses, damage.damage, scaling.curves, scaling.margins, scaling.confusions, damage.predictors),
    *(rankings.responses, selectivity.selectivity, class_accuracy.accuracy, class_accuracy.failures),
    *(activity.activations, activity.pixels, saliency.saliency),
)
_OF_COURSES = (drift.course, drift.neurons, drift.drifts, drift.settling)
_OF_IMAGES = (class_accuracy.failures, saliency.saliency)


def figures(results: Results) -> list[Figure]:
    """All figures of the study; maps and galleries where images have rows and columns."""
    maps = results["maps"]
    drawable = has_rows(shape_of(maps) or default_shape(maps.sizes["pixels"]))
    drawn = [draw(results) for draw in _FIGURES if drawable or draw not in _OF_IMAGES]
    return drawn + [draw(results) for draw in _OF_COURSES if COURSE in results]
