"""How alike are two trainings, what do their units look at, what lights them? Figures of study `instance-variation`."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.common import shows
from jaxinterp.report.figures.instance_variation import attention, features, strokes
from jaxinterp.studies.instance_variation import InstanceVariation


def figures(record: InstanceVariation) -> list[Figure]:
    """All figures of the study, row by row."""
    return [
        shows(features.similarity(record, measure="cosine"), "3.1", "3.2"),
        shows(features.similarity(record, measure="pearson"), "3.1", "3.2"),
        shows(features.shared(record), "3.3", "matched", "CKA"),
        shows(features.matrices(record), "matched", "CKA"),
        shows(attention.locality(record), "3.4", "3.6"),
        shows(attention.maps_of_pairs(record), "3.5"),
        *(shows(attention.gallery(record, view=view), "3.4", "3.5") for view in record.views),
        shows(strokes.examples(record), "3.7", "3.8"),
        shows(strokes.moves(record), "3.7"),
        shows(strokes.lit(record), "3.8"),
        shows(strokes.explained(record), "3.8"),
    ]
