"""How accurate is a network without the neurons that differ between 1s and 7s, or without as many others?"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREEN, ORANGE, PURPLE, plain
from jaxinterp.report.figures.one_vs_seven.common import band, finish, legend, networks
from jaxinterp.studies.one_vs_seven.common import NAME, PLAIN, SMALL, mean
from jaxinterp.studies.one_vs_seven.edits import CLASSES
from jaxinterp.studies.one_vs_seven.knockouts import ALL, GROUPS, KINDS, PUBLISHED, SHOWN
from jaxinterp.studies.study import Results

_BANDS = "line: mean; band: middle 90 % of networks, of random groups middle 95 % in a network"
_COLOURS = dict(zip(GROUPS, (ORANGE, GREEN), strict=True))


def figures(results: Results) -> list[Figure]:
    """Accuracy against the threshold, every random group at one threshold, and other kinds of networks."""
    return [thresholds(results), draws(results), other_networks(results)]


def thresholds(results: Results) -> Figure:
    """Accuracy without the units that differ most, and without as many random and matched ones, by kind of ablation."""
    figure = Figure(figsize=(10.4, 3.9), layout="constrained")
    panels = figure.subplots(1, len(KINDS), sharey=True)
    found = results["knockouts"].sel(recipes=NAME)
    text = _curves(panels, found)
    for kind, axes in zip(KINDS, panels, strict=True):
        for name, style in zip(CLASSES, ("--", ":"), strict=True):
            accuracy = found.by_class.sel(kinds=kind, classes=name).mean("seeds")
            axes.plot(accuracy.thresholds, accuracy, style, color=PURPLE, label=f"on {name}s alone")
        axes.set_xlabel("threshold of |class difference|", fontsize=9)
    panels[0].plot(PUBLISHED.thresholds, PUBLISHED, "k*", markersize=8, label="published")
    legend(figure, panels[0])
    title = "Accuracy without the units of the last hidden layer of large class difference, or without as many others"
    return finish(figure, title, _BANDS, networks(results, NAME), text, "1.8")


def other_networks(results: Results) -> Figure:
    """The same without dropout and in small networks."""
    arms = {
        PLAIN: "threshold of |class difference|",
        SMALL: "threshold at which the wide networks lose\nas large a share of units",
    }
    figure = Figure(figsize=(10.4, 6.2), layout="constrained")
    grid = figure.subplots(len(arms), len(KINDS), sharey=True)
    texts = []
    for row, (arm, label) in zip(grid, arms.items(), strict=True):
        texts.append(f"{arm}: {_curves(row, results['knockouts'].sel(recipes=arm))}")
        for axes in row:
            axes.set_title(f"{arm}, {axes.get_title()}", fontsize=9)
            axes.set_xlabel(label, fontsize=9)
    legend(figure, grid[0, 0])
    title = "Without dropout and in small networks: accuracy without the units of large class difference"
    return finish(figure, title, _BANDS, networks(results, *arms), ". ".join(texts), "1.11")


def _curves(panels: np.ndarray, found: xr.Dataset) -> str:
    """One panel for each kind of ablation; returns the means at one threshold in words."""
    texts = []
    for kind, axes in zip(KINDS, panels, strict=True):
        own = found.sel(kinds=kind)
        band(axes, own.chosen.sel(signs=ALL), BLUE, "large class difference")
        for group, colour in _COLOURS.items():
            drawn, low, high = (part.sel(groups=group).mean("seeds") for part in (own.drawn, own.low, own.high))
            axes.plot(drawn.thresholds, drawn, color=colour, linewidth=1.8, label=f"as many, {group}")
            axes.fill_between(drawn.thresholds, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.set_title(f"{kind}-ablation", fontsize=10)
        axes.set_ylim(-0.03, 1.03)
        plain(axes, grid="y")
        shown = own.sel(thresholds=SHOWN)
        drawn = ", ".join(f"as many {group} {mean(shown.drawn.sel(groups=group))}" for group in GROUPS)
        texts.append(f"{kind} at {SHOWN:g}: {mean(shown.chosen.sel(signs=ALL))}, {drawn}")
    panels[0].set_ylabel("accuracy among all outputs", fontsize=9)
    return "; ".join(texts)


def draws(results: Results) -> Figure:
    """The histogram that the write-up wanted: accuracy of every random group, and of each network's chosen one."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, len(GROUPS), sharey=True)
    found = results["knockouts"].sel(recipes=NAME, kinds="zero")
    chosen = found.chosen.sel(signs=ALL, thresholds=SHOWN).dropna("seeds")
    bins, texts = np.linspace(0, 1, 101), [f"Chosen {mean(chosen)}"]
    for axes, group in zip(panels, GROUPS, strict=True):
        drawn = found.by_draw.sel(groups=group)
        values = drawn.to_numpy()[drawn.notnull()]
        axes.hist(
            values, bins, weights=np.full(values.size, 1 / max(values.size, 1)), color=ORANGE, label="as many others"
        )
        axes.vlines(
            chosen, 0, 1, transform=axes.get_xaxis_transform(), color=BLUE, linewidth=1.2, label="chosen, by network"
        )
        axes.set_xlabel("accuracy among all outputs", fontsize=9)
        axes.set_xlim(0, 1.01)
        axes.set_title(f"others: {group}", fontsize=10)
        plain(axes, grid="y")
        texts.append(f"as many {group}: {mean(drawn)}, lowest {mean(drawn.min())}")
    legend(figure, panels[0])
    panels[0].set_ylabel("share of groups", fontsize=9)
    title = f"Number or identity: {found.sizes['draws']} random groups for each network, and the chosen units"
    notes = f"threshold {SHOWN:g}, zero-ablation, last hidden layer"
    return finish(figure, title, notes, networks(results, NAME), "; ".join(texts), "1.9")
