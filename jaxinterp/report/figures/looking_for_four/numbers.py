"""How good is each rung, how focused a neuron, how soon settled, how alike a template? Curves and dots over seeds."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import (
    BAND,
    BLUE,
    DOTS,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    band,
    labels,
    panels,
    plain,
    quantiles,
    strips,
)
from jaxinterp.report.figures.looking_for_four.common import finish
from jaxinterp.stats import known_mean as mean
from jaxinterp.studies.looking_for_four import Record
from jaxinterp.studies.looking_for_four.backwards import (
    ATTRIBUTIONS,
    FAVOURITES,
    ORDERS,
    areas,
)
from jaxinterp.studies.looking_for_four.focus import LEVELS, LOOKS
from jaxinterp.studies.looking_for_four.ladder import PUBLISHED_ACCURACY, VALIDATION
from jaxinterp.studies.looking_for_four.likeness import BINS, of_condition
from jaxinterp.studies.looking_for_four.record import (
    AS_IT_IS,
    DIFFERENCE,
    STUDY,
    TARGET,
    TRAINED,
    UNTRAINED,
    turned_mean,
)

_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, GREY, "black")
_NAMES = {"weights": "weights", "used": "what is used", "maximiser": "maximiser"}


def ladder(record: Record) -> Figure:
    """Every rung's validation accuracy, and how it got there."""
    figure, axes = panels(1, 2, (5.2, 3.6))
    names = [rung.removeprefix(f"{STUDY}-") if rung != STUDY else "last: batch norm" for rung in record.rungs]
    there = [place for place, count in enumerate(record.rung_networks) if count]
    kept = record.rung_accuracy[there, :, VALIDATION]
    for row, (place, values) in enumerate(zip(there, kept, strict=True)):
        spread = row + np.linspace(-0.15, 0.15, len(values))
        axes[0].plot(values, spread, "o", color=_COLOURS[place], ms=2.5, alpha=0.5, mew=0)
        axes[0].plot(quantiles(values)[1], row, "|", color=_COLOURS[place], ms=14, mew=2.2)
        curve = record.curves[place]
        epochs = np.arange(1, curve.shape[1] + 1)
        validation = curve[VALIDATION]
        axes[1].plot(epochs, validation[:, 1], color=_COLOURS[place], linewidth=1.6, label=names[place])
        axes[1].fill_between(epochs, validation[:, 0], validation[:, 2], color=_COLOURS[place], alpha=0.12, linewidth=0)
    axes[0].axvline(PUBLISHED_ACCURACY, color=GREY, linestyle=":", linewidth=1.2)
    axes[0].set_yticks(range(len(there)), [names[place] for place in there], fontsize=9)
    axes[0].set_ylim(len(there) - 0.4, -0.6)
    labels(axes[0], "validation accuracy, kept weights; dotted: published", "rung")
    labels(axes[1], "epoch", "validation accuracy, of those still trained")
    axes[1].set_xscale("log")
    axes[1].set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    axes[1].minorticks_off()
    lows = [record.curves[place, VALIDATION, 0, 0] for place in there]
    finite = [low for low in lows if np.isfinite(low)]
    axes[1].set_ylim(min([0.9, *(low for low in finite if low > 0.85)]), 1.002)
    axes[1].legend(fontsize=8, frameon=False, loc="lower right")
    for one in axes:
        plain(one)
    means = ", ".join(
        f"{names[place]} {mean(values, None):.4f} of {record.rung_networks[place]} networks"
        for place, values in zip(there, kept, strict=True)
    )
    text = f"Mean validation accuracy: {means}; published for the last: {PUBLISHED_ACCURACY}"
    return finish(figure, record, "Accuracy rung by rung, and learning curves", f"{DOTS}; {BAND}", text, ("5.1",))


def focus(record: Record) -> Figure:
    """On how many pixels do neurons look, trained and untrained?"""
    figure, axes = panels(1, len(record.layers) * len(LOOKS), (2.7, 3.2), sharey=True)
    spread = slice(LEVELS.index(0.05), LEVELS.index(0.95) + 1)
    told = []
    for place, one in enumerate(axes):
        layer, look = divmod(place, len(LOOKS))
        for step, (condition, colour) in enumerate(((TRAINED, BLUE), (UNTRAINED, ORANGE))):
            values = record.focus_quantiles[:, record.conditions.index(condition), look, layer]
            across = step + np.linspace(-0.32, 0.32, len(values))
            for seed, x in zip(values, across, strict=True):
                one.plot([x, x], seed[spread][[0, -1]], color=colour, alpha=0.35, linewidth=1.2)
            one.plot(across, values[:, LEVELS.index(0.5)], "_", color=colour, ms=5, mew=1.4)
            one.plot(across, values[:, 0], "v", color=colour, ms=3.5, alpha=0.8, mew=0)
            told.append(
                f"{record.layers[layer]} {_NAMES[LOOKS[look]]} {condition} {mean(values[:, LEVELS.index(0.5)], 0):.0f} "
                f"({mean(values[:, 0], 0):.0f})"
            )
        one.set_title(f"{record.layers[layer]}, by {_NAMES[LOOKS[look]]}", fontsize=10)
        one.set_xticks((0, 1), (TRAINED, UNTRAINED), fontsize=9)
        one.set_ylim(0)
        plain(one, grid="y")
    axes[0].set_ylabel("effective number of pixels", fontsize=9)
    notes = (
        "a line a network: the middle 90 % of its neurons; bar: the median one, triangle: the most focused; lit pixels"
    )
    text = f"Effective pixels of the median neuron (of the most focused): {'; '.join(told)}"
    return finish(figure, record, "Focus of neurons, trained beside untrained", notes, text, ("5.2",))


def growth(record: Record) -> Figure:
    """How soon are the kept weights there?"""
    figure, axes = panels(1, len(record.layers), (4.4, 3.2), sharey=True)
    steps, told = np.arange(len(record.snapshots)), []
    for layer, (one, name) in enumerate(zip(axes, record.layers, strict=True)):
        band(one, steps, record.settled[..., layer], BLUE, "correlation with its kept weights")
        band(one, steps, record.moved[..., layer], GREEN, "share of the way that is gone", style="--")
        band(one, steps, record.settled_other[..., layer], ORANGE, "with another neuron's kept weights", style=":")
        one.set_xticks(steps, [snapshot.replace(" ", "\n") for snapshot in record.snapshots], fontsize=8)
        one.set_title(f"{name}: {'weights' if not layer else 'weights pushed back'}", fontsize=10)
        plain(one, grid="y")
        values = mean(record.settled[..., layer], 0)
        told.append(f"{name} " + ", ".join(f"{s} {v:.2f}" for s, v in zip(record.snapshots, values, strict=True)))
    axes[0].set_ylabel("mean over neurons, lit pixels", fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9, ncols=3, loc="outside lower center")
    title = "How early the kept weights are there, beside another neuron's"
    notes = f"{BAND}; kept: of the epoch with the lowest validation loss"
    return finish(figure, record, title, notes, f"Correlation with the kept weights: {'; '.join(told)}", ("5.3",))


def looks(record: Record) -> Figure:
    """Does what stands behind each logit look like its digit?"""
    figure, axes = panels(1, len(record.methods), (3.6, 3.2), sharey=True)
    upright, kind = record.turns.index(AS_IT_IS), record.kinds.index(DIFFERENCE)
    trained, before = (record.conditions.index(name) for name in (TRAINED, UNTRAINED))
    told = []
    for place, (one, method) in enumerate(zip(axes, record.methods, strict=True)):
        values = record.look[:, trained, place, kind]
        strips(one, values[:, upright], BLUE, "its digit", -0.25)
        strips(one, turned_mean(values, 1), GREEN, "its digit turned and mirrored, mean")
        strips(one, record.look[:, before, place, kind, upright], ORANGE, "its digit, untrained", 0.25)
        one.axhline(0, color=GREY, linewidth=0.8)
        one.set_xticks(range(len(record.classes)), record.classes, fontsize=9)
        one.set_xlabel("logit", fontsize=9)
        one.set_title(method, fontsize=10)
        plain(one, grid="y")
        told.append(f"{method} {mean(values[:, upright, TARGET], None):.2f}")
    axes[0].set_ylabel("correlation with the template", fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9, ncols=3, loc="outside lower center")
    title = "Does a logit pushed back to the pixels look like its digit? Beside turned digits and untrained networks"
    return finish(figure, record, title, DOTS, f"Mean for the logit of {TARGET}: {', '.join(told)}", ("5.4",))


def deletion(record: Record) -> Figure:
    """Which order of blanking the ink lowers the target's logit soonest, and how few neurons carry it?"""
    figure, axes = panels(1, 2, (4.8, 3.4))
    shades = (BLUE, GREEN, PURPLE, ORANGE, YELLOW)
    colours: dict[str, str] = dict(zip(ORDERS, shades, strict=True))
    share = 100 * np.linspace(0, 1, record.deletion.shape[-1])
    for place, order in enumerate(record.orders):
        style = "-" if order in ATTRIBUTIONS else "--"
        band(axes[0], share, record.deletion[:, place], colours[order], order, style)
    labels(axes[0], "% of the ink blanked, in that order", f"logit of {TARGET}, mean over {TARGET}s")
    axes[0].axhline(mean(record.deletion[:, :, -1], None), color=GREY, linewidth=0.8)
    axes[0].legend(fontsize=8, frameon=False, loc="lower left")
    count = np.arange(1, record.favourites.shape[1] + 1)
    band(axes[1], count, record.favourites, BLUE, "by output weight")
    band(axes[1], count, record.carriers, GREEN, "by what they carry on other images")
    axes[1].plot(count, count / len(count), ":", color=ORANGE, label="at random")
    axes[1].axvline(FAVOURITES, color=GREY, linewidth=0.8)
    labels(axes[1], f"neurons of {record.layers[-1]}, the first so many", f"share of the evidence for {TARGET}")
    axes[1].legend(fontsize=8, frameon=False, loc="lower right")
    for one in axes:
        plain(one, grid="y")
    told = ", ".join(f"{order} {value:.2f}" for order, value in zip(record.orders, mean(areas(record), 0), strict=True))
    few = min(FAVOURITES, len(count)) - 1
    text = f"Area under the curve: {told}. First {few + 1} by weight: {mean(record.favourites[:, few], None):.2f}"
    title = f"The logit of {TARGET} as its ink is blanked, beside other orders; and how many neurons carry it"
    return finish(figure, record, title, f"{BAND}; grey: the blank image's logit", text, ("5.4",))


def trace(record: Record) -> Figure:
    """Does one image of a class light what each class's average lights, and add to the target's logit by as much?"""
    figure, axes = panels(1, 3, (3.6, 3.4))
    trained, before = (record.conditions.index(name) for name in (TRAINED, UNTRAINED))
    drawn = (
        (record.trace[:, trained], TRAINED, -1, "correlation over neurons, mean over images"),
        (record.trace[:, before], UNTRAINED, -1, "correlation over neurons, mean over images"),
        (record.path[:, trained], f"paths to the logit of {TARGET}, {TRAINED}", 0, "shared neurons of a path"),
    )
    for one, (values, name, low, what) in zip(axes, drawn, strict=True):
        colours = "RdBu_r" if low else "cividis"
        shown = one.imshow(mean(values, 0), cmap=colours, vmin=low, vmax=1)
        one.set_xticks(range(len(record.classes)), record.classes, fontsize=9)
        one.set_yticks(range(len(record.classes)), record.classes, fontsize=9)
        one.set_title(name, fontsize=10)
        labels(one, "average of class", "image of class")
        if name != TRAINED:
            figure.colorbar(shown, ax=one, shrink=0.8, label=what)
    rows = record.trace[:, trained, TARGET], record.path[:, trained, TARGET]
    told = [(mean(row[:, TARGET], 0), mean(np.max(np.delete(row, TARGET, axis=1), axis=1), 0)) for row in rows]
    nearest = [mean(record.trace_nearest[:, place], None) for place in (trained, before)]
    text = (
        f"A {TARGET} with the average {TARGET} {told[0][0]:.2f}, with the nearest other {told[0][1]:.2f}; nearest its "
        f"own average {nearest[0]:.3f}, untrained {nearest[1]:.3f}; paths shared {told[1][0]:.2f}, with the nearest "
        f"other {told[1][1]:.2f}"
    )
    title = f"{record.layers[-1]}: one image beside each class's average of other images"
    return finish(figure, record, title, "means over seeds; left two: activations", text, ("5.5",))


def matches(record: Record) -> Figure:
    """How alike are neurons and the target's template, and how alike the best of each network, beside nulls?"""
    figure, axes = panels(len(record.layers), len(record.views), (3.5, 2.5), sharex=True, sharey="row")
    centres = (BINS[1:] + BINS[:-1]) / 2
    upright, kind = record.turns.index(AS_IT_IS), record.kinds.index(DIFFERENCE)
    told = []
    for place, one in enumerate(axes):
        layer, view = divmod(place, len(record.views))
        name = record.views[view]
        best = of_condition(record, record.best_match, TRAINED, layer, name)[:, kind, :, TARGET]
        before = of_condition(record, record.best_match, UNTRAINED, layer, name)[:, kind, upright, TARGET]
        for condition, colour in ((TRAINED, BLUE), (UNTRAINED, ORANGE)):
            band(one, centres, of_condition(record, record.match_share, condition, layer, name), colour, condition)
        height = one.get_ylim()[1]
        marks = ((best[:, upright], BLUE, f"best for {TARGET}"), (before, ORANGE, "best, untrained"))
        marks += ((turned_mean(best, 1), GREEN, f"best for turned {TARGET}s, mean"),)
        for step, (values, colour, label) in enumerate(marks):
            at = np.full(len(values), height * (0.75 - 0.12 * step))
            one.plot(values, at, "o", color=colour, ms=3, alpha=0.5, mew=0, label=label)
        one.set_xlim(-0.7, 0.9)
        one.set_title(f"{record.layers[layer]}, by {_NAMES[name]}", fontsize=10)
        plain(one, grid="y")
        means = [mean(values, None) for values, *_ in marks]
        told.append(f"{record.layers[layer]} {_NAMES[name]} " + ", ".join(f"{value:.2f}" for value in means))
    for one in axes[-len(record.views) :]:
        one.set_xlabel(f"correlation with the template of {TARGET}", fontsize=9)
    for one in axes[:: len(record.views)]:
        one.set_ylabel("share of neurons", fontsize=9)
    figure.legend(
        *axes[0].get_legend_handles_labels(), fontsize=9, ncols=5, loc="outside lower center", markerscale=1.6
    )
    title = f"Neurons by how alike they and a {TARGET} are, and the best of each network beside its nulls"
    text = f"Best for {TARGET}, best of untrained networks, best for turned {TARGET}s: {'; '.join(told)}"
    return finish(figure, record, title, f"{BAND}; dot: one network's best neuron, at no height", text, ("5.6",))


def needs(record: Record) -> Figure:
    """Does the neuron that looks most like the target fire for it, and is it needed?"""
    figure, axes = panels(1, 2, (4.6, 3.2))
    trained, before = (record.conditions.index(name) for name in (TRAINED, UNTRAINED))
    strips(axes[0], record.match_auc[:, trained], BLUE, f"looks most like a {TARGET}", -0.25)
    strips(axes[0], record.teller_auc[:, trained], GREEN, "most differentiated")
    strips(axes[0], record.match_auc[:, before], ORANGE, f"looks most like a {TARGET}, untrained", 0.25)
    axes[0].axhline(0.5, color=GREY, linewidth=0.8)
    axes[0].set_xticks(range(len(record.layers)), record.layers, fontsize=9)
    axes[0].set_ylabel(f"AUC, {TARGET}s against all other images", fontsize=9)
    shape = len(record.diverged), -1
    groups = (
        (record.match_loss, BLUE, f"looks most like a {TARGET}", -0.25),
        (record.worst_loss, GREEN, "the worst neuron, chosen on other images", 0.0),
        (record.random_loss, ORANGE, "a neuron at random", 0.25),
    )
    for values, colour, label, shift in groups:
        strips(axes[1], np.swapaxes(values, 1, 2).reshape(shape), colour, label, shift)
    names = [f"{layer}\n{kind}" for layer in record.layers for kind in record.ablations]
    axes[1].set_xticks(range(len(names)), names, fontsize=8)
    axes[1].axhline(0, color=GREY, linewidth=0.8)
    axes[1].set_ylabel(f"accuracy on {TARGET}s lost without it", fontsize=9)
    for one in axes:
        one.legend(fontsize=8, frameon=False, loc="best")
        plain(one, grid="y")
    lost = mean(record.match_loss, None)
    aucs = ", ".join(
        f"{name} {mean(record.match_auc[:, trained, layer], None):.2f}" for layer, name in enumerate(record.layers)
    )
    title = f"Does the neuron that looks most like a {TARGET} fire for {TARGET}s, and are they lost without it?"
    text = f"AUC: {aucs}. Accuracy lost without it, mean over layers and ablations: {lost:.4f}"
    return finish(figure, record, title, f"{DOTS}; left all, right by kind of ablation", text, ("5.6",))
