"""Do matched units of two networks use the same pixels? Figures of row 3.5."""

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from jaxinterp.report.figures.captions import caption
from jaxinterp.report.figures.common import GREY
from jaxinterp.report.figures.drawing import bound_of, picture
from jaxinterp.report.figures.instance_variation.similarity import PAIRS, over_pairs, pairs
from jaxinterp.report.figures.layout import colour_bar, panels
from jaxinterp.studies.instance_variation.attention import ATTENTION, CEILING, GALLERY, PAIRINGS
from jaxinterp.studies.instance_variation.maps import OVER_LIT, USED, VIEWS, WEIGHTS, WORDS
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_MAPS = {WEIGHTS: "weights, pushed back to the pixels", USED: "mean gradient × sd of the pixel"}
_SCALES = {WEIGHTS: "per unit of intensity", USED: "per sd of the pixel"}


def maps_of_pairs(results: Results) -> Figure:
    """Correlation over pixels of paired units' maps, over pairs of networks, for every pairing, and its ceiling."""
    values, most, texts = results[ATTENTION].correlation, results[CEILING].reliability.mean("seeds"), []
    layers = values.layers.to_numpy()
    figure, grid = panels(len(VIEWS), len(layers), (3.5, 2.4), sharey=True, sharex="row")
    for axes, (view, layer) in zip(grid.flat, product(VIEWS, layers), strict=True):
        own = {name: values.sel(pairings=name, views=view, layers=layer) for name in PAIRINGS}
        x = "correlation over pixels, mean over units"
        ceiling = float(most.sel(views=view, layers=layer))
        axes.axvline(ceiling, color=GREY, linestyle=":")
        text = over_pairs(axes, f"{layer}, by {WORDS[view]}", x, own)
        texts.append(f"{text}, ceiling {format_number(ceiling, 3)}")
    title = "Do matched units of two networks use the same pixels? Matched by their activations, and by the maps"
    notes = f"{PAIRS}; {OVER_LIT}; dotted: a unit's map with its own from as many other images"
    return caption(figure, pairs(results), title, notes, "; ".join(texts), "3.5")


def gallery(results: Results, view: str) -> Figure:
    """Maps of some units of one network, and of the units matched with them in others; one colour scale per layer."""
    chosen = results[GALLERY].sel(views=view)
    layers, texts = chosen.layers.to_numpy(), []
    size = (0.4 + 1.15 * len(layers) * chosen.sizes["shown"], 1.0 + 1.25 * chosen.sizes["places"])
    figure = Figure(figsize=size, layout="constrained")
    for part, layer in zip(figure.subfigures(1, len(layers), squeeze=False)[0], layers, strict=True):
        _panel(part, chosen.sel(layers=layer), _SCALES[view])
        part.suptitle(str(layer), fontsize=10)
        known = chosen.correlation.sel(layers=layer).isel(shown=slice(1, None)).to_numpy()
        texts.append(f"{layer}: correlations {', '.join(format_number(x) for x in known[np.isfinite(known)])}")
    title = f"Pixels that units of one network use, next to their matches in others: {_MAPS[view]}"
    notes = (
        "units from best to worst matched by activations, outputs by class; "
        "orange: raises the unit, blue: lowers it; r: correlation with the first, over pixels with ink"
    )
    shown = f"{int(chosen.seed.notnull().sum())} of {results[ATTENTION].sizes['seeds']} seeds"
    return caption(figure, shown, title, notes, "; ".join(texts), "3.4", "3.5")


def _panel(part: SubFigure, chosen: xr.Dataset, scale: str) -> None:
    """One layer: a row per unit, a column per network."""
    grid = part.subplots(*chosen.correlation.shape, squeeze=False)
    bound = bound_of(chosen.maps, 0.995)
    for (unit, network), axes in np.ndenumerate(grid):
        axes.set_frame_on(False)
        picture(axes, chosen.maps.isel(places=unit, shown=network), bound)
        if axes.images and unit == 0:
            axes.set_title(f"seed {int(chosen.seed[network])}", fontsize=9)
        if axes.images and network:
            axes.set_xlabel(f"r = {format_number(float(chosen.correlation[unit, network]))}", fontsize=8, labelpad=1)
    below = {"orientation": "horizontal", "shrink": 0.8, "aspect": 30, "pad": 0.01, "ticks": MaxNLocator(4)}
    colour_bar(part, grid, scale, **below)
