"""Which quantity predicts what a neuron's ablation costs a digit?"""

from matplotlib.figure import Figure

from jaxinterp.report.figures import common
from jaxinterp.report.figures.bottleneck_neurons import drawing
from jaxinterp.report.figures.bottleneck_neurons.drawing import mean
from jaxinterp.report.figures.common import BLUE, ORANGE, shows
from jaxinterp.studies.bottleneck_neurons.prediction import LABELS, correlation
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """The figure of the topic."""
    return [shows(predictors(results), "4.6")]


def predictors(results: Results) -> Figure:
    """How well does each quantity predict the damage of each kind of ablation?"""
    kinds = results["damage"].kinds.to_numpy()
    figure, panels = common.panels(1, len(kinds), (2.6, 2.6), sharex=True, sharey=True)
    means = []
    for axes, kind in zip(panels, kinds, strict=True):
        own, other = (
            {label: correlation(results, name, kind, shifted=shifted) for name, label in LABELS.items()}
            for shifted in (False, True)
        )
        drawing.rows(axes, {"of the class": (own, BLUE, "o"), "of other classes": (other, ORANGE, "D")})
        axes.set_title(drawing.ablation(kind), fontsize=10)
        means.append(f"{kind}: " + ", ".join(f"{label} {mean(values, 2)}" for label, values in own.items()))
    panels[0].set_yticks(
        range(len(LABELS)), [label.replace("activation ×", "activation\n×") for label in LABELS.values()]
    )
    panels[0].tick_params(axis="y", labelsize=9)
    figure.legend(*panels[0].get_legend_handles_labels(), title="predictor", fontsize=9, loc="outside right center")
    figure.supxlabel("Spearman's correlation with the drop in accuracy, over neurons × classes", fontsize=9)
    title = "Which quantity predicts what an ablation costs a class?"
    notes = "small dot: one network, large: mean; predictors and damage from different images"
    return drawing.finish(figure, results, title, notes, f"Means. {'; '.join(means)}")
