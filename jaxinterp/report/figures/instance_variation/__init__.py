"""How alike are two trainings, what do their units look at, what lights them? Figures of study `instance-variation`."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.instance_variation import attention, features, strokes
from jaxinterp.studies.instance_variation import InstanceVariation


def figures(record: InstanceVariation) -> list[Figure]:
    """All figures of the study, row by row."""
    return [
        features.similarity(record, measure="cosine"),
        features.similarity(record, measure="pearson"),
        features.shared(record),
        features.matrices(record),
        attention.locality(record),
        attention.maps_of_pairs(record),
        *(attention.gallery(record, view=view) for view in record.views),
        strokes.examples(record),
        strokes.moves(record),
        strokes.lit(record),
        strokes.explained(record),
    ]
