"""What do labels score, beside what knows nothing of the neuron? The figure of row 2.6."""

from matplotlib.figure import Figure

from jaxinterp.explanation.baselines import BASELINES
from jaxinterp.explanation.evaluation import ABLATIONS
from jaxinterp.explanation.rules import EXPLAINERS
from jaxinterp.explanation.score import Scores
from jaxinterp.report.figures.captions import caption, seeds
from jaxinterp.report.figures.common import BLUE, GREEN, ORANGE
from jaxinterp.report.figures.drawing import INTERVAL, compared, intervals
from jaxinterp.report.figures.layout import legend_of, panels, plain
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.llm_labels import labels
from jaxinterp.studies.llm_labels.neurons import over_live
from jaxinterp.studies.study import Results
from jaxinterp.text import mean

_COLOURS = dict(zip(EXPLAINERS, ((BLUE, "o"), (GREEN, "s"), (ORANGE, "D")), strict=True))
_SCORES = ("correlation", "cosine", "average precision", "F1", "intersection over union")


def scores(results: Results) -> Figure:
    """Correlations of labels, baselines and controls; all five scores; and what changes without the neuron."""
    figure, [(correlations, all_scores, causal)] = panels(1, 3, (3.9, 4.2))
    rows = {
        **{f"label: {name}": labels.scored(results, name) for name in EXPLAINERS},
        **{name: labels.by_baseline(results, name) for name in BASELINES},
        labels.OTHERS: labels.others(results, labels.BY_CLASS),
        UNTRAINED: labels.scored(results, labels.BY_CLASS, condition=UNTRAINED),
    }
    own = tuple(name for name in rows if name.startswith("label: "))
    text = intervals(correlations, rows, own=own)
    plain(correlations, "Labels, and what they must beat", "correlation with the activation")
    groups = {
        name: (
            {words: labels.scored(results, name, score) for words, score in zip(_SCORES, Scores._fields, strict=True)},
            *_COLOURS[name],
        )
        for name in EXPLAINERS
    }
    compared(all_scores, groups)
    plain(all_scores, "All five scores of the labels", "score")
    legend_of(figure, all_scores)
    found = results["labels"]
    shares = {
        name: (
            {
                f"{kind}-ablation, {words}": over_live(results, found[field].sel(explainers=name, ablations=kind))
                for kind in ABLATIONS
                for words, field in (("where the label says active", "said"), ("elsewhere", "elsewhere"))
            },
            *_COLOURS[name],
        )
        for name in EXPLAINERS
    }
    compared(causal, shares)
    plain(causal, "Predictions changed without the neuron", "share of images")
    changed = "; ".join(
        f"{name} {', '.join(f'{words} {mean(values)}' for words, values in quantities.items())}"
        for name, (quantities, *_) in shares.items()
    )
    title = "Do words say what a neuron does? Labels by rules, scored on test images"
    text = f"Means: {text}. Share of images whose prediction changes: {changed}"
    return caption(
        figure, seeds(results), title, f"left: {INTERVAL} 90 % of networks; others: one dot per network", text, "2.6"
    )
