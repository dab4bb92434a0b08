"""How do networks solve XOR? Figures of row 2.1."""

from collections import Counter

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.analysis import gates
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, panels, plain
from jaxinterp.report.figures.llm_labels.captions import caption, name_axes
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.llm_labels import xor
from jaxinterp.studies.llm_labels.neurons import XOR, mean_of
from jaxinterp.studies.study import Results

_WAYS = 8  # ways of solving XOR that are named
_PLANES = 6  # networks whose planes are drawn
_TARGETS = np.array([0, 1, 1, 0])


def figures(results: Results) -> list[Figure]:
    """The figures of this topic."""
    return [solutions(results), planes(results)]


def solutions(results: Results) -> Figure:
    """Outputs on the four inputs, final losses, how many neurons are needed, and the ways."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    (outputs, loss), (needed, ways) = figure.subplots(2, 2)
    found, counts = xor.solutions(results), xor.counted(results)
    _outputs(outputs, found)
    _losses(loss, results)
    _needed(needed, found)
    _ways(ways, counts)
    means = (
        f"Solved by {mean_of(found.solved)} of them in {len(counts)} ways; fewest neurons {mean_of(found.fewest, 2)}"
    )
    title = "How is XOR solved? Networks 2-4-1, trained and (loss) untrained"
    notes = "x, y: the inputs; ways up to swapping and inverting them"
    return caption(figure, results, title, notes, means, "2.1", recipe=XOR)


def _outputs(axes: Axes, found: xr.Dataset) -> None:
    columns, outputs = np.arange(found.sizes["corners"]), found.outputs.transpose("seeds", "corners")
    for solved, colour, name in ((1, BLUE, "solves XOR"), (0, ORANGE, "does not")):
        chosen = outputs.to_numpy()[found.solved.to_numpy() == solved]
        jitter = np.linspace(-0.15, 0.15, len(chosen))[:, None]
        axes.plot((columns + jitter).ravel(), chosen.ravel(), ".", color=colour, alpha=0.6, label=name)
    axes.plot(columns, _TARGETS, "_", color="black", markersize=26, label="target")
    axes.set_xticks(columns, found.corners.to_numpy())
    name_axes(axes, "input", "output", "Outputs for the four inputs")
    axes.legend(fontsize=8, frameon=False)
    plain(axes, grid="y")


def _losses(axes: Axes, results: Results) -> None:
    edges = list(np.arange(-16.0, 1.5))
    for condition, colour in ((UNTRAINED, ORANGE), (TRAINED, BLUE)):
        values = xor.solutions(results, condition).loss.dropna("seeds").clip(1e-16, 10)
        axes.hist(np.log10(values), edges, color=colour, alpha=0.7, label=condition)
    axes.axvline(np.log10(xor.PUBLISHED_LOSS), color="black", linestyle=":", label=f"published, {xor.PUBLISHED_LOSS:g}")
    axes.set_xticks(range(-16, 1, 4), ["≤ 1e−16", "1e−12", "1e−8", "1e−4", "1"])
    name_axes(axes, "mean squared error on the four inputs", "networks", "Final loss")
    axes.legend(fontsize=8, frameon=False)
    plain(axes, grid="y")


def _needed(axes: Axes, found: xr.Dataset) -> None:
    sizes = np.arange(found.sizes["neurons"] + 1)
    live = xor.alive(found).sum("neurons").where(found.solved == 1)
    for values, colour, name, shift in (
        (live, GREEN, "live neurons", -0.2),
        (found.fewest, BLUE, "fewest that solve it alone", 0.2),
    ):
        axes.bar(sizes + shift, [int((values == size).sum()) for size in sizes], 0.4, color=colour, label=name)
    axes.set_xticks(sizes)
    name_axes(axes, "hidden neurons", "networks that solve XOR", "How many neurons does it take?")
    axes.legend(fontsize=8, frameon=False)
    plain(axes, grid="y")


def _ways(axes: Axes, counts: Counter) -> None:
    common = counts.most_common(_WAYS)
    others = sum(counts.values()) - sum(times for _, times in common)
    bars = [(gates.spelled(way), times) for way, times in common]
    bars += [(f"{len(counts) - len(common)} others", others)] if others else []
    axes.barh(range(len(bars)), [times for _, times in bars], color=[BLUE] * len(common) + [GREY])
    axes.set_yticks(range(len(bars)), [name for name, _ in bars], fontsize=8)
    axes.set_ylim(max(len(bars), 1) - 0.5, -0.5)
    name_axes(axes, "networks", "", f"{len(counts)} ways: where neurons are active")
    plain(axes)


def planes(results: Results) -> Figure:
    """What some networks compute over the plane, and where their neurons become active."""
    ways = xor.solving_ways(results)
    seeds = [ways.index(way) for way, _ in xor.counted(results).most_common(_PLANES)]
    figure, grid = panels(2, 3, (2.9, 2.9), sharex=True, sharey=True)
    contours = [
        _plane(axes, xor.solutions(results).isel(seeds=seed), f"seed {seed}: {gates.spelled(ways[seed] or ())}")
        for axes, seed in zip(grid, seeds, strict=False)
    ]
    for axes in grid[len(seeds) :]:
        axes.set_axis_off()
    if contours:
        figure.colorbar(contours[-1], ax=grid, shrink=0.7, label="output, cut off at −1 and 2")
    title = "What networks that solve XOR compute: the first seed of each of the most common ways"
    notes = "a line: where a neuron becomes active (dotted: on no corner); black corners: target 1"
    means = f"Shown: seeds {', '.join(map(str, seeds)) or 'none'}"
    return caption(figure, results, title, notes, means, "2.1", recipe=XOR)


def _plane(axes: Axes, found: xr.Dataset, title: str):
    line = np.linspace(-0.5, 1.5, 81)
    x, y = np.meshgrid(line, line)
    grid = xr.DataArray(np.stack([x, y]), dims=("inputs", "y", "x"))
    entering = (found.kernel * grid).sum("inputs") + found.bias
    output = (entering.clip(0) * found.outgoing).sum("neurons") + found.offset
    levels = list(np.linspace(-1, 2, 13))
    contour = axes.contourf(x, y, output.transpose("y", "x").clip(-1, 2), levels=levels, cmap="RdBu_r")
    for neuron in range(found.sizes["neurons"]):
        own = entering.isel(neurons=neuron).transpose("y", "x")
        style = "-" if xor.alive(found).isel(neurons=neuron) == 1 else ":"
        axes.contour(x, y, own, levels=[0], colors="black", linewidths=1.2, linestyles=style)
    colours = np.where(_TARGETS, "black", "white").tolist()
    axes.scatter([0, 0, 1, 1], [0, 1, 0, 1], c=colours, edgecolors="black", s=45, zorder=3)
    name_axes(axes, "x", "y", title)
    axes.label_outer()
    axes.title.set_fontsize(9)
    return contour
