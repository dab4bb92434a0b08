"""Is there a neuron that looks for a 4? Figures of study `looking-for-four`."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.looking_for_four import galleries, numbers
from jaxinterp.studies.looking_for_four import Record


def figures(record: Record) -> list[Figure]:
    """All figures of the study, row by row."""
    return [
        numbers.ladder(record),
        numbers.focus(record),
        galleries.focused(record),
        numbers.growth(record),
        galleries.growing(record),
        galleries.logits(record),
        numbers.looks(record),
        numbers.deletion(record),
        galleries.traced(record),
        numbers.trace(record),
        numbers.matches(record),
        *galleries.cards(record),
        numbers.needs(record),
    ]
