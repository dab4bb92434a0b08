"""How selective is each class's most selective neuron, and do other measures agree?"""

from matplotlib.figure import Figure

from jaxinterp.report.figures import common
from jaxinterp.report.figures.bottleneck_neurons import drawing
from jaxinterp.report.figures.bottleneck_neurons.drawing import CHOSEN, class_axis, mean
from jaxinterp.report.figures.common import BLUE, DOTS, GREY, ORANGE, shows
from jaxinterp.studies.bottleneck_neurons.selectivity import MEASURES, agreement
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """The figure of the topic."""
    return [shows(selectivity(results), "4.5")]


def selectivity(results: Results) -> Figure:
    """The index of each class's most selective neuron and its nulls, and its agreement with other measures."""
    figure, panels = common.panels(1, 2, (5.0, 3.2), width_ratios=(1.5, 1))
    found = results["selectivity"]
    levels = {
        TRAINED: (found.chosen_index.sel(conditions=TRAINED), BLUE, -0.24),
        UNTRAINED: (found.chosen_index.sel(conditions=UNTRAINED), ORANGE, 0),
        "labels permuted, 95th percentile": (found.chosen_null.sel(conditions=TRAINED), GREY, 0.24),
    }
    for name, (values, colour, shift) in levels.items():
        common.strips(panels[0], values, colour, name, shift=shift)
    panels[0].set_ylabel("index of the most selective neuron", fontsize=9)
    class_axis(panels[0], found.classes)
    own, next_class = (
        {MEASURES[name]: values.mean("classes") for name, values in agreement(results, shifted=shifted).items()}
        for shifted in (False, True)
    )
    drawing.rows(panels[1], {"of the class": (own, BLUE, "o"), "of the next class": (next_class, ORANGE, "D")})
    panels[1].set_yticks(range(len(own)), [label.replace(" ", "\n") for label in own], fontsize=9)
    panels[1].set_xlabel("Spearman's correlation with the index, over neurons", fontsize=9)
    panels[1].legend(fontsize=8, loc="best", frameon=False)
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=9, ncols=3, loc="outside lower left")
    indices = ", ".join(f"{name} {mean(values, 2)}" for name, (values, _, _) in levels.items())
    correlations = ", ".join(f"{label} {mean(values, 2)}" for label, values in own.items())
    title = "How selective is each class's most selective neuron, and do other measures agree?"
    means = f"Mean index: {indices}. Correlation: {correlations}"
    return drawing.finish(figure, results, title, f"{DOTS}; {CHOSEN}", means)
