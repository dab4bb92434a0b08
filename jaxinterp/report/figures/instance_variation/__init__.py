"""How alike are two trainings, which pixels do their units use, and what activates them? Study `instance-variation`."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.instance_variation import attention, locality, similarity, strokes
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """All figures of the study, row by row."""
    topics = (similarity, locality, attention, strokes)
    return [figure for topic in topics for figure in topic.figures(results)]
