"""Do the facts given to a language model describe what a neuron does? Figures of study `llm-labels`."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.llm_labels import cards, facets, labels, readers, widths, xor
from jaxinterp.studies.study import Results

_FIGURES = (
    *(xor.solutions, xor.planes, widths.by_live_neurons, cards.facts, cards.pictures, cards.cards),
    *(labels.scores, readers.scores, facets.counts, facets.images),
)


def figures(results: Results) -> list[Figure]:
    """All figures of the study."""
    return [draw(results) for draw in _FIGURES]
