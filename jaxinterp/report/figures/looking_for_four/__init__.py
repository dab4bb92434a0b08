"""Is there a neuron that looks for a 4? Figures of study `looking-for-four`, one module per topic."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.looking_for_four import (
    ablations,
    evidence,
    focus,
    growth,
    ladder,
    logits,
    matches,
    tracing,
)
from jaxinterp.studies.study import Results

_TOPICS = (ladder, focus, growth, logits, evidence, tracing, matches, ablations)


def figures(results: Results) -> list[Figure]:
    """All figures of the study, row by row."""
    return [figure for topic in _TOPICS for figure in topic.figures(results)]
