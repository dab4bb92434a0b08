"""Do single neurons hold single digits? Figures of study `bottleneck-neurons`."""

import math
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures import common
from jaxinterp.report.figures.common import BAND, BLUE, DOTS, GREEN, GREY, ORANGE, plain, shows
from jaxinterp.stats import known_mean as mean
from jaxinterp.studies.bottleneck_neurons import PUBLISHED_ACCURACY, numbers
from jaxinterp.studies.bottleneck_neurons.numbers import GONE, percent
from jaxinterp.studies.bottleneck_neurons.record import LIT, TRAINED, UNTRAINED, BottleneckNeurons

_CHOSEN = "neurons chosen on other images"
_SHOWN = 40  # neurons that are shown one by one


def figures(record: BottleneckNeurons) -> list[Figure]:
    """All figures of the study; maps and galleries where images are square."""
    drawn = {
        "4.6": [losses, damage, doses, confusions, predictors],
        "4.4": [responses],
        "4.5": [selectivity],
        "4.3": [accuracy],
        "4.1": [activations, pixels],
    }
    if math.isqrt(record.probe.shape[-1]) ** 2 == record.probe.shape[-1]:
        drawn |= {"4.8": [saliency], "4.3": [accuracy, failures]}
    return [shows(draw(record), row) for row, draws in drawn.items() for draw in draws]


def losses(record: BottleneckNeurons) -> Figure:
    """What is left of each class without its worst neuron, under every kind of ablation."""
    count = len(record.classes)
    figure, panels = common.panels(1, len(record.kinds), (1.2 + 0.24 * count, 3.0), sharey=True)
    at_random, left = mean(record.ablated, 2), []
    for place, (axes, kind) in enumerate(zip(panels, record.kinds, strict=True)):
        own = record.worst_accuracy[:, place, -1]
        common.strips(axes, own, BLUE, "its worst neuron")
        axes.plot(
            range(count), common.quantiles(at_random[:, place])[1], "D", color=ORANGE, ms=4, label="a neuron at random"
        )
        axes.plot(range(count), common.quantiles(record.baseline)[1], "_", color=GREY, ms=9, mew=2, label="nothing")
        axes.axhline(GONE, color=GREY, linewidth=1, linestyle=":")
        axes.set_title(_ablation(kind), fontsize=10)
        _class_axis(axes, record)
        left.append(f"{kind} {mean(own, None):.3f}")
    panels[0].set(ylabel="accuracy on the class", ylim=(-0.03, 1.03))
    figure.legend(*panels[0].get_legend_handles_labels(), title="without", fontsize=9, loc="outside right center")
    title = "Accuracy on each class without its worst neuron, beside a neuron at random"
    notes = f"{DOTS}; {_CHOSEN}; dotted: {percent(GONE)}, below which a class counts as lost"
    return _finish(figure, record, title, notes, f"Means without the worst neuron: {', '.join(left)}")


def damage(record: BottleneckNeurons) -> Figure:
    """What every neuron's ablation costs every class: in one network, and of each class's worst neuron over all."""
    kinds, classes, seed = len(record.kinds), len(record.classes), int(record.example_seed)
    units = record.ablated.shape[2]
    tall = min(max(units, 6), _SHOWN), max(classes, 6)
    size = 1.2 + 0.22 * classes, (1.6 + 0.2 * sum(tall)) / 2
    figure, panels = common.panels(2, kinds, size, height_ratios=tall)
    cost = record.baseline[:, None, None] - record.ablated
    order, own = _by_preference(record), []
    for place, kind in enumerate(record.kinds):
        one, all_ = panels[place], panels[kinds + place]
        _heat(one, cost[seed, place][order], record, rows=order, signed=True)
        worst = np.nan_to_num(record.worst[:, place]).astype(int)[..., None]
        average = mean(np.take_along_axis(cost[:, place], worst, axis=1), 0)
        _heat(all_, average, record, rows=record.classes, signed=True)
        own.append(f"{kind} {mean(np.diagonal(average), None):.3f}")
        one.set_title(f"{_ablation(kind)}\nseed {seed}", fontsize=10)
        all_.set_title("mean over seeds", fontsize=10)
    panels[0].set_ylabel("neuron, by preferred class", fontsize=9)
    panels[kinds].set_ylabel("worst neuron of class", fontsize=9)
    figure.colorbar(panels[0].images[0], ax=panels, shrink=0.6, label="drop in accuracy on the class")
    title = "What each class loses without a neuron, under every kind of ablation"
    return _finish(figure, record, title, f"worst {_CHOSEN}", f"Mean drop without its worst neuron: {', '.join(own)}")


def doses(record: BottleneckNeurons) -> Figure:
    """Every class's accuracy as its worst neuron is scaled, beside that of all classes and a neuron at random."""
    own, every = numbers.worst_doses(record), np.moveaxis(record.dose_accuracy, 3, 2)
    overall = np.broadcast_to(mean(every, 2)[:, :, None], every.shape)
    overall = numbers.of_units(overall, record.worst[:, record.kinds.index("zero")])
    columns = min(5, len(record.classes))
    rows = -(-len(record.classes) // columns)
    figure, panels = common.panels(rows, columns, (2.1, 2.0), sharex=True, sharey=True)
    for label, (axes, name) in enumerate(zip(panels, record.classes, strict=False)):
        common.band(axes, record.doses, own[:, label], BLUE, "accuracy on the class, its worst neuron scaled")
        common.band(axes, record.doses, overall[:, label], GREEN, "accuracy on all classes, the same", style="--")
        common.band(
            axes, record.doses, mean(every[:, :, label], 1), ORANGE, "on the class, a neuron at random", style=":"
        )
        axes.axvline(1, color=GREY, linewidth=0.8)
        axes.set_title(f"class {name}", fontsize=10)
        plain(axes, grid="y")
    for axes in panels[len(record.classes) :]:
        axes.set_axis_off()
    panels[0].set_ylim(-0.03, 1.03)
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=9, ncols=3, loc="outside lower center")
    panels[0].set_xticks(range(4))  # x is shared
    for axes in panels:
        common.labels(axes, "factor on the activation", "accuracy")
        axes.label_outer()
    gains = [mean(numbers.dose_gain(record, curves), None) for curves in (own, overall)]
    title = "Accuracy on each class as its worst neuron is scaled, beside all classes and a neuron at random"
    means = f"Mean gain from 1 to 3: {gains[0]:.3f} on the class, {gains[1]:.3f} on all classes"
    return _finish(figure, record, title, f"{BAND}; {_CHOSEN}", means)


def confusions(record: BottleneckNeurons) -> Figure:
    """What is answered before and after the ablation of the worst neuron, and with it tripled."""
    seed, edits = int(record.example_seed), len(record.edits)
    side = 1.1 + 0.22 * len(record.classes)
    figure, panels = common.panels(2, edits, (side, side))
    worst = record.worst_class[seed, record.kinds.index("zero")]
    name = record.classes[0 if np.isnan(worst) else int(worst)]
    for place, edit in enumerate(record.edits):
        _heat(panels[place], mean(record.redirected[:, place], 0), record, rows=record.classes)
        _heat(panels[edits + place], record.worst_confusion[seed, place], record, rows=record.classes)
        panels[place].set_title(f"{edit}: each row its own\nworst neuron, mean over seeds", fontsize=9)
        panels[edits + place].set_title(f"{edit}: the worst neuron\nof class {name}, seed {seed}", fontsize=9)
    for axes in panels:
        common.labels(axes, "answer", "class of the image")
    figure.colorbar(panels[0].images[0], ax=panels, shrink=0.6, label="share of the class's images")
    right = mean(np.diagonal(record.redirected, axis1=2, axis2=3), (0, 2))
    shares = ", ".join(f"{edit} {share:.3f}" for edit, share in zip(record.edits, right, strict=True))
    title = "Answers before and after zero-ablation of a class's worst neuron, and with it tripled"
    return _finish(figure, record, title, _CHOSEN, f"Answered rightly, each class with its own worst neuron: {shares}")


def predictors(record: BottleneckNeurons) -> Figure:
    """Which quantity tells what an ablation will cost?"""
    figure, panels = common.panels(1, len(record.kinds), (2.6, 2.6), sharex=True, sharey=True)
    names, means = [name.replace("_", " × ") for name in record.predictors], []
    names = [name.replace("centred ×", "centred") for name in names]
    for axes, kind in zip(panels, record.kinds, strict=True):
        own, other = (numbers.predictor_correlations(record, kind, shifted=shifted) for shifted in (False, True))
        _rows(axes, {"of the class": (own, BLUE, "o"), "of other classes": (other, ORANGE, "D")})
        axes.set_title(_ablation(kind), fontsize=10)
        means.append(f"{kind}: " + ", ".join(f"{n} {m:.2f}" for n, m in zip(names, mean(own, 1), strict=True)))
    panels[0].set_yticks(range(len(names)), names, fontsize=9)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    figure.legend(*panels[0].get_legend_handles_labels(), title="predictor", fontsize=9, loc="outside right center")
    figure.supxlabel("Spearman's correlation with the drop in accuracy, over neurons × classes", fontsize=9)
    title = "Which quantity predicts what an ablation costs a class?"
    notes = "small dot: one network, large: mean; predictors and damage from different images"
    return _finish(figure, record, title, notes, f"Means. {'; '.join(means)}")


def responses(record: BottleneckNeurons) -> Figure:
    """How strongly neurons respond to every class: one network's, and each class's most selective over all."""
    seed, order = int(record.example_seed), _by_preference(record)
    activation = record.ranking[:, 0]
    largest = np.max(np.abs(activation), axis=1, where=~np.isnan(activation), initial=0)[:, None]
    relative = np.swapaxes(activation / np.where(largest > 0, largest, np.nan), 1, 2)
    index = np.nan_to_num(record.predictor[:, record.predictors.index("selectivity")], nan=-np.inf)
    tops = np.take_along_axis(relative, np.argmax(index, axis=1)[..., None], axis=1)
    figure, panels = common.panels(
        1, 2, (1.6 + 0.24 * len(record.classes), 1.6 + 0.18 * min(max(len(order), 10), _SHOWN))
    )
    _heat(panels[0], relative[seed][order], record, rows=order)
    _heat(panels[1], mean(tops, 0), record, rows=record.classes)
    panels[0].set_title(f"every neuron, seed {seed}", fontsize=10)
    panels[0].set_ylabel("neuron, by preferred class", fontsize=9)
    panels[1].set_title("each class's most selective neuron,\nmean over seeds", fontsize=10)
    panels[1].set_ylabel("most selective neuron of class", fontsize=9)
    label = "mean activation,\nrelative to the neuron's best class"
    figure.colorbar(panels[0].images[0], ax=panels, shrink=0.7, label=label)
    own, all_ = mean(np.diagonal(tops, axis1=1, axis2=2), None), mean(tops, None)
    means = f"Relative activation of a class's most selective neuron: {own:.2f} on the class, {all_:.2f} on all classes"
    return _finish(figure, record, "How strongly neurons respond to every class", "dead neurons are blank", means)


def selectivity(record: BottleneckNeurons) -> Figure:
    """The index of each class's most selective neuron beside its nulls, and its agreement with other measures."""
    figure, panels = common.panels(1, 2, (5.0, 3.2), width_ratios=(1.5, 1))
    before, after = (record.conditions.index(name) for name in (UNTRAINED, TRAINED))
    levels = {
        TRAINED: record.top_index[:, after],
        UNTRAINED: record.top_index[:, before],
        "labels permuted, 95th percentile": record.null_index[:, after],
    }
    for place, (colour, (name, values)) in enumerate(zip((BLUE, ORANGE, GREY), levels.items(), strict=True)):
        common.strips(panels[0], values, colour, name, shift=0.24 * (place - 1))
    panels[0].set_ylabel("selectivity index of the top neuron", fontsize=9)
    _class_axis(panels[0], record)
    handles, labels = panels[0].get_legend_handles_labels()
    own, shifted = (numbers.measure_correlations(record, shifted=shifted) for shifted in (False, True))
    names = {"d_prime": "d′", "auc": "AUC", "mutual_information": "mutual\ninformation"}
    table, other = (np.stack(list(found.values())) for found in (own, shifted))
    _rows(panels[1], {"of the class": (table, BLUE, "o"), "of the next class": (other, ORANGE, "D")})
    panels[1].set_yticks(range(len(own)), [names[name] for name in own], fontsize=9)
    panels[1].set_ylim(len(own) - 0.4, -0.6)
    panels[1].set_xlabel("Spearman's correlation with the index, over neurons", fontsize=9)
    panels[1].legend(fontsize=8, loc="best", frameon=False)
    figure.legend(handles, labels, fontsize=9, ncols=3, loc="outside lower left")
    indices = ", ".join(f"{name} {mean(values, None):.2f}" for name, values in levels.items())
    agreement = ", ".join(f"{name} {mean(values, None):.2f}" for name, values in own.items())
    means = f"Mean index: {indices}. Correlation: {agreement}"
    title = "How selective is each class's most selective neuron, and do other measures agree?"
    return _finish(figure, record, title, f"{DOTS}; {_CHOSEN}", means)


def accuracy(record: BottleneckNeurons) -> Figure:
    """Every class's accuracy beside the published one, and the mean confusion matrix."""
    figure, panels = common.panels(1, 2, (4.6, 3.4))
    values = np.diagonal(record.confusion, axis1=1, axis2=2)
    common.strips(panels[0], values, BLUE, "ours")
    title = "Accuracy class by class, and which class is mistaken for which"
    if record.classes == tuple("0123456789"):
        title = "Accuracy class by class beside the published, and which class is mistaken for which"
        panels[0].plot(range(10), PUBLISHED_ACCURACY, "D", color=ORANGE, ms=5, label="published, one network")
    panels[0].set_ylabel("accuracy on the class, all test images", fontsize=9)
    panels[0].legend(fontsize=9, frameon=False, loc="best")
    _class_axis(panels[0], record)
    errors = np.where(np.eye(len(record.classes), dtype=bool), np.nan, mean(record.confusion, 0))
    high = float(np.max(np.nan_to_num(errors), initial=1e-3))
    _heat(panels[1], errors, record, rows=record.classes, high=high)
    panels[1].set_title("errors, mean over seeds", fontsize=10)
    common.labels(panels[1], "answer", "class of the image")
    figure.colorbar(panels[1].images[0], ax=panels[1], label="share of the class's images")
    shares = ", ".join(f"{name} {value:.3f}" for name, value in zip(record.classes, mean(values, 0), strict=True))
    return _finish(figure, record, title, DOTS, f"Means: {shares}")


def activations(record: BottleneckNeurons) -> Figure:
    """Histograms of each layer before and after the activation function, over training and by class; dead units."""
    figure, panels = common.panels(len(record.layers), 4, (3.4, 2.3))
    steps = np.arange(len(record.epochs))
    shares = ((record.firing_rate, BLUE, "images that a unit fires on"), (record.dead, ORANGE, "dead units"))
    shades = matplotlib.colormaps["viridis"]
    for place, layer in enumerate(record.layers):
        centres = (record.edges[place, 1:] + record.edges[place, :-1]) / 2
        pre, post, by_class, live = panels[4 * place : 4 * place + 4]
        for part, axes in enumerate((pre, post)):
            for step, epoch in enumerate(record.epochs):
                curve = common.quantiles(record.histogram[:, step, place, part])[1]
                shade, name = shades(step / len(record.epochs)), epoch.removeprefix("epoch ")
                axes.plot(centres, curve, color=shade, linewidth=1.3, label=name)
            axes.set_title(f"{layer}, {record.parts[part]}-activations", fontsize=9)
        for label, name in enumerate(record.classes):
            curve = common.quantiles(record.class_histogram[:, place, 0, label])[1]
            by_class.plot(centres, curve, color=shades(label / len(record.classes)), linewidth=1, label=name)
        by_class.set_title(f"{layer}, {record.parts[0]}-activations, {TRAINED}", fontsize=9)
        for values, colour, name in shares:
            common.band(live, steps, values[:, :, place], colour, name)
        live.set_xticks(steps, ["before", *(name.removeprefix("epoch ") for name in record.epochs[1:-1]), "after"])
        live.set_ylim(-0.03, 1.03)
        live.set_title(f"{layer}, firing and dead units", fontsize=9)
        common.labels(live, "epoch", "share")
        for axes in (pre, post, by_class):
            axes.set_yscale("log")
            axes.set_ylim(1e-4, 1)
            common.labels(axes, "activation", "share of (unit, image)")
            plain(axes, grid="y")
        plain(live, grid="y")
    for axes, name, place in ((panels[0], "epoch", "left"), (panels[2], "class", "center"), (panels[3], None, "right")):
        where: Any = f"outside lower {place}"
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, title=name, ncols=6, fontsize=8, title_fontsize=8, loc=where)
    dead = [f"{name} {mean(record.dead[:, -1, place], None):.3f}" for place, name in enumerate(record.layers)]
    title = "Activations over training and by class, and units that never fire on the test images (dead)"
    notes = f"{BAND}; outer bins hold all beyond"
    return _finish(figure, record, title, notes, f"Dead after training: {', '.join(dead)}")


def pixels(record: BottleneckNeurons) -> Figure:
    """Mean, spread and share of dark pixels of the training images, class by class."""
    figure, panels = common.panels(1, len(record.statistics), (1.4 + 0.2 * len(record.classes), 2.4))
    for place, (axes, name) in enumerate(zip(panels, record.statistics, strict=True)):
        axes.bar(range(len(record.classes)), np.nan_to_num(record.class_pixel_statistics[:, place]), color=BLUE)
        axes.axhline(record.pixel_statistics[place], color=ORANGE, linewidth=1.2)
        axes.set_ylabel(f"{name} of pixels", fontsize=9)
        _class_axis(axes, record)
    values = [f"{name} {x:.4f}" for name, x in zip(record.statistics, record.pixel_statistics, strict=True)]
    title = "Pixels of the training images, class by class; line: all classes"
    figure.suptitle(title, fontsize=11)
    figure.set_label(f"{title}. All classes: {', '.join(values)}.")
    return figure


def saliency(record: BottleneckNeurons) -> Figure:
    """Every neuron of one network: its saliency over real images above its one-pixel probes."""
    units = min(_SHOWN, len(record.saliency))
    columns = min(8, units)
    figure, panels = common.panels(2 * -(-units // columns), columns, (1.1, 1.15))
    for axes in panels:
        axes.set_axis_off()
    for unit in range(units):
        row, column = divmod(unit, columns)
        for part, maps in enumerate((record.saliency, record.probe)):
            axes = panels[(2 * row + part) * columns + column]
            side = math.isqrt(maps.shape[1])
            bound = float(np.max(np.abs(np.nan_to_num(maps[unit])))) or 1.0
            axes.imshow(maps[unit].reshape(side, side), cmap="RdBu_r", vmin=-bound, vmax=bound)
            axes.set_title(f"{unit} {('saliency', 'probe')[part]}", fontsize=8, pad=2)
    own, other = (mean(x[:, -1, -1], None) for x in (record.map_correlation, record.other_correlation))
    seed = int(record.example_seed)
    title = f"What neurons of {record.layers[-1]} look at in seed {seed}: saliency above one-pixel probes"
    notes = f"red raises, blue lowers, each map to its own scale; correlation {own:.2f}, with other neurons {other:.2f}"
    means = (
        f"Correlation over pixels lit in {percent(LIT)} of images: {own:.3f}; with other neurons' saliency {other:.3f}"
    )
    return _finish(figure, record, title, notes, means)


def failures(record: BottleneckNeurons) -> Figure:
    """The most confident failures of one network, and how many others fail on them too."""
    columns = 10
    figure, panels = common.panels(-(-len(record.failure_index) // columns), columns, (1.0, 1.3))
    for axes in panels:
        axes.set_axis_off()
    for axes, image, label, answer, share in zip(
        panels, record.failure_image, record.failure_label, record.failure_answer, record.failed_by, strict=False
    ):
        if label < 0:
            continue
        side = math.isqrt(len(image))
        axes.imshow(image.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
        others = "" if np.isnan(share) else f"\nfailed by {percent(share)}"
        axes.set_title(f"{record.classes[label]} as {record.classes[answer]}{others}", fontsize=8, pad=2)
    title = f"Most confident failures of seed {int(record.example_seed)}: class as answer, others that fail too"
    means = f"Other networks that fail on them too, mean: {mean(record.failed_by, None):.2f}"
    return _finish(figure, record, title, "by margin, the widest first", means)


def _finish(figure: Figure, record: BottleneckNeurons, title: str, notes: str, means: str) -> Figure:
    seeds = f"{int(np.sum(~record.diverged))} seeds"
    figure.suptitle(f"{title}\n{seeds}; {notes}", fontsize=11)
    figure.set_label(f"{title}, for {seeds}. {means}.")
    return figure


def _ablation(kind: str) -> str:
    return f"{kind.replace(' ', '-')}-ablation"


def _by_preference(record: BottleneckNeurons) -> np.ndarray:
    """Neurons of the named network by the class of their highest mean activation, the strongest first."""
    activation = np.nan_to_num(record.ranking[int(record.example_seed), 0])
    return np.lexsort((-activation.max(axis=0), activation.argmax(axis=0)))


def _heat(axes: Axes, matrix: np.ndarray, record: BottleneckNeurons, *, rows, signed=False, high=1.0) -> None:
    colours = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1} if signed else {"cmap": "cividis", "vmin": 0, "vmax": high}
    axes.imshow(matrix, aspect="auto", interpolation="nearest", **colours)
    axes.set_yticks(*(range(len(rows)), [str(row) for row in rows]) if len(rows) <= _SHOWN else ((), ()), fontsize=8)
    axes.set_xticks(range(len(record.classes)), record.classes, fontsize=8)
    axes.set_xlabel("class", fontsize=9)


def _class_axis(axes: Axes, record: BottleneckNeurons) -> None:
    axes.set_xticks(range(len(record.classes)), record.classes, fontsize=9)
    axes.set_xlabel("class", fontsize=9)
    plain(axes, grid="y")


def _rows(axes: Axes, groups: dict[str, tuple[Float[np.ndarray, "rows seeds"], str, str]]) -> None:
    """A row a quantity: a small dot a network, a large one at the mean, group below group."""
    for step, (label, (values, colour, marker)) in enumerate(groups.items()):
        place = np.arange(len(values)) + 0.2 * step
        axes.plot(values.ravel(), np.repeat(place, values.shape[1]), ".", color=colour, ms=3, alpha=0.4, mew=0)
        axes.plot(mean(values, 1), place, marker, color=colour, ms=6, mec="white", label=label)
    axes.axvline(0, color=GREY, linewidth=0.8)
    plain(axes)
