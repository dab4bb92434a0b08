"""What do units look at, how local is it, and do matched units of other networks look at the same? Rows 3.4 to 3.6."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxinterp.report.figures.instance_variation.common import (
    DRAWN,
    finish,
    line,
    over_pairs,
    pairs,
    rows,
    told,
)
from jaxinterp.studies.instance_variation import TRAINED, UNTRAINED, InstanceVariation
from jaxinterp.studies.instance_variation.maps import ONE_DIGIT_UNTRAINED, SHUFFLED, USED, WEIGHTS

_STATISTICS = {
    "participation": "effective number of pixels",
    "largest": "share of the core in its largest cluster",
    "moran": "Moran's I",
}
_SHORT = {WEIGHTS: "weights", USED: "what is used"}
_VIEWS = {WEIGHTS: "weights, pushed back to the pixels", USED: "mean gradient × sd of the pixel"}
_SCALES = {WEIGHTS: "per unit of intensity", USED: "per sd of the pixel"}
_CONTROLS = (UNTRAINED, SHUFFLED, ONE_DIGIT_UNTRAINED)


def locality(record: InstanceVariation) -> Figure:
    """Statistics of what is used by every unit, over units and networks, beside controls and other arms."""
    figure = Figure(figsize=(2.2 + 3.0 * len(record.layers), 7.6), layout="constrained")
    grid = figure.subplots(len(_STATISTICS), len(record.layers), sharey=True, sharex="row", squeeze=False)
    known = [place for place in range(len(record.arms)) if np.isfinite(record.locality_quantiles[place]).any()]
    names = [f"{record.arms[place]} ({_networks(record, place)})" for place in known]
    for row, (statistic, quantity) in enumerate(_STATISTICS.items()):
        for column, layer in enumerate(record.layers):
            axes = grid[row, column]
            for place, arm in enumerate(known):
                five = record.locality_quantiles[arm, column, record.statistics.index(statistic)]
                name, ends = record.arms[arm], five[[0, 1, 3, 4]]
                line(axes, place, name, five[2], ends, trained=name not in _CONTROLS, guide=name == TRAINED)
            rows(axes, names)
            axes.set_title(layer, fontsize=10)
            axes.set_xlabel(quantity, fontsize=9)
    title = "How local is what units look at? Mean gradient × sd of the pixel, trained, other trainings and controls"
    shown = f"all units of as many seeds as in brackets; {DRAWN.replace('mean', 'median')} 90 % of units"
    words = "; ".join(f"{axes.get_xlabel()}, {told(axes)}" for axes in grid.flat)
    return finish(figure, title, shown, words)


def maps_of_pairs(record: InstanceVariation) -> Figure:
    """Correlation over pixels of paired units' maps, over pairs of networks, for every pairing."""
    down, across = len(record.views), len(record.layers)
    figure = Figure(figsize=(2.4 + 3.0 * across, 0.8 + 2.4 * down), layout="constrained")
    grid = figure.subplots(down, across, sharey=True, sharex="row", squeeze=False)
    for row, view in enumerate(record.views):
        for column, layer in enumerate(record.layers):
            axes = grid[row, column]
            over_pairs(axes, dict(zip(record.pairings, record.attention[:, row, column], strict=True)))
            axes.set_title(f"{layer}, by {_SHORT[view]}", fontsize=10)
            axes.set_xlabel("correlation over pixels, mean over units", fontsize=9)
    title = "Do matched units of two networks look at the same pixels? Matched by their answers, and by the maps"
    return finish(figure, title, f"{pairs(record)}; {DRAWN} 95 % of pairs", "; ".join(map(told, grid.flat)))


def gallery(record: InstanceVariation, *, view: str) -> Figure:
    """Maps of some units of one network, and of the units matched with them in others; one colour scale a layer."""
    row_of = record.views.index(view)
    _, layers, places, networks, pixels = record.gallery.shape
    side = math.isqrt(pixels)
    figure = Figure(figsize=(0.4 + 1.15 * layers * networks, 1.0 + 1.25 * places), layout="constrained")
    parts = figure.subfigures(1, layers, squeeze=False)[0]
    words = []
    for place, (part, layer) in enumerate(zip(parts, record.layers, strict=True)):
        maps, correlations = record.gallery[row_of, place], record.gallery_correlation[row_of, place]
        grid = part.subplots(places, networks, squeeze=False)
        finite = np.abs(maps[np.isfinite(maps)])
        top = float(np.quantile(finite, 0.995)) if len(finite) else 1.0
        drawn = None
        for (unit, network), axes in np.ndenumerate(grid):
            axes.set(xticks=[], yticks=[])
            axes.set_frame_on(False)
            if side * side != pixels or not np.isfinite(maps[unit, network]).all():
                continue
            drawn = axes.imshow(maps[unit, network].reshape(side, side), cmap="RdBu_r", vmin=-top, vmax=top)
            if unit == 0:
                axes.set_title(f"seed {record.gallery_seeds[network]}", fontsize=9)
            if network:
                axes.set_xlabel(f"r = {correlations[unit, network]:z.2f}".replace("-", "−"), fontsize=8, labelpad=1)
        if drawn is not None:
            options = {"orientation": "horizontal", "shrink": 0.8, "aspect": 30, "pad": 0.01, "ticks": MaxNLocator(4)}
            bar = part.colorbar(drawn, ax=grid, **options)
            bar.set_label(_SCALES[view], fontsize=8)
            bar.ax.tick_params(labelsize=8)
        part.suptitle(layer, fontsize=10)
        known = correlations[:, 1:][np.isfinite(correlations[:, 1:])]
        words.append(f"{layer}: correlations {', '.join(f'{value:.2f}' for value in known)}")
    title = f"What units of one network look at, beside their counterparts in others: {_VIEWS[view]}"
    count = int(np.sum(record.gallery_seeds >= 0))
    shown = (
        f"{count} of {len(record.left_out)} seeds; units from best to worst matched by answers, outputs by class\n"
        "red: raises the unit, blue: lowers it; r: correlation with the first"
    )
    return finish(figure, title, shown, "; ".join(words))


def _networks(record: InstanceVariation, arm: int) -> int:
    return int(record.arm_networks[arm] - record.arm_diverged[arm])
