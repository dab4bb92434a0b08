"""What does a digit lose without its most damaging neuron, under each kind of ablation?"""

from matplotlib.figure import Figure

from jaxinterp.report.figures import common
from jaxinterp.report.figures.bottleneck_neurons import drawing
from jaxinterp.report.figures.bottleneck_neurons.drawing import CHOSEN, SHOWN, class_axis, heat, mean
from jaxinterp.report.figures.common import BLUE, DOTS, GREY, ORANGE, shows
from jaxinterp.studies.bottleneck_neurons.damage import GONE
from jaxinterp.studies.bottleneck_neurons.neurons import example, of_chosen
from jaxinterp.studies.study import Results
from jaxinterp.text import format_percent


def figures(results: Results) -> list[Figure]:
    """Both figures of the topic."""
    return [shows(losses(results), "4.6"), shows(damage(results), "4.6")]


def losses(results: Results) -> Figure:
    """What is left of each class without its most damaging neuron, under every kind of ablation."""
    found = results["damage"]
    count, kinds = found.sizes["classes"], found.kinds.to_numpy()
    figure, panels = common.panels(1, len(kinds), (1.2 + 0.24 * count, 3.0), sharey=True)
    without, left = found.worst_accuracy.isel(layers=-1), []
    for axes, kind in zip(panels, kinds, strict=True):
        own, at_random = without.sel(kinds=kind), found.ablated.sel(kinds=kind).mean("units")
        common.strips(axes, own, BLUE, "its most damaging neuron")
        axes.plot(range(count), common.quantiles(at_random)[1], "D", color=ORANGE, ms=4, label="a random neuron")
        axes.plot(range(count), common.quantiles(found.intact)[1], "_", color=GREY, ms=9, mew=2, label="nothing")
        axes.axhline(GONE, color=GREY, linewidth=1, linestyle=":")
        axes.set_title(drawing.ablation(kind), fontsize=10)
        class_axis(axes, found.classes)
        left.append(f"{kind} {mean(own)}")
    panels[0].set(ylabel="accuracy on the class", ylim=(-0.03, 1.03))
    figure.legend(*panels[0].get_legend_handles_labels(), title="without", fontsize=9, loc="outside right center")
    title = "Accuracy on each class without its most damaging neuron, and without a random neuron"
    notes = f"{DOTS}; {CHOSEN}; dotted: {format_percent(GONE)}, below which a class counts as lost"
    return drawing.finish(figure, results, title, notes, f"Means without that neuron: {', '.join(left)}")


def damage(results: Results) -> Figure:
    """What every neuron's ablation costs every class: in one network, and of each class's own neuron over all."""
    found, seed, order = results["damage"], example(results), drawing.by_preference(results)
    kinds, classes = found.kinds.to_numpy(), found.classes.to_numpy()
    heights = min(max(len(order), 6), SHOWN), max(len(classes), 6)
    size = 1.2 + 0.22 * len(classes), (1.6 + 0.2 * sum(heights)) / 2
    figure, panels = common.panels(2, len(kinds), size, height_ratios=heights)
    cost, drops = found.intact - found.ablated, []
    for one, every, kind in zip(panels[: len(kinds)], panels[len(kinds) :], kinds, strict=True):
        own, worst = cost.sel(kinds=kind), found.worst.sel(kinds=kind)
        heat(one, own.isel(seeds=seed, units=order), "units", order, signed=True)
        average = of_chosen(own, units=worst.rename(classes="owners")).mean("seeds")
        heat(every, average, "owners", classes, signed=True)
        one.set_title(f"{drawing.ablation(kind)}\nseed {seed}", fontsize=10)
        every.set_title("mean over seeds", fontsize=10)
        drops.append(f"{kind} {mean(of_chosen(own, units=worst))}")
    panels[0].set_ylabel("neuron, by preferred class", fontsize=9)
    panels[len(kinds)].set_ylabel("most damaging neuron of class", fontsize=9)
    figure.colorbar(panels[0].images[0], ax=panels, shrink=0.6, label="drop in accuracy on the class")
    title = "What each class loses without a neuron, under every kind of ablation"
    means = f"Mean drop without its most damaging neuron: {', '.join(drops)}"
    return drawing.finish(figure, results, title, f"most damaging {CHOSEN}", means)
