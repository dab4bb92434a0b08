"""Do the facts given to a language model describe what a neuron does? Figures of study `llm-labels`."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.llm_labels import cards, facets, widths, xor
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """All figures of the study."""
    return [figure for topic in (xor, widths, cards, facets) for figure in topic.figures(results)]
