"""What do the neurons of study `one-vs-seven` do? Class differences, knock-outs, strokes, their like elsewhere."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, PURPLE, plain
from jaxinterp.report.figures.one_vs_seven.common import LINES, MIDDLE, band, columns, finish, legend, present
from jaxinterp.studies.one_vs_seven.drops import PUBLISHED
from jaxinterp.studies.one_vs_seven.knockouts import SHOWN, SMALL_DIFFERENCE
from jaxinterp.studies.one_vs_seven.record import LARGEST_GROUP, PLAIN, SMALL, STROKES, STUDY, OneVsSeven, mean
from jaxinterp.studies.one_vs_seven.strokes import DIFFERENCE

_BANDS = "line: mean; band: middle 90 % of networks, of random groups middle 95 % in a network"
_SPREAD = "dot: mean, bar: middle 90 % of networks"


def differences(record: OneVsSeven) -> Figure:
    """Histogram of the class difference in every kind of network, beside permuted labels and untrained networks."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    grid = figure.subplots(len(record.layers), len(record.arms), sharex=True, squeeze=False)
    middle, told = (record.bin_edges[1:] + record.bin_edges[:-1]) / 2, []
    for row, layer in enumerate(record.layers):
        for column, arm in enumerate(record.arms):
            axes: Axes = grid[row, column]
            for name, values, colour in zip(
                record.conditions, record.difference_bins[:, column, row], (BLUE, ORANGE, GREY), strict=True
            ):
                known = columns(values)
                if known.shape[-1]:
                    axes.step(middle, known.mean(axis=-1), where="mid", color=colour, label=name, linewidth=1.4)
            for edge in (-SMALL_DIFFERENCE, SMALL_DIFFERENCE):
                axes.axvline(edge, color=GREY, linewidth=0.8, linestyle=":")
            share = mean(record.difference_small[0, column, row], 2)
            axes.set_yscale("symlog", linthresh=0.01)
            axes.set_ylim(0, 1.1)
            axes.set_title(f"{arm}, {layer}\n{share} within ±{SMALL_DIFFERENCE:g}", fontsize=9)
            plain(axes, grid="y")
            told.append(f"{arm}, {layer} {share}")
        grid[row, 0].set_ylabel("share of units", fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel("mean activation on 1s less on 7s", fontsize=9)
    legend(figure, grid[0, 0])
    title = "Class difference of every unit, beside permuted labels and untrained networks"
    notes = "mean over networks; what lies beyond ±2 is in the outer bins"
    return finish(
        figure, title, notes, _all_networks(record), f"Trained, share within ±{SMALL_DIFFERENCE:g}: {'; '.join(told)}"
    )


def knock_outs(record: OneVsSeven) -> Figure:
    """Accuracy without the units that differ most, beside as many random and matched ones, by kind of ablation."""
    figure = Figure(figsize=(10.4, 3.9), layout="constrained")
    grid = figure.subplots(1, len(record.kinds), sharey=True, squeeze=False)
    told = _knocked(grid[0], record, record.arms.index(STUDY), classes=True)
    grid[0, record.kinds.index("zero")].plot(record.thresholds, PUBLISHED, "k*", markersize=8, label="published")
    for axes in grid[0]:
        axes.set_xlabel("threshold of |class difference|", fontsize=9)
    legend(figure, grid[0, record.kinds.index("zero")])
    title = "Accuracy without the units of the last hidden layer of large class difference, beside as many others"
    return finish(figure, title, _BANDS, f"{present(record, STUDY)} networks", told)


def other_networks(record: OneVsSeven) -> Figure:
    """The same without dropout and in small networks."""
    arms = (PLAIN, SMALL)
    figure = Figure(figsize=(10.4, 6.2), layout="constrained")
    grid = figure.subplots(len(arms), len(record.kinds), sharey=True, squeeze=False)
    told = []
    for row, arm in enumerate(arms):
        told.append(f"{arm}: {_knocked(grid[row], record, record.arms.index(arm), classes=False)}")
        for axes in grid[row]:
            axes.set_title(f"{arm}, {axes.get_title()}", fontsize=9)
            axes.set_xlabel(
                "threshold at which the wide networks lose\nas large a share of units"
                if arm == SMALL
                else "threshold of |class difference|",
                fontsize=9,
            )
    legend(figure, grid[0, 0])
    networks = ", ".join(f"{present(record, arm)} {arm}" for arm in arms)
    title = "Without dropout and in small networks: accuracy without the units of large class difference"
    return finish(figure, title, _BANDS, networks, ". ".join(told))


def _knocked(panels, record: OneVsSeven, arm: int, *, classes: bool) -> str:
    told = []
    for place, (axes, kind) in enumerate(zip(panels, record.kinds, strict=True)):
        chosen = record.knocked[arm, 0, :, place]
        band(axes, record.thresholds, chosen, BLUE, "large class difference")
        for group, (name, colour) in enumerate(zip(record.groups, (ORANGE, GREEN), strict=True)):
            drawn = [part[arm, group, :, place] for part in (record.drawn_mean, record.drawn_low, record.drawn_high)]
            centre, low, high = (columns(part) for part in drawn)
            if centre.size:
                line = centre.mean(axis=1)
                axes.plot(record.thresholds, line, color=colour, linewidth=1.8, label=f"as many, {name}")
                ends = low.mean(axis=1), high.mean(axis=1)
                axes.fill_between(record.thresholds, *ends, color=colour, alpha=0.2, linewidth=0)
        if classes:
            for label, style in zip(record.classes, ("--", ":"), strict=True):
                known = columns(record.knocked_classes[arm, 0, :, place, record.classes.index(label)])
                if known.shape[-1]:
                    axes.plot(record.thresholds, known.mean(axis=-1), style, color=PURPLE, label=f"on {label}s alone")
        axes.set_title(f"{kind}-ablation", fontsize=10)
        axes.set_ylim(-0.03, 1.03)
        plain(axes, grid="y")
        drawn = ", ".join(
            f"as many {name} {mean(record.drawn_mean[arm, group, SHOWN, place])}"
            for group, name in enumerate(record.groups)
        )
        told.append(f"{kind} at {record.thresholds[SHOWN]:g}: {mean(chosen[SHOWN])}, {drawn}")
    panels[0].set_ylabel("accuracy among all outputs", fontsize=9)
    return "; ".join(told)


def draws(record: OneVsSeven) -> Figure:
    """The histogram that the write-up wanted: accuracy of every random group, and of each network's chosen one."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, len(record.groups), sharey=True)
    arm, zero = record.arms.index(STUDY), record.kinds.index("zero")
    chosen = columns(record.knocked[arm, 0, SHOWN, zero])
    bins, told = np.linspace(0, 1, 101), [f"Chosen {mean(chosen)}"]
    for axes, name, values in zip(panels, record.groups, record.draws, strict=True):
        known = values[np.isfinite(values).all(axis=-1)].ravel()
        if known.size:
            axes.hist(known, bins, weights=np.full(known.size, 1 / known.size), color=ORANGE, label="as many others")
            for place, value in enumerate(chosen):
                label = "the chosen units, a line a network" if not place else None
                axes.axvline(value, color=BLUE, linewidth=1.2, label=label)
        axes.set_xlabel("accuracy among all outputs", fontsize=9)
        axes.set_xlim(0, 1.01)
        axes.set_title(f"others: {name}", fontsize=10)
        plain(axes, grid="y")
        told.append(f"as many {name}: {mean(known)}, lowest {mean(known, of=np.min)}")
    legend(figure, panels[0])
    panels[0].set_ylabel("share of groups", fontsize=9)
    title = f"Number or identity: {record.draws.shape[-1]} random groups a network beside the chosen units"
    notes = f"threshold {record.thresholds[SHOWN]:g}, zero-ablation, last hidden layer"
    return finish(figure, title, notes, f"{len(chosen)} networks", "; ".join(told))


def retrieval(record: OneVsSeven) -> Figure:
    """How well each method finds the units that carry the stroke, where the truth is known."""
    base = record.carriers
    quarter = np.where(np.isfinite(base), record.quarters[:, None], np.nan)
    shown = (
        ("precision", record.precision, base),
        ("recall", record.recall, quarter),
        ("share found of the\nquarter moved most", record.found_moved, quarter),
        ("share found of the\nquarter restoring most", record.found_patched, quarter),
    )
    figure = Figure(figsize=(10.4, 5.8), layout="constrained")
    grid = figure.subplots(len(record.layers), len(shown), sharey=True, sharex=True, squeeze=False)
    told = []
    for row, layer in enumerate(record.layers):
        for column, (name, values, chance) in enumerate(shown):
            axes: Axes = grid[row, column]
            for place, method in enumerate(record.methods):
                _interval(axes, place, values[place, row], BLUE if method == DIFFERENCE else GREY)
            expected = columns(chance[row])
            if expected.size:
                axes.axvline(expected.mean(), color=ORANGE, linewidth=1.2, linestyle="--", label="random order")
            axes.set_title(f"{layer}: {name}", fontsize=9)
            axes.set_yticks(range(len(record.methods)), list(record.methods), fontsize=9)
            axes.set_ylim(len(record.methods) - 0.5, -0.5)
            axes.set_xlim(0, 1.04)
            plain(axes)
        found = ", ".join(f"{m} {mean(v)}" for m, v in zip(record.methods, record.found_patched[:, row], strict=True))
        told.append(f"{layer}, share found of the quarter that restores most: {found}, random {mean(quarter[row])}")
    legend(figure, grid[0, 0])
    title = "Which units carry the stroke? The first quarter by each method, on data that differ by the stroke alone"
    return finish(figure, title, _SPREAD, f"{present(record, STROKES)} networks", "; ".join(told))


def patching(record: OneVsSeven) -> Figure:
    """How many units carry the top bar of a 7: share of the margin that the first few restore."""
    figure = Figure(figsize=(8.4, 3.7), layout="constrained")
    panels = figure.subplots(1, len(record.layers), sharey=True)
    told = []
    for place, (axes, layer) in enumerate(zip(panels, record.layers, strict=True)):
        band(axes, record.sizes, record.patch_restored[place], BLUE, "those that restore most")
        for values, colour, marker, name in (
            (record.patch_random[place], ORANGE, "D", "random"),
            (record.patch_by_difference[place], GREEN, "s", f"largest {DIFFERENCE}"),
        ):
            known = columns(values)
            if known.size:
                label = f"{LARGEST_GROUP} units, {name}"
                axes.plot(LARGEST_GROUP, known.mean(), marker, color=colour, label=label)
                axes.plot(2 * (LARGEST_GROUP,), np.quantile(known, MIDDLE), color=colour, linewidth=4, alpha=0.4)
        axes.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
        axes.set_xscale("log", base=2)
        axes.set_xticks(record.sizes, list(map(str, record.sizes)))
        axes.set_xlabel("units patched", fontsize=9)
        axes.set_title(layer, fontsize=10)
        plain(axes, grid="y")
        top, random = mean(record.patch_top[place]), mean(record.patch_random[place])
        told.append(f"{layer}: {LARGEST_GROUP} units restore {top}, random {random}")
    panels[0].set_ylabel("share of the lost margin restored", fontsize=9)
    legend(figure, panels[0])
    title = "Units that carry a real 7's top bar: margin restored by patching, beside random units"
    return finish(figure, title, f"{LINES}; ranked on other 7s", f"{present(record, STUDY)} networks", "; ".join(told))


def analogy(record: OneVsSeven) -> Figure:
    """Correlation of the found units with their best match in other networks, beside what chance gives."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    grid = figure.subplots(len(record.layers), len(record.arms), sharex=True, sharey=True, squeeze=False)
    told = []
    for row, layer in enumerate(record.layers):
        for column, arm in enumerate(record.arms):
            axes: Axes = grid[row, column]
            for place, name in enumerate(record.comparisons):
                matrix = record.analogy[place, column, row]
                pairs = matrix[~np.eye(len(matrix), dtype=bool)]
                _interval(axes, place, pairs, BLUE if not place else ORANGE)
                told.append(f"{arm}, {layer}, {name} {mean(pairs)}")
            axes.set_yticks(range(len(record.comparisons)), list(record.comparisons), fontsize=9)
            axes.set_ylim(len(record.comparisons) - 0.5, -0.5)
            axes.set_title(f"{arm}, {layer}", fontsize=9)
            plain(axes)
    for axes in grid[-1]:
        axes.set_xlabel("correlation with the best match", fontsize=9)
    title = "Have the units of largest class difference their like in other networks?"
    notes = "dot: mean, bar: middle 90 % of ordered pairs"
    return finish(figure, title, notes, _all_networks(record), "; ".join(told))


def _interval(axes: Axes, place: int, values: Float[np.ndarray, " any"], colour: str) -> None:
    known = values[np.isfinite(values)]
    if known.size:
        axes.plot(np.quantile(known, MIDDLE), (place, place), color=colour, linewidth=4, alpha=0.4)
        axes.plot(known.mean(), place, "o", color=colour, markersize=6, markeredgecolor="white")


def _all_networks(record: OneVsSeven) -> str:
    return ", ".join(f"{present(record, arm)} {arm}" for arm in record.arms) + " networks"
