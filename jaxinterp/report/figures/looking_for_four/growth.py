"""How soon do neurons look as they do in the end? Row 5.3."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BAND, BLUE, GREEN, ORANGE, band, panels, plain
from jaxinterp.report.figures.looking_for_four.common import EXAMPLE, bound_of, example, finish, picture, scale
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

SHOWN = 6


def figures(results: Results) -> list[Figure]:
    """Both figures of the topic."""
    return [settling(results), growing(results)]


def settling(results: Results) -> Figure:
    """How soon are the kept weights reached?"""
    found, means = results["growth"], []
    figure, axes = panels(1, found.sizes["layers"], (4.4, 3.2), sharey=True)
    stages = found.conditions.to_numpy()
    for one, layer in zip(axes, found.layers.to_numpy(), strict=True):
        own, steps = found.sel(layers=layer), range(len(stages))
        band(one, steps, own.settled, BLUE, "correlation with its kept weights")
        band(one, steps, own.moved, GREEN, "share of the way that is gone", style="--")
        band(one, steps, own.settled_other, ORANGE, "with another neuron's kept weights", style=":")
        one.set_xticks(steps, [stage.replace(" ", "\n") for stage in stages], fontsize=8)
        one.set_title(f"{layer}: {'weights' if layer == 'hidden0' else 'weights pushed back'}", fontsize=10)
        plain(one, grid="y")
        values = own.settled.mean("seeds").to_numpy()
        means.append(", ".join(f"{s} {format_number(v)}" for s, v in zip(stages, values, strict=True)))
        means[-1] = f"{layer} {means[-1]}"
    axes[0].set_ylabel("mean over neurons, pixels with ink", fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9, ncols=3, loc="outside lower center")
    title = "How early weights are as they are kept, with another neuron's as control"
    notes = f"{BAND}; trained: of the epoch with the lowest validation loss"
    return finish(figure, results, title, notes, f"Correlation with the kept weights: {'; '.join(means)}", "5.3")


def growing(results: Results) -> Figure:
    """Some neurons' weights over training."""
    weights, seed = results["example"].weights, example(results)
    units = np.linspace(0, weights.sizes["units"] - 1, min(SHOWN, weights.sizes["units"])).astype(int)
    weights, stages = weights.isel(units=units), weights.conditions.to_numpy()
    change = weights.sel(conditions=TRAINED) - weights.sel(conditions=UNTRAINED)
    columns = len(stages) + 1
    figure, axes = panels(len(units), columns, (1.15, 1.2))
    bound = bound_of(weights)
    for row, unit in enumerate(units):
        own = axes[row * columns : (row + 1) * columns]
        for one, values in zip(own, (*weights[:, row], change[row]), strict=True):
            picture(one, values, bound)
        own[0].set_ylabel(f"neuron {unit}", fontsize=9)
    for one, name in zip(axes, (*stages, "change"), strict=False):
        one.set_title(name, fontsize=9)
    scale(figure, axes, "weight")
    title = f"Weights of neurons of hidden0 over training, seed {seed}"
    notes = f"{EXAMPLE}; neurons evenly by number; change: trained less untrained"
    sizes = [f"{float(np.sqrt((values**2).mean())):.3f}" for values in (change, weights)]
    text = f"Root mean square of the change {sizes[0]}, of the weights {sizes[1]}"
    return finish(figure, results, title, notes, text, "5.3")
