"""Do matched units of two networks use the same pixels? Figures of row 3.5."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from jaxinterp.report.figures.common import shows
from jaxinterp.report.figures.instance_variation import common
from jaxinterp.report.figures.instance_variation.common import finish, over_pairs, pairs
from jaxinterp.studies.instance_variation.attention import ATTENTION, GALLERY, PAIRINGS
from jaxinterp.studies.instance_variation.maps import USED, VIEWS, WEIGHTS, WORDS
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_MAPS = {WEIGHTS: "weights, pushed back to the pixels", USED: "mean gradient × sd of the pixel"}
_SCALES = {WEIGHTS: "per unit of intensity", USED: "per sd of the pixel"}


def figures(results: Results) -> list[Figure]:
    """All figures of the topic."""
    return [shows(maps_of_pairs(results), "3.5"), *(shows(gallery(results, view), "3.4", "3.5") for view in VIEWS)]


def maps_of_pairs(results: Results) -> Figure:
    """Correlation over pixels of paired units' maps, over pairs of networks, for every pairing."""
    values = results[ATTENTION].correlation
    layers = values.layers.to_numpy()
    figure = Figure(figsize=(2.4 + 3.0 * len(layers), 0.8 + 2.4 * len(VIEWS)), layout="constrained")
    grid = figure.subplots(len(VIEWS), len(layers), sharey=True, sharex="row", squeeze=False)
    for (row, column), axes in np.ndenumerate(grid):
        layer, view = layers[column], VIEWS[row]
        over_pairs(axes, {name: values.sel(pairings=name, views=view, layers=layer) for name in PAIRINGS})
        axes.set_title(f"{layer}, by {WORDS[view]}", fontsize=10)
        axes.set_xlabel("correlation over pixels, mean over units", fontsize=9)
    title = "Do matched units of two networks use the same pixels? Matched by their activations, and by the maps"
    return finish(figure, title, f"{pairs(values)}; {common.PAIRS}", "; ".join(map(common.in_words, grid.flat)))


def gallery(results: Results, view: str) -> Figure:
    """Maps of some units of one network, and of the units matched with them in others; one colour scale per layer."""
    chosen = results[GALLERY].sel(views=view)
    layers, words = chosen.layers.to_numpy(), []
    size = (0.4 + 1.15 * len(layers) * chosen.sizes["shown"], 1.0 + 1.25 * chosen.sizes["places"])
    figure = Figure(figsize=size, layout="constrained")
    for part, layer in zip(figure.subfigures(1, len(layers), squeeze=False)[0], layers, strict=True):
        _panel(part, chosen.sel(layers=layer), _SCALES[view])
        part.suptitle(str(layer), fontsize=10)
        known = chosen.correlation.sel(layers=layer).isel(shown=slice(1, None)).to_numpy()
        words.append(f"{layer}: correlations {', '.join(format_number(x) for x in known[np.isfinite(known)])}")
    title = f"Pixels that units of one network use, next to their matches in others: {_MAPS[view]}"
    count, seeds = int(chosen.seed.notnull().sum()), results[ATTENTION].sizes["seeds"]
    shown = (
        f"{count} of {seeds} seeds; units from best to worst matched by activations, outputs by class\n"
        "red: raises the unit, blue: lowers it; r: correlation with the first"
    )
    return finish(figure, title, shown, "; ".join(words))


def _panel(part: SubFigure, chosen: xr.Dataset, scale: str) -> None:
    """One layer: a row per unit, a column per network."""
    grid = part.subplots(*chosen.correlation.shape, squeeze=False)
    top, drawn = common.largest(chosen.maps, 0.995), []
    for (unit, network), axes in np.ndenumerate(grid):
        r = float(chosen.correlation[unit, network])
        axes.set_frame_on(False)
        pixels = chosen.maps.isel(places=unit, shown=network).to_numpy()
        common.picture(axes, pixels, cmap="RdBu_r", vmin=-top, vmax=top)
        drawn += axes.images
        if axes.images and unit == 0:
            axes.set_title(f"seed {int(chosen.seed[network])}", fontsize=9)
        if axes.images and network:
            axes.set_xlabel(f"r = {format_number(r)}", fontsize=8, labelpad=1)
    if drawn:
        options = {"orientation": "horizontal", "shrink": 0.8, "aspect": 30, "pad": 0.01, "ticks": MaxNLocator(4)}
        bar = part.colorbar(drawn[0], ax=grid, **options)
        bar.set_label(scale, fontsize=8)
        bar.ax.tick_params(labelsize=8)
