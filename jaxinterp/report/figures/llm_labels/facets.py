"""How many different things does a unit respond to? Figures of row 2.8."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.analysis.facets import SHARE
from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY
from jaxinterp.report.figures.drawing import bars, picture, shape_of
from jaxinterp.report.figures.layout import columns, legend, panels, plain, rows, shortened
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.llm_labels.facets import counted_rightly
from jaxinterp.studies.study import Results
from jaxinterp.text import format_percent, mean

Groups = dict[str, tuple[xr.DataArray, str]]


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
    figure, [(planted, of_made, of_real)] = panels(1, 3, (3.7, 3.1))
    right = counted_rightly(results).mean("draws")
    planted.barh(range(right.sizes["kinds"]), right, color=PURPLE)
    rows(planted, right.kinds.to_numpy(), 8)
    planted.set_xlim(0, 1)
    plain(planted, "Planted units (the method)", "share counted correctly", "facets planted")
    texts = [f"planted {kind}: {mean(own, 2)} counted correctly" for kind, own in by(right, "kinds").items()]
    most = max(4, *(int(values.fillna(0).max()) for values, _ in (*made.values(), *real.values())))
    texts.append(_shares(of_made, "Facets, by synthetic images", made, most))
    texts.append(_shares(of_real, "Clusters of the best test images", real, most))
    title = "How many different things does a unit respond to? Networks of six neurons"
    text = f"Mean numbers: {'; '.join(texts)}"
    return caption(figure, seeds(results), title, "all units of all networks", text, "2.8")


def _shares(axes: Axes, title: str, groups: Groups, most: int) -> str:
    """Which share of units has each number; returns the mean numbers in words."""
    levels = range(most + 1)
    shares = {
        name: ([float((values == level).sum() / max(values.notnull().sum(), 1)) for level in levels], colour)
        for name, (values, colour) in groups.items()
    }
    bars(axes, shares)
    columns(axes, levels)
    axes.set(ylim=(0, 1.6), yticks=[0, 0.5, 1])
    legend(axes, "upper right")
    plain(axes, title, "number found", "share", grid="y")
    return f"{title.lower()}: {means({name: values for name, (values, _) in groups.items()}, 2)}"


def images(results: Results) -> Figure:
    """The facets that are found of each output of one network."""
    found = results["cards"]
    most = max(1, int(found.facet_shares.notnull().any("classes").sum()))
    figure, grid = panels(most, found.sizes["classes"], (0.95, 1.15))
    for (facet, output), axes in np.ndenumerate(grid):
        own = found.isel(classes=output, facets=facet)
        if own.facet_shares.isnull():
            axes.set_axis_off()
        else:
            picture(axes, own.facet_images, shape=shape_of(found))
            axes.set_xlabel(format_percent(float(own.facet_shares)), fontsize=8, labelpad=3)
        if facet == 0:
            axes.set_title(f"output {shortened(own.classes.item())}", fontsize=8)
    seed = int(found.seed)
    title = f"Images that activate each output through different neurons, in one network (seed {seed}, median accuracy)"
    notes = f"below: gain over the blank image, as a share of the best; above {100 * SHARE:.0f} % they count"
    number = mean(results["facets"].outputs.sel(conditions=TRAINED), 2)
    return caption(figure, seeds(results), title, notes, f"Facets per output, all networks: {number}", "2.8")
