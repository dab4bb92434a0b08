"""How do networks solve XOR? Figures of row 2.1."""

from collections import Counter

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.analysis import gates
from jaxinterp.report.figures.captions import caption, seeds
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, SIGNED
from jaxinterp.report.figures.drawing import bars, strips
from jaxinterp.report.figures.layout import columns, legend, names, panels, plain, rows
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.llm_labels import xor
from jaxinterp.studies.llm_labels.neurons import XOR
from jaxinterp.studies.study import Results
from jaxinterp.text import mean

_WAYS = 8  # ways of solving XOR that are named
_PLANES = 6  # networks whose planes are drawn
_TARGETS = np.array([0, 1, 1, 0])


def solutions(results: Results) -> Figure:
    """Outputs on the four inputs, final losses, how many neurons are needed, and the ways."""
    figure, [(outputs, loss), (needed, ways)] = panels(2, 2, (5.1, 2.6))
    found, counts = xor.solutions(results), xor.counted(results)
    _outputs(outputs, found)
    _losses(loss, results)
    _needed(needed, found)
    _ways(ways, counts)
    text = f"Solved by {mean(found.solved)} of them in {len(counts)} ways; fewest neurons {mean(found.fewest, 2)}"
    title = "How is XOR solved? Networks 2-4-1, trained and (loss) untrained"
    notes = "x, y: the inputs; ways up to swapping and inverting them"
    return caption(figure, seeds(results, XOR), title, notes, text, "2.1")


def _outputs(axes: Axes, found: xr.Dataset) -> None:
    for solved, colour, name in ((1, BLUE, "solves XOR"), (0, ORANGE, "does not")):
        strips(axes, found.outputs[(found.solved == solved).to_numpy()], colour, name, mark="")
    axes.plot(range(4), _TARGETS, "_", color="black", markersize=26, label="target")
    columns(axes, found.corners.to_numpy())
    legend(axes)
    plain(axes, "Outputs for the four inputs", "input", "output", grid="y")


def _losses(axes: Axes, results: Results) -> None:
    edges = list(np.arange(-16.0, 1.5))
    for condition, colour in ((UNTRAINED, ORANGE), (TRAINED, BLUE)):
        values = xor.solutions(results, condition).loss.dropna("seeds").clip(1e-16, 10)
        axes.hist(np.log10(values), edges, color=colour, alpha=0.7, label=condition)
    published = f"published, {xor.PUBLISHED_LOSS:g}".replace("-", "−")
    axes.axvline(np.log10(xor.PUBLISHED_LOSS), color="black", linestyle=":", label=published)
    axes.set_xticks(range(-16, 1, 4), ["≤ 1e−16", "1e−12", "1e−8", "1e−4", "1"])
    legend(axes)
    plain(axes, "Final loss", "mean squared error on the four inputs", "networks", grid="y")


def _needed(axes: Axes, found: xr.Dataset) -> None:
    sizes = range(found.sizes["neurons"] + 1)
    live = xor.alive(found).sum("neurons").where(found.solved == 1)
    groups = {"live neurons": (live, GREEN), "fewest that solve it alone": (found.fewest, BLUE)}
    bars(axes, {n: ([int((own == size).sum()) for size in sizes], colour) for n, (own, colour) in groups.items()})
    columns(axes, sizes)
    legend(axes)
    plain(axes, "How many neurons does it take?", "hidden neurons", "networks that solve XOR", grid="y")


def _ways(axes: Axes, counts: Counter) -> None:
    common = counts.most_common(_WAYS)
    others = sum(counts.values()) - sum(times for _, times in common)
    bars = {gates.spelled(way): times for way, times in common}
    if others:
        bars[f"{len(counts) - len(common)} others"] = others
    axes.barh(range(len(bars)), list(bars.values()), color=[BLUE] * len(common) + [GREY])
    rows(axes, bars, 8)
    plain(axes, f"{len(counts)} ways: where neurons are active", "networks")


def planes(results: Results) -> Figure:
    """What some networks compute over the plane, and where their neurons become active."""
    ways = xor.solving_ways(results)
    shown = [ways.index(way) for way, _ in xor.counted(results).most_common(_PLANES)]
    figure, grid = panels(2, 3, (2.9, 2.9), sharex=True, sharey=True)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes, seed in zip(grid.flat, shown, strict=False):
        contours = _plane(axes, xor.solutions(results).isel(seeds=seed))
        names(axes, x="x", y="y")
        axes.set_title(f"seed {seed}: {gates.spelled(ways[seed] or ())}", fontsize=9)
        axes.label_outer()
        if seed == shown[-1]:
            figure.colorbar(contours, ax=grid, shrink=0.7, label="output, cut off at −1 and 2")
    title = "What networks that solve XOR compute: the first seed of each of the most common ways"
    notes = "a line: where a neuron becomes active (dotted: on no corner); black corners: target 1"
    text = f"Shown: seeds {', '.join(map(str, shown)) or 'none'}"
    return caption(figure, seeds(results, XOR), title, notes, text, "2.1")


def _plane(axes: Axes, found: xr.Dataset):
    line = np.linspace(-0.5, 1.5, 81)
    x, y = np.meshgrid(line, line)
    grid = xr.DataArray(np.stack([x, y]), dims=("inputs", "y", "x"))
    entering = (found.kernel * grid).sum("inputs") + found.bias
    output = (entering.clip(0) * found.outgoing).sum("neurons") + found.offset
    levels = list(np.linspace(-1, 2, 13))
    contour = axes.contourf(x, y, output.transpose("y", "x").clip(-1, 2), levels=levels, cmap=SIGNED)
    for neuron in range(found.sizes["neurons"]):
        own = entering.isel(neurons=neuron).transpose("y", "x")
        style = "-" if xor.alive(found).isel(neurons=neuron) == 1 else ":"
        axes.contour(x, y, own, levels=[0], colors="black", linewidths=1.2, linestyles=style)
    colours = np.where(_TARGETS, "black", "white").tolist()
    axes.scatter([0, 0, 1, 1], [0, 1, 0, 1], c=colours, edgecolors="black", s=45, zorder=3)
    return contour
