"""How strongly do neurons respond to every class?"""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption, example, seeds
from jaxinterp.report.figures.drawing import SHOWN, heat
from jaxinterp.report.figures.layout import colour_bar, names, panels
from jaxinterp.studies.bottleneck_neurons.neurons import of_chosen
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def by_preference(results: Results) -> np.ndarray:
    """Neurons of the example network by the class of their highest mean activation, the strongest first."""
    activation = results["rankings"].activation.isel(seeds=example(results)).fillna(0)
    return np.lexsort((-activation.max("classes").to_numpy(), activation.argmax("classes").to_numpy()))


def responses(results: Results) -> Figure:
    """Mean activations by class: of one network's neurons, and of each class's most selective neuron over all."""
    seed, order = example(results), by_preference(results)
    activation = results["rankings"].activation
    largest = abs(activation).max("classes")
    relative = activation / largest.where(largest > 0)
    most_selective = results["predictors"].auc.fillna(-np.inf).argmax("units")
    own = of_chosen(relative, units=most_selective)
    all_classes = of_chosen(relative, units=most_selective.rename(classes="owners"))
    size = 1.6 + 0.24 * activation.sizes["classes"], 1.6 + 0.18 * min(max(len(order), 10), SHOWN)
    figure, grid = panels(1, 2, size, "class")
    [(one, every)] = grid
    heat(one, relative.isel(seeds=seed, units=order), "units", order)
    heat(every, all_classes.mean("seeds"), "owners")
    names(one, f"every neuron, seed {seed}", y="neuron, by preferred class")
    names(every, "each class's most selective neuron,\nmean over seeds", y="most selective neuron of class")
    colour_bar(figure, grid, "mean activation,\nrelative to the neuron's best class", shrink=0.7)
    text = (
        f"Relative activation of a class's most selective neuron: {mean(own, 2)} on the class, "
        f"{mean(all_classes, 2)} on all classes"
    )
    title = "How strongly do neurons respond to every class?"
    return caption(figure, seeds(results), title, "dead neurons are blank", text, "4.4")
