"""How strongly do neurons respond to every class?"""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures import common
from jaxinterp.report.figures.bottleneck_neurons import drawing
from jaxinterp.report.figures.bottleneck_neurons.drawing import SHOWN, heat, mean
from jaxinterp.report.figures.common import shows
from jaxinterp.studies.bottleneck_neurons.neurons import example, of_chosen
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """The figure of the topic."""
    return [shows(responses(results), "4.4")]


def responses(results: Results) -> Figure:
    """Mean activations by class: of one network's neurons, and of each class's most selective neuron over all."""
    seed, order = example(results), drawing.by_preference(results)
    activation = results["rankings"].activation
    classes = activation.classes.to_numpy()
    largest = abs(activation).max("classes")
    relative = activation / largest.where(largest > 0)
    most_selective = results["predictors"].selectivity.fillna(-np.inf).argmax("units")
    own = of_chosen(relative, units=most_selective)
    all_classes = of_chosen(relative, units=most_selective.rename(classes="owners"))
    size = 1.6 + 0.24 * len(classes), 1.6 + 0.18 * min(max(len(order), 10), SHOWN)
    figure, panels = common.panels(1, 2, size)
    heat(panels[0], relative.isel(seeds=seed, units=order), "units", order)
    heat(panels[1], all_classes.mean("seeds"), "owners", classes)
    panels[0].set_title(f"every neuron, seed {seed}", fontsize=10)
    panels[0].set_ylabel("neuron, by preferred class", fontsize=9)
    panels[1].set_title("each class's most selective neuron,\nmean over seeds", fontsize=10)
    panels[1].set_ylabel("most selective neuron of class", fontsize=9)
    label = "mean activation,\nrelative to the neuron's best class"
    figure.colorbar(panels[0].images[0], ax=panels, shrink=0.7, label=label)
    means = (
        f"Relative activation of a class's most selective neuron: {mean(own, 2)} on the class, "
        f"{mean(all_classes, 2)} on all classes"
    )
    title = "How strongly do neurons respond to every class?"
    return drawing.finish(figure, results, title, "dead neurons are blank", means)
