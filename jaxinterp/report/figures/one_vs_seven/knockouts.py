"""How accurate is a network without the neurons that differ between 1s and 7s, or without as many others?"""

from collections.abc import Mapping
from itertools import product

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BLUE, GREEN, ORANGE, PURPLE
from jaxinterp.report.figures.drawing import band
from jaxinterp.report.figures.layout import legend_of, panels, plain
from jaxinterp.studies.one_vs_seven.common import NAME, PLAIN, SMALL
from jaxinterp.studies.one_vs_seven.edits import CLASSES
from jaxinterp.studies.one_vs_seven.knockouts import ALL, GROUPS, KINDS, PUBLISHED, SHOWN
from jaxinterp.studies.study import Results
from jaxinterp.text import mean

_BANDS = "line: mean; band: middle 90 % of networks, of random groups middle 95 % in a network"
_THRESHOLD, _ACCURACY = "threshold of |class difference|", "balanced accuracy among all outputs"


def thresholds(results: Results) -> Figure:
    """Accuracy without the units that differ most, and without as many random and matched ones, by kind of ablation."""
    figure, grid, text = _curves(results, {NAME: _THRESHOLD})
    by_class = results["knockouts"].chosen.sel(recipes=NAME, signs=ALL).mean("seeds")
    for kind, axes in zip(KINDS, grid[0], strict=True):
        axes.set_title(f"{kind}-ablation", fontsize=10)
        for name, style in zip(CLASSES, ("--", ":"), strict=True):
            accuracy = by_class.sel(kinds=kind, classes=name)
            axes.plot(accuracy.thresholds, accuracy, style, color=PURPLE, label=f"on {name}s alone")
    grid[0, 0].plot(PUBLISHED.thresholds, PUBLISHED, "k*", markersize=8, label="published")
    legend_of(figure, grid[0, 0])
    title = "Balanced accuracy, and that on either class, without the units of large class difference or as many others"
    return caption(figure, seeds(results, NAME), title, _BANDS, text, "1.8")


def other_networks(results: Results) -> Figure:
    """The same without dropout and in small networks."""
    arms = {PLAIN: _THRESHOLD, SMALL: "threshold at which the wide networks lose\nas large a share of units"}
    figure, grid, text = _curves(results, arms)
    legend_of(figure, grid[0, 0])
    title = "Without dropout and in small networks: balanced accuracy without the units of large class difference"
    return caption(figure, seeds(results, *arms), title, _BANDS, text, "1.11")


def _curves(results: Results, arms: Mapping[str, str]) -> tuple[Figure, np.ndarray, str]:
    """One row per recipe, one panel per kind of ablation; and the means at one threshold in words."""
    figure, grid = panels(len(arms), len(KINDS), (3.2, 2.8), y=_ACCURACY, sharey=True)
    texts = []
    for axes, ((arm, label), kind) in zip(grid.flat, product(arms.items(), KINDS), strict=True):
        own = results["knockouts"].sel(recipes=arm, kinds=kind)
        band(axes, own.chosen.sel(signs=ALL).mean("classes"), BLUE, "large class difference", "o-", average=True)
        for group, colour in zip(GROUPS, (ORANGE, GREEN), strict=True):
            parts = own.drawn.mean("classes"), own.low, own.high
            drawn, low, high = (part.sel(groups=group).mean("seeds") for part in parts)
            axes.plot(drawn.thresholds, drawn, color=colour, linewidth=1.6, label=f"as many, {group}")
            axes.fill_between(drawn.thresholds, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.set_ylim(-0.03, 1.03)
        plain(axes, f"{arm}, {kind}-ablation", label, grid="y")
        shown = own.sel(thresholds=SHOWN)
        drawn = means({f"as many {group}": shown.drawn.sel(groups=group) for group in GROUPS})
        texts.append(f"{arm}, {kind} at {SHOWN:g}: {mean(shown.chosen.sel(signs=ALL))}, {drawn}")
    return figure, grid, "; ".join(texts)


def draws(results: Results) -> Figure:
    """The histogram that the write-up wanted: accuracy of every random group, and of each network's chosen one."""
    figure, [row] = panels(1, len(GROUPS), (4.1, 2.8), _ACCURACY, "share of groups", sharey=True)
    found = results["knockouts"].sel(recipes=NAME, kinds="zero")
    chosen = found.chosen.sel(signs=ALL, thresholds=SHOWN).mean("classes", skipna=False).dropna("seeds")
    bins, texts = np.linspace(0, 1, 101), [f"Chosen {mean(chosen)}"]
    for axes, (group, drawn) in zip(row, by(found.by_draw, "groups").items(), strict=True):
        values = drawn.to_numpy()[drawn.notnull()]
        shares = np.full(values.size, 1 / max(values.size, 1))
        axes.hist(values, bins, weights=shares, color=ORANGE, label="as many others")
        whole = axes.get_xaxis_transform()
        axes.vlines(chosen, 0, 1, transform=whole, color=BLUE, linewidth=1.2, label="chosen, by network")
        axes.set(xlim=(0, 1.01), ylim=(0, 1.03))
        axes.set_xticks(np.linspace(0, 1, 6)[:-1] if axes is not row[-1] else np.linspace(0, 1, 6))  # panels meet there
        plain(axes, f"others: {group}", grid="y")
        texts.append(f"as many {group}: {mean(drawn)}, lowest {mean(drawn.min())}")
    legend_of(figure, row[0])
    title = f"Number or identity: {found.sizes['draws']} random groups for each network, and the chosen units"
    notes = f"threshold {SHOWN:g}, zero-ablation, last hidden layer"
    return caption(figure, seeds(results, NAME), title, notes, "; ".join(texts), "1.9")
