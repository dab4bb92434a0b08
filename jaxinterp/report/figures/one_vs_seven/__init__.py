"""Which neurons see the stroke that makes a 1 a 7? Figures of study `one-vs-seven`: number or identity first."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.one_vs_seven import analogues, carriers, coalitions, differences, edits, knockouts, rows
from jaxinterp.studies.one_vs_seven import STUDY
from jaxinterp.studies.study import Results

_FIGURES = (
    *(knockouts.thresholds, knockouts.draws, knockouts.other_networks, edits.edits, edits.blends, rows.erased),
    *(differences.histograms, carriers.retrieval, carriers.restored, analogues.correlations),
)


def figures(results: Results) -> list[Figure]:
    """All figures of what has been measured."""
    slow = (coalitions.sets,) if set(STUDY.slow) <= set(results) else ()
    return [draw(results) for draw in (*_FIGURES, *slow)]
