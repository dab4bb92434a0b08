"""Do single neurons hold single digits? Figures of study `bottleneck-neurons`, topic by topic."""

from matplotlib.figure import Figure

from jaxinterp.data import default_shape
from jaxinterp.report.figures.bottleneck_neurons import (
    activity,
    channels,
    class_accuracy,
    clusters,
    coalitions,
    damage,
    drift,
    factors,
    filters,
    maximisers,
    pictures,
    pruning,
    rankings,
    saliency,
    scaling,
    selectivity,
    superposition,
)
from jaxinterp.report.figures.drawing import has_rows, shape_of
from jaxinterp.studies.bottleneck_neurons import STUDY
from jaxinterp.studies.bottleneck_neurons.arms import complete
from jaxinterp.studies.bottleneck_neurons.drift import COURSE
from jaxinterp.studies.study import Results

_FIGURES = (
    *(damage.losses, damage.damage, scaling.curves, scaling.margins, scaling.confusions, damage.predictors),
    *(rankings.responses, selectivity.selectivity, class_accuracy.accuracy, class_accuracy.failures),
    *(clusters.clusters, pictures.pictures),
    *(activity.activations, activity.pixels, saliency.saliency, filters.gallery, filters.energies),
)
_OF_COURSES = (drift.course, drift.neurons, drift.drifts, drift.settling)
_OF_ARMS = (factors.accuracy, factors.effects, factors.neurons)
_OF_CNNS = (channels.units, channels.alike, drift.drifts_of_cnn, maximisers.maximisers)
_OF_IMAGES = (class_accuracy.failures, saliency.saliency, filters.gallery, maximisers.maximisers)
_OF_SLOW = (
    *(pruning.accuracies, pruning.left, superposition.toy, superposition.dictionaries),
    *(coalitions.sizes, coalitions.roles),
)


def figures(results: Results) -> list[Figure]:
    """All figures of what has been measured; maps and galleries where images have rows and columns."""
    maps = results["maps"]
    drawable = has_rows(shape_of(maps) or default_shape(maps.sizes["pixels"]))
    drawn = list(_FIGURES)
    drawn += _OF_COURSES if COURSE in results else ()
    drawn += _OF_CNNS if "channels" in results else ()
    drawn += (filters.places,) if {"channels", "looks"} <= set(results) else ()
    drawn += _OF_ARMS if complete(results) else ()
    drawn += _OF_SLOW if set(STUDY.slow) <= set(results) else ()
    return [draw(results) for draw in drawn if drawable or draw not in _OF_IMAGES]
