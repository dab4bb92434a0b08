"""Which neurons see the stroke that makes a 1 a 7? Figures of study `one-vs-seven`: number or identity first."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.one_vs_seven import analogues, carriers, differences, edits, knockouts, rows, top_bar
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """All figures of the study."""
    topics = (knockouts, edits, rows, differences, carriers, top_bar, analogues)
    return [figure for topic in topics for figure in topic.figures(results)]
