"""How many different things does a unit respond to? Figures of row 2.8."""

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.analysis.facets import SHARE
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, panels, plain
from jaxinterp.report.figures.llm_labels.captions import caption, name_axes
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.llm_labels.facets import counted_rightly
from jaxinterp.studies.llm_labels.neurons import mean_of
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

Groups = dict[str, tuple[xr.DataArray, str]]


def figures(results: Results) -> list[Figure]:
    """The figures of this topic."""
    return [counts(results), images(results)]


def counts(results: Results) -> Figure:
    """How many facets planted units, outputs and random directions have, and clusters of best images."""
    after, before = (results["facets"].sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    made: Groups = {
        "outputs": (after.outputs, BLUE),
        "outputs, untrained": (before.outputs, ORANGE),
        "random directions": (after.random, GREY),
        "the layer": (after.layer, GREEN),
        "the layer, untrained": (before.layer, SKY),
    }
    real: Groups = {
        "neurons": (after.clusters_of_neurons, GREEN),
        "neurons, untrained": (before.clusters_of_neurons, ORANGE),
        "random directions": (after.clusters_of_random, GREY),
        "outputs": (after.clusters_of_outputs, BLUE),
    }
    figure, (planted, of_made, of_real) = panels(1, 3, (3.7, 3.1))
    means = _planted(planted, counted_rightly(results).mean("draws"))
    most = max(4, *(float(values.fillna(0).max()) for values, _ in (*made.values(), *real.values())))
    means += _shares(of_made, "Facets, by synthetic images", made, int(most))
    means += _shares(of_real, "Clusters of the best test images", real, int(most))
    title = "How many different things does a unit respond to? Networks of six neurons"
    return caption(figure, results, title, "all units of all networks", f"Mean numbers: {'; '.join(means)}", "2.8")


def _planted(axes: Axes, right: xr.DataArray) -> list[str]:
    """The share of planted units that are counted correctly; returns it in words."""
    kinds = right.kinds.to_numpy()
    axes.barh(range(len(kinds)), right, color=PURPLE)
    axes.set_yticks(range(len(kinds)), kinds, fontsize=8)
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    name_axes(axes, "share counted correctly", "facets planted", "Planted units (the method)")
    plain(axes, grid="x")
    return [f"planted {kind}: {format_number(float(right.sel(kinds=kind)))} counted correctly" for kind in kinds]


def _shares(axes: Axes, title: str, groups: Groups, most: int) -> list[str]:
    """Which share of units has each number; returns the mean numbers in words."""
    levels = np.arange(most + 1)
    for position, (name, (values, colour)) in enumerate(groups.items()):
        known = max(int(values.notnull().sum()), 1)
        shares = [int((values == level).sum()) / known for level in levels]
        shift = 0.8 * ((position + 0.5) / len(groups) - 0.5)
        axes.bar(levels + shift, shares, 0.8 / len(groups), color=colour, label=name)
    axes.set_xticks(levels)
    axes.set_ylim(0, 1.6)
    axes.set_yticks([0, 0.5, 1])
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    name_axes(axes, "number found", "share", title)
    plain(axes, grid="y")
    return [f"{title.lower()}, {name} {mean_of(values, 2)}" for name, (values, _) in groups.items()]


def images(results: Results) -> Figure:
    """The facets that are found of each output of one network."""
    found = results["cards"]
    most = max(1, int(found.facet_shares.notnull().any("classes").sum()))
    figure, grid = panels(most, found.sizes["classes"], (0.95, 1.15))
    side = math.isqrt(found.sizes["pixels"])
    for output, name in enumerate(found.classes.to_numpy()):
        for facet in range(most):
            axes, own = grid[facet * found.sizes["classes"] + output], found.sel(classes=name).isel(facets=facet)
            if own.facet_shares.isnull():
                axes.set_axis_off()
            else:
                axes.imshow(own.facet_images.to_numpy().reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
                axes.set(xticks=[], yticks=[])
                axes.set_xlabel(f"{100 * float(own.facet_shares):.0f} %", fontsize=8, labelpad=1)
            if facet == 0:
                axes.set_title(f"output {name}", fontsize=8)
    seed = int(found.seed)
    title = f"Images that activate each output through different neurons, in one network (seed {seed}, median accuracy)"
    notes = f"below: gain over the blank image, as a share of the best; above {100 * SHARE:.0f} % they count"
    number = mean_of(results["facets"].outputs.sel(conditions=TRAINED), 2)
    return caption(figure, results, title, notes, f"Facets per output, all networks: {number}", "2.8")
