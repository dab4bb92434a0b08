"""Which neurons see the stroke that makes a 1 a 7? Figures of study `one-vs-seven`: number or identity first."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.one_vs_seven import analogues, carriers, differences, edits, knockouts, rows
from jaxinterp.studies.study import Results

_FIGURES = (
    *(knockouts.thresholds, knockouts.draws, knockouts.other_networks, edits.edits, edits.blends, rows.erased),
    *(differences.histograms, carriers.retrieval, carriers.restored, analogues.correlations),
)


def figures(results: Results) -> list[Figure]:
    """All figures of the study."""
    return [draw(results) for draw in _FIGURES]
