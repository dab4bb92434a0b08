"""What happens to a digit as its most damaging neuron is scaled, and what is predicted instead?"""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.bottleneck_neurons.damage import CHOSEN
from jaxinterp.report.figures.captions import by, caption, example, means, seeds
from jaxinterp.report.figures.common import BAND, BLUE, GREEN, GREY, ORANGE
from jaxinterp.report.figures.drawing import band, heat
from jaxinterp.report.figures.layout import colour_bar, legend_of, names, panels, plain
from jaxinterp.studies.bottleneck_neurons.class_accuracy import correct_share
from jaxinterp.studies.bottleneck_neurons.neurons import DIRECTION, of_chosen
from jaxinterp.studies.bottleneck_neurons.scaling import gain, most_damaging
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def curves(results: Results) -> Figure:
    """Every class's accuracy as its neuron is scaled, with that of all classes, and with a random neuron scaled."""
    every, worst = results["scaling"].accuracy, most_damaging(results)
    own = of_chosen(every, units=worst)
    overall = of_chosen(every.mean("classes"), units=worst)
    lines = (
        (own, BLUE, "accuracy on the class, its most damaging neuron scaled", "-"),
        (overall, GREEN, "accuracy on all classes, the same", "--"),
        (every.mean("units"), ORANGE, "on the class, a random neuron", ":"),
    )
    figure, grid = _by_class(lines, "accuracy")
    grid[0, 0].set_ylim(-0.03, 1.03)  # of all panels
    title = "Accuracy on each class and on all as its most damaging neuron is scaled, or a random neuron"
    text = f"Mean gain from 1 to 3: {mean(gain(own))} on the class, {mean(gain(overall))} on all classes"
    return caption(figure, seeds(results), title, f"{BAND}; {CHOSEN}", text, "4.6")


def margins(results: Results) -> Figure:
    """Every class's margin as its neuron is scaled, or its most damaging random direction, or another neuron."""
    found = results["scaling"]
    own, direction = of_chosen(found.margin, units=most_damaging(results)), found.direction_margin.mean("bases")
    lines = (
        (own, BLUE, "its most damaging neuron scaled", "-"),
        (direction, ORANGE, f"{DIRECTION} scaled", "--"),
        (found.margin.mean("units"), GREEN, "a random neuron scaled", ":"),
    )
    figure, _ = _by_class(lines, "margin in logits")
    title = "Margin of each class, its logit less the highest other, as its neuron, a direction or any neuron is scaled"
    gains = {label: gain(values) for values, _, label, _ in lines}
    notes = f"{BAND}; {CHOSEN}, directions likewise"
    return caption(figure, seeds(results), title, notes, f"Mean gain from 1 to 3: {means(gains)}", "4.6")


def _by_class(lines: Sequence[tuple[xr.DataArray, str, str, str]], y: str) -> tuple[Figure, np.ndarray]:
    """One panel per class: curves over strengths, each given with its colour, label and style."""
    classes = lines[0][0].classes.to_numpy()
    across = min(5, len(classes))
    figure, grid = panels(-(-len(classes) // across), across, (2.1, 2.0), sharex=True, sharey=True)
    for axes, name in zip(grid.flat, classes, strict=False):
        for values, colour, label, style in lines:
            band(axes, values.sel(classes=name), colour, label, style)
        axes.axvline(1, color=GREY, linewidth=0.8)
        plain(axes, f"class {name}", "factor on the activation", y, grid="y")
        axes.label_outer()
    for axes in grid.flat[len(classes) :]:
        axes.set_axis_off()
    grid[0, 0].set_xticks(range(4))  # of all panels
    legend_of(figure, grid[0, 0], ncols=3)
    return figure, grid


def confusions(results: Results) -> Figure:
    """What is predicted before and after the ablation of the most damaging neuron, and with it tripled."""
    confusion, worst, seed = results["scaling"].confusion, most_damaging(results), example(results)
    edits, classes = confusion.edits.to_numpy(), confusion.classes.to_numpy()
    own = of_chosen(confusion, units=worst)
    most = results["damage"].worst_class.sel(kinds="zero").isel(seeds=seed).fillna(0).astype(int)
    one = of_chosen(confusion.isel(seeds=seed), units=worst.isel(seeds=seed, classes=most))
    side = 1.1 + 0.22 * len(classes)
    figure, grid = panels(2, len(edits), (side, side))
    for (above, below), edit in zip(grid.T, edits, strict=True):
        heat(above, own.sel(edits=edit).mean("seeds"), "classes")
        heat(below, one.sel(edits=edit), "classes")
        names(above, f"{edit}: each row its own\nneuron, mean over seeds", "prediction", "class of the image")
        of_one = f"{edit}: the neuron\nof class {classes[int(most)]}, seed {seed}"
        names(below, of_one, "prediction", "class of the image")
    colour_bar(figure, grid, "share of the class's images")
    title = "Predictions before and after zero-ablation of a class's most damaging neuron, and with it tripled"
    text = f"Correct, each class with its own neuron: {means(by(correct_share(own), 'edits'))}"
    return caption(figure, seeds(results), title, CHOSEN, text, "4.6")
