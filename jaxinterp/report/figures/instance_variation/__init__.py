"""How alike are two trainings, which pixels do their units use, and what activates them? Study `instance-variation`."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.instance_variation import attention, locality, similarity, strokes
from jaxinterp.studies.instance_variation.maps import VIEWS
from jaxinterp.studies.instance_variation.similarity import MEASURES
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """All figures of the study, row by row."""
    return [
        *(similarity.of_images(results, measure) for measure in MEASURES),
        *(similarity.shared(results), similarity.matrices(results)),
        *(locality.locality(results), attention.maps_of_pairs(results)),
        *(attention.gallery(results, view) for view in VIEWS),
        *(strokes.examples(results), strokes.moves(results), strokes.in_common(results), strokes.explained(results)),
    ]
