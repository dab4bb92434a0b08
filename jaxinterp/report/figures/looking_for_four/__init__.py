"""Is there a neuron that looks for a 4? Figures of study `looking-for-four`, one module per topic."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.looking_for_four import ablations, focus, growth, ladder, logits, matches, tracing
from jaxinterp.studies.study import Results

_FIGURES = (
    *(ladder.accuracy, focus.spread, focus.focused, growth.settling, growth.growing),
    *(logits.maps, logits.correlations, logits.evidence, tracing.traced, tracing.averages, matches.correlations),
)


def figures(results: Results) -> list[Figure]:
    """All figures of the study, row by row."""
    layers = results["matches"].layers.to_numpy()
    galleries = [matches.gallery(results, str(layer)) for layer in layers]
    return [*(draw(results) for draw in _FIGURES), *galleries, ablations.losses(results)]
