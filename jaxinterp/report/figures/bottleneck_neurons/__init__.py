"""Do single neurons hold single digits? Figures of study `bottleneck-neurons`, topic by topic."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.bottleneck_neurons import (
    activity,
    class_accuracy,
    damage,
    prediction,
    rankings,
    saliency,
    scaling,
    selectivity,
)
from jaxinterp.studies.study import Results

_TOPICS = (damage, scaling, prediction, rankings, selectivity, class_accuracy, activity, saliency)


def figures(results: Results) -> list[Figure]:
    """All figures of the study; maps and galleries where images are square."""
    return [figure for topic in _TOPICS for figure in topic.figures(results)]
