"""Is what a language model is told of a neuron what the neuron does? Figures of study `llm-labels`."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.analysis.facets import SHARE
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, plain
from jaxinterp.stats import indicator
from jaxinterp.stats import known_mean as mean
from jaxinterp.studies.claims import in_words
from jaxinterp.studies.llm_labels import widths, xor
from jaxinterp.studies.llm_labels.record import (
    ARMS,
    SIX,
    TRAINED,
    UNTRAINED,
    WIDE,
    XOR,
    LlmLabels,
    figure_of,
    over_live,
)

_WAYS = 8  # ways of solving XOR that are named
_PLANES = 6  # networks whose planes are drawn
_DOTS = "small dot: one network, large: mean"
_NAMES = {SIX: "six neurons", WIDE: "twelve neurons"}


def figures(record: LlmLabels) -> list[Figure]:
    """All figures of the study; pictures where images are square."""
    drawn = [solutions, planes, accuracy, told, counts]
    if math.isqrt(record.pictures.shape[-1]) ** 2 == record.pictures.shape[-1]:
        drawn += [pictures, cards, facets]
    return [draw(record) for draw in drawn]


def solutions(record: LlmLabels) -> Figure:
    """Row 2.1: what XOR networks answer, what loss they end at, how many neurons are needed, and the ways."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    (answers, loss), (needed, ways) = figure.subplots(2, 2)
    before, after = (record.conditions.index(condition) for condition in (UNTRAINED, TRAINED))
    place, right = np.arange(len(record.corners)), xor.solved(record)
    for values, colour, name in ((1, BLUE, "solves XOR"), (0, ORANGE, "does not")):
        chosen = record.xor_outputs[right == values, after]
        jitter = np.linspace(-0.15, 0.15, len(chosen))[:, None]
        answers.plot((place + jitter).ravel(), chosen.ravel(), ".", color=colour, alpha=0.6, label=name)
    answers.plot(place, [0, 1, 1, 0], "_", color="black", markersize=26, label="target")
    answers.set_xticks(place, record.corners)
    _labels(answers, "input", "output", "Answers to the four inputs")
    answers.legend(fontsize=8, frameon=False)

    edges = np.arange(-16.0, 1.5)
    for when, colour, name in ((before, ORANGE, UNTRAINED), (after, BLUE, TRAINED)):
        values = np.clip(record.xor_loss[:, when], 1e-16, 10)
        loss.hist(np.log10(values[np.isfinite(values)]), list(edges), color=colour, alpha=0.7, label=name)
    loss.axvline(np.log10(xor.PUBLISHED_LOSS), color="black", linestyle=":", label=f"published, {xor.PUBLISHED_LOSS:g}")
    loss.set_xticks(range(-16, 1, 4), ["≤ 1e−16", "1e−12", "1e−8", "1e−4", "1"])
    _labels(loss, "mean squared error on the four inputs", "networks", "Final loss")
    loss.legend(fontsize=8, frameon=False)

    sizes = np.arange(record.xor_bias.shape[1] + 1)
    gates = record.xor_gates[:, after]
    live = np.where(right == 1, gates.any(axis=2).sum(axis=1), np.nan)
    for values, colour, name, shift in (
        (live, GREEN, "live neurons", -0.2),
        (xor.needed(record), BLUE, "fewest that solve it alone", 0.2),
    ):
        needed.bar(sizes + shift, [np.sum(values == size) for size in sizes], 0.4, color=colour, label=name)
    needed.set_xticks(sizes)
    _labels(needed, "hidden neurons", "networks that solve XOR", "How many neurons does it take?")
    needed.legend(fontsize=8, frameon=False)

    found = xor.counted(record)
    common = found.most_common(_WAYS)
    others = sum(found.values()) - sum(times for _, times in common)
    bars = [(xor.spelled(gates), times) for gates, times in common]
    bars += [(f"{len(found) - len(common)} others", others)] if others else []
    ways.barh(range(len(bars)), [times for _, times in bars], color=[BLUE] * len(common) + [GREY])
    ways.set_yticks(range(len(bars)), [name for name, _ in bars], fontsize=8)
    ways.set_ylim(max(len(bars), 1) - 0.5, -0.5)
    _labels(ways, "networks", "", f"{len(found)} ways: where neurons fire")
    for axes in (answers, loss, needed):
        plain(axes, grid="y")
    plain(ways)
    title = "How is XOR solved? Networks 2-4-1, trained and (loss) untrained"
    means = (
        f"Solved by {figure_of(right)} of them in {len(found)} ways; fewest neurons {figure_of(xor.needed(record), 2)}"
    )
    return _finish(figure, record, XOR, title, "x, y: the inputs; ways but for swapping and inverting them", means)


def planes(record: LlmLabels) -> Figure:
    """Row 2.1: what some networks compute over the plane, and where their neurons begin to fire."""
    kinds, right = xor.kinds(record), xor.solved(record)
    chosen = []
    for kind, _ in xor.counted(record).most_common(_PLANES):
        chosen.append(next(s for s, own in enumerate(kinds) if own == kind and right[s] == 1))
    figure, panels = _panels(2, 3, (2.9, 2.9), sharex=True, sharey=True)
    axis = np.linspace(-0.5, 1.5, 81)
    x, y = np.meshgrid(axis, axis)
    shown = None
    for axes, seed in zip(panels, chosen, strict=False):
        entering = np.einsum("in,i...->...n", record.xor_kernel[seed], np.stack([x, y])) + record.xor_bias[seed]
        output = np.maximum(entering, 0) @ record.xor_outgoing[seed] + record.xor_offset[seed]
        shown = axes.contourf(x, y, np.clip(output, -1, 2), levels=list(np.linspace(-1, 2, 13)), cmap="RdBu_r")
        for neuron in range(entering.shape[-1]):
            fires = record.xor_gates[seed, record.conditions.index(TRAINED), neuron].any()
            style = "-" if fires else ":"
            axes.contour(x, y, entering[..., neuron], levels=[0], colors="black", linewidths=1.2, linestyles=style)
        axes.scatter(
            [0, 0, 1, 1], [0, 1, 0, 1], c=["white", "black", "black", "white"], edgecolors="black", s=45, zorder=3
        )
        axes.set_title(f"seed {seed}: {xor.spelled(kinds[seed] or ())}", fontsize=9)
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    for axes in panels:
        _labels(axes, "x", "y", axes.get_title())
        axes.label_outer()
    if shown is not None:
        figure.colorbar(shown, ax=panels, shrink=0.7, label="output, cut off at −1 and 2")
    title = "What networks that solve XOR compute: the first seed of each of the commonest ways"
    notes = "a line: where a neuron begins to fire (dotted: on no corner); black corners: target 1"
    return _finish(figure, record, XOR, title, notes, f"Shown: seeds {', '.join(map(str, chosen)) or 'none'}")


def accuracy(record: LlmLabels) -> Figure:
    """Row 2.2: accuracy against live neurons."""
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    said = []
    for arm, colour, shift in zip(ARMS, (BLUE, ORANGE), (-0.12, 0.12), strict=True):
        count, values = widths.alive(record, arm), widths.accuracy(record, arm)
        jitter = shift + np.linspace(-0.08, 0.08, len(count))
        axes.plot(count + jitter, values, ".", color=colour, alpha=0.5)
        levels = np.unique(count[np.isfinite(count)])
        means = [mean(np.where(count == level, values, np.nan), None) for level in levels]
        axes.plot(levels + shift, means, "_", color=colour, markersize=16, mew=2.5, label=_NAMES[arm])
        said.append(f"{_NAMES[arm]} {figure_of(values)} with {figure_of(count, 2)} live")
    width = int(record.widths[record.arms.index(SIX)])
    axes.plot(
        width - widths.PUBLISHED_DEAD, widths.PUBLISHED_ACCURACY, "*", color="black", markersize=13, label="published"
    )
    axes.axhline(0.1, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1)
    axes.set_xticks(range(int(record.widths.max()) + 1))
    _labels(axes, "neurons that fire on some test image", "test accuracy", "")
    plain(axes, grid="y")
    axes.legend(fontsize=9, frameon=False, loc="lower right")
    title = "Test accuracy by the number of live neurons, networks of six and of twelve"
    r = widths.rank_correlation(widths.alive(record, SIX), widths.accuracy(record, SIX)).mean
    means = f"Means: {'; '.join(said)}. Rank correlation, six neurons: {in_words(r, 2)}"
    return _finish(figure, record, SIX, title, "dot: one network, bar: mean; dotted: guessing", means)


def told(record: LlmLabels) -> Figure:
    """Rows 2.3 to 2.5: how much each description tells, beside its controls."""

    def of(values, condition=TRAINED):
        values = values[:, record.arms.index(SIX), record.conditions.index(condition)]
        return over_live(record, values, SIX, condition)

    def rebuilt(name, condition=TRAINED):
        return of(record.rebuilt[:, :, :, record.lists.index(name)], condition)

    rows = {
        "variance between digits": {
            TRAINED: of(record.explained),
            UNTRAINED: of(record.explained, UNTRAINED),
            "labels permuted": of(record.explained_permuted),
        },
        "input rebuilt from ten pixels": {
            "largest weights": rebuilt("weight"),
            "largest contributions": rebuilt("contribution"),
            "pixels at random": rebuilt("random"),
            UNTRAINED: rebuilt("weight", UNTRAINED),
        },
        "picture with best images": {
            TRAINED: of(record.likeness),
            "other neurons' images": of(record.likeness_other),
            UNTRAINED: of(record.likeness, UNTRAINED),
        },
    }
    units = ("share of a neuron's variance", "squared correlation", "correlation over pixels")
    figure, panels = _panels(1, len(rows), (3.3, 2.6))
    said = []
    for axes, (name, groups), unit in zip(panels, rows.items(), units, strict=True):
        for place, (group, values) in enumerate(groups.items()):
            colour = BLUE if place == 0 else (SKY if "contribution" in group else ORANGE)
            axes.plot(values, place + np.linspace(-0.15, 0.15, len(values)), ".", color=colour, alpha=0.4)
            axes.plot(mean(values, None), place, "o", color=colour, markeredgecolor="white", markersize=9)
            said.append(f"{name}, {group} {figure_of(values)}")
        axes.set_yticks(range(len(groups)), list(groups), fontsize=9)
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xlim(min(-0.02, axes.get_xlim()[0]), 1)
        _labels(axes, unit, "", name)
        plain(axes)
    title = "How much is told of a live neuron by its class means, its ten largest weights and its picture?"
    return _finish(figure, record, SIX, title, _DOTS, f"Means: {'; '.join(said)}")


def counts(record: LlmLabels) -> Figure:
    """Row 2.8: how many facets planted units, outputs and random directions have, and clusters of best images."""
    after, before = record.conditions.index(TRAINED), record.conditions.index(UNTRAINED)
    made = {
        "outputs": (record.facets_of_outputs[:, after], BLUE),
        "outputs, untrained": (record.facets_of_outputs[:, before], ORANGE),
        "random directions": (record.facets_of_directions, GREY),
        "the layer": (record.facets_of_layer[:, after], GREEN),
        "the layer, untrained": (record.facets_of_layer[:, before], SKY),
    }
    real = {
        "neurons": (record.clusters_of_neurons[:, after], GREEN),
        "neurons, untrained": (record.clusters_of_neurons[:, before], ORANGE),
        "random directions": (record.clusters_of_directions, GREY),
        "outputs": (record.clusters_of_outputs, BLUE),
    }
    figure, (planted, *panels) = _panels(1, 3, (3.7, 3.1))
    said = []
    right = mean(indicator(record.facets_of_planted == record.planted_facets[:, None], record.facets_of_planted), 1)
    planted.barh(range(len(right)), right, color=PURPLE)
    planted.set_yticks(range(len(right)), record.planted, fontsize=8)
    planted.set_ylim(len(right) - 0.5, -0.5)
    planted.set_xlim(0, 1)
    _labels(planted, "share counted rightly", "facets planted", "Planted units (the method)")
    plain(planted, grid="x")
    for kind, share in zip(record.planted, right, strict=True):
        said.append(f"planted {kind}: {in_words(share, 2)} counted rightly")
    most = int(np.nanmax([4, *(np.nanmax(np.nan_to_num(v)) for v, _ in (made | real).values())]))
    levels = np.arange(most + 1)
    titles = ("Facets, by images made", "Clusters of the best test images")
    for axes, groups, title in zip(panels, (made, real), titles, strict=True):
        for place, (name, (values, colour)) in enumerate(groups.items()):
            known = np.isfinite(values).sum()
            shares = [np.sum(values == level) / known if known else 0 for level in levels]
            shift = 0.8 * ((place + 0.5) / len(groups) - 0.5)
            axes.bar(levels + shift, shares, 0.8 / len(groups), color=colour, label=name)
            said.append(f"{title.lower()}, {name} {figure_of(values, 2)}")
        axes.set_xticks(levels)
        axes.set_ylim(0, 1.6)
        axes.set_yticks([0, 0.5, 1])
        axes.legend(fontsize=8, frameon=False, loc="upper right")
        _labels(axes, "number found", "share", title)
        plain(axes, grid="y")
    title = "How many different things does a unit answer to? Networks of six neurons"
    return _finish(figure, record, SIX, title, "all units of all networks", f"Mean numbers: {'; '.join(said)}")


def pictures(record: LlmLabels) -> Figure:
    """Row 2.3: what the recipe finds for every neuron of one network, the exact optima, and the best real images."""
    place, seed, width = _example(record)
    columns = [*record.views, "mean of the best\nnine test images", "best test image"]
    figure, panels = _panels(width, len(columns), (1.25, 1.15))
    free = record.pictures[place, :3, :width]
    bound = float(np.nanmax(np.abs(free), initial=1e-9))
    for unit in range(width):
        row = panels[unit * len(columns) : (unit + 1) * len(columns)]
        best = record.best_images[place, unit]
        shown = [*record.pictures[place, :, unit], best.mean(axis=0), best[0]]
        for axes, image, column in zip(row, shown, range(len(columns)), strict=True):
            signed = column < len(free)
            scale = (
                {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}
                if signed
                else {"cmap": "gray_r", "vmin": 0, "vmax": 1}
            )
            _picture(axes, image, **scale)
            if unit == 0:
                axes.set_title(
                    columns[column].replace("recipe ", "recipe,\n").replace("optimum ", "optimum\n"), fontsize=8
                )
        silent = record.firing[place, unit] == 0
        row[0].set_ylabel(f"neuron {unit}{' (dead)' if silent else ''}", fontsize=8)
    figure.colorbar(panels[0].images[0], ax=panels, shrink=0.5, label="normalised pixel, in the coloured pictures")
    title = f"What maximises each neuron of one network (seed {seed}, of median accuracy), beside the best test images"
    notes = "the recipe's pictures from its first start; coloured ones to one scale, the others in [0, 1]"
    own, other = (
        figure_of(over_live(record, values[:, place, record.conditions.index(TRAINED)]))
        for values in (record.likeness, record.likeness_other)
    )
    means = f"Correlation of a neuron's picture with its best images {own}, with other neurons' {other}"
    return _finish(figure, record, SIX, title, notes, means)


def cards(record: LlmLabels) -> Figure:
    """Rows 2.3 to 2.5: each neuron of one network on a card."""
    place, seed, width = _example(record)
    figure, panels = _panels(width, 4, (2.2, 1.45), width_ratios=(1, 1, 2, 2))
    digits = np.arange(len(record.classes))
    exact = record.pictures[place, record.views.index("exact optimum w/2λ")]
    bound = float(np.nanmax(np.abs(exact[:width]), initial=1e-9))
    for unit in range(width):
        weights, best, profile, outgoing = panels[4 * unit : 4 * unit + 4]
        _picture(weights, exact[unit], cmap="RdBu_r", vmin=-bound, vmax=bound)
        dead = record.firing[place, unit] == 0
        weights.set_ylabel(
            f"neuron {unit}\n{'dead' if dead else f'fires on {100 * record.firing[place, unit]:.0f} %'}", fontsize=8
        )
        images = record.best_images[place, unit]
        side = math.isqrt(images.shape[1])
        tiles = np.zeros((9, side * side))
        tiles[: len(images)] = images[:9]
        grid = tiles.reshape(3, 3, side, side).transpose(0, 2, 1, 3).reshape(3 * side, 3 * side)
        best.imshow(grid, cmap="gray_r", vmin=0, vmax=1)
        best.set(xticks=[], yticks=[])
        mean_, sd = (np.nan_to_num(values[seed, place, unit]) for values in (record.class_mean, record.class_sd))
        profile.bar(digits, mean_, yerr=sd, color=BLUE, error_kw={"elinewidth": 0.8})
        outgoing.bar(
            digits, record.outgoing[place, unit], color=np.where(record.outgoing[place, unit] > 0, ORANGE, GREEN)
        )
        outgoing.axhline(0, color=GREY, linewidth=0.8)
        for axes in (profile, outgoing):
            axes.set_xticks(digits, record.classes, fontsize=8)
            plain(axes, grid="y")
            axes.tick_params(labelsize=8)
    for axes, name in zip(
        panels, ("weights", "best images", "activation, mean ± sd", "outgoing weights"), strict=False
    ):
        axes.set_title(name, fontsize=9)
    for axes in panels[-2:]:
        axes.set_xlabel("digit", fontsize=8)
    title = f"Cards of the neurons of one network (seed {seed}, of median accuracy)"
    notes = "weights to one scale, red raises; test images; outgoing: to the digit's logit"
    explained = over_live(record, record.explained[:, place, record.conditions.index(TRAINED)])
    means = f"Variance of a live neuron between digits, all networks: {figure_of(explained)}"
    return _finish(figure, record, SIX, title, notes, means)


def facets(record: LlmLabels) -> Figure:
    """Row 2.8: the facets that are found of each output of one network."""
    _, seed, _ = _example(record)
    classes = len(record.classes)
    most = max(1, int(np.isfinite(record.facet_shares).any(axis=0).sum()))
    figure, panels = _panels(most, classes, (0.95, 1.15))
    for output in range(classes):
        for facet in range(most):
            axes, share = panels[facet * classes + output], record.facet_shares[output, facet]
            if not np.isfinite(share):
                axes.set_axis_off()
            else:
                _picture(axes, record.facet_images[output, facet], cmap="gray_r", vmin=0, vmax=1)
                axes.set_xlabel(f"{100 * share:.0f} %", fontsize=8, labelpad=1)
            if facet == 0:
                axes.set_title(f"output {record.classes[output]}", fontsize=8)
    found = record.facets_of_outputs[:, record.conditions.index(TRAINED)]
    title = f"Images that light each output through different neurons, in one network (seed {seed}, of median accuracy)"
    notes = f"below: gain over the blank image, as a share of the best; above {100 * SHARE:.0f} % they count"
    return _finish(figure, record, SIX, title, notes, f"Facets an output, all networks: {figure_of(found, 2)}")


def _example(record: LlmLabels) -> tuple[int, int, int]:
    """The place of the arm of six, the seed that is shown, and how many neurons it has."""
    place = record.arms.index(SIX)
    return place, int(record.example[place]), int(record.widths[place])


def _picture(axes: Axes, image: Float[np.ndarray, " pixels"], **scale) -> None:
    side = math.isqrt(len(image))
    axes.imshow(image.reshape(side, side), **scale)
    axes.set(xticks=[], yticks=[])


def _panels(rows: int, columns: int, size: tuple[float, float], **options) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(columns * size[0] + 0.8, rows * size[1] + 0.9), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).flat)


def _labels(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.set_title(title, fontsize=10)


def _finish(figure: Figure, record: LlmLabels, recipe: str, title: str, notes: str, means: str) -> Figure:
    place = record.recipes.index(recipe)
    lost = int(record.diverged[place])
    seeds = f"{int(record.networks[place]) - lost} seeds" + (f", {lost} diverged and left out" if lost else "")
    figure.suptitle(f"{title}\n{seeds}; {notes}", fontsize=11)
    figure.set_label(f"{title}, {seeds}. {means}.")
    return figure
