"""What happens to a digit as its most damaging neuron is scaled, and what is predicted instead?"""

import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures import common
from jaxinterp.report.figures.bottleneck_neurons import drawing
from jaxinterp.report.figures.bottleneck_neurons.drawing import CHOSEN, heat, mean
from jaxinterp.report.figures.common import BAND, BLUE, GREEN, GREY, ORANGE, plain, shows
from jaxinterp.studies.bottleneck_neurons.class_accuracy import correct_share
from jaxinterp.studies.bottleneck_neurons.neurons import example, of_chosen
from jaxinterp.studies.bottleneck_neurons.scaling import gain, most_damaging
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """Both figures of the topic."""
    return [shows(curves(results), "4.6"), shows(confusions(results), "4.6")]


def curves(results: Results) -> Figure:
    """Every class's accuracy as its neuron is scaled, with that of all classes, and with a random neuron scaled."""
    every, worst = results["scaling"].accuracy, most_damaging(results)
    own = of_chosen(every, units=worst)
    overall = of_chosen(every.mean("classes"), units=worst)
    classes, columns = every.classes.to_numpy(), min(5, every.sizes["classes"])
    figure, panels = common.panels(-(-len(classes) // columns), columns, (2.1, 2.0), sharex=True, sharey=True)
    lines = (
        (own, BLUE, "accuracy on the class, its most damaging neuron scaled", "-"),
        (overall, GREEN, "accuracy on all classes, the same", "--"),
        (every.mean("units"), ORANGE, "on the class, a random neuron", ":"),
    )
    for axes, name in zip(panels, classes, strict=False):
        for values, colour, label, style in lines:
            common.band(axes, every.strengths, values.sel(classes=name), colour, label, style)
        axes.axvline(1, color=GREY, linewidth=0.8)
        axes.set_title(f"class {name}", fontsize=10)
        plain(axes, grid="y")
    for axes in panels[len(classes) :]:
        axes.set_axis_off()
    panels[0].set_ylim(-0.03, 1.03)
    panels[0].set_xticks(range(4))  # x is shared
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=9, ncols=3, loc="outside lower center")
    for axes in panels:
        common.labels(axes, "factor on the activation", "accuracy")
        axes.label_outer()
    title = "Accuracy on each class and on all as its most damaging neuron is scaled, or a random neuron"
    means = f"Mean gain from 1 to 3: {mean(gain(own))} on the class, {mean(gain(overall))} on all classes"
    return drawing.finish(figure, results, title, f"{BAND}; {CHOSEN}", means)


def confusions(results: Results) -> Figure:
    """What is predicted before and after the ablation of the most damaging neuron, and with it tripled."""
    confusion, worst, seed = results["scaling"].confusion, most_damaging(results), example(results)
    edits, classes = confusion.edits.to_numpy(), confusion.classes.to_numpy()
    own = of_chosen(confusion, units=worst)
    most = results["damage"].worst_class.sel(kinds="zero").isel(seeds=seed).fillna(0).astype(int)
    one = of_chosen(confusion.isel(seeds=seed), units=worst.isel(seeds=seed, classes=most))
    side = 1.1 + 0.22 * len(classes)
    figure, panels = common.panels(2, len(edits), (side, side))
    for above, below, edit in zip(panels[: len(edits)], panels[len(edits) :], edits, strict=True):
        heat(above, own.sel(edits=edit).mean("seeds"), "classes", classes)
        heat(below, one.sel(edits=edit), "classes", classes)
        above.set_title(f"{edit}: each row its own\nneuron, mean over seeds", fontsize=9)
        below.set_title(f"{edit}: the neuron\nof class {classes[int(most)]}, seed {seed}", fontsize=9)
    for axes in panels:
        common.labels(axes, "prediction", "class of the image")
    figure.colorbar(panels[0].images[0], ax=panels, shrink=0.6, label="share of the class's images")
    title = "Predictions before and after zero-ablation of a class's most damaging neuron, and with it tripled"
    return drawing.finish(figure, results, title, CHOSEN, f"Correct, each class with its own neuron: {_correct(own)}")


def _correct(confusion: xr.DataArray) -> str:
    correct = correct_share(confusion)
    return ", ".join(f"{edit} {mean(correct.sel(edits=edit))}" for edit in correct.edits.to_numpy())
