"""How alike are two trainings' activations and predictions? Figures of rows 3.1 to 3.3, of matched units and of CKA."""

from itertools import product

import numpy as np
import scipy.cluster.hierarchy
import scipy.spatial.distance
import xarray as xr
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxinterp.report.figures.captions import by, caption, seeds
from jaxinterp.report.figures.common import AMOUNT
from jaxinterp.report.figures.drawing import INTERVAL, intervals
from jaxinterp.report.figures.layout import colour_bar, names, panels
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.instance_variation import similarity as study
from jaxinterp.studies.instance_variation.similarity import ORDERS, SIMILARITY, by_condition
from jaxinterp.studies.study import NETWORKS, Results
from jaxinterp.text import mean

PAIRS = f"{INTERVAL} 95 % of pairs"
_CKA, _MATCHED = "debiased linear CKA", "correlation of matched units"


def between_networks(matrix: xr.DataArray) -> xr.DataArray:
    """Values of pairs of different networks, both directions averaged: "pairs"."""
    values = matrix.transpose("seeds", "seeds_other").to_numpy()
    return xr.DataArray((values + values.T)[np.triu_indices(len(values), 1)] / 2, dims="pairs")


def pairs(results: Results) -> str:
    """How many networks and pairs of them are shown."""
    count = int((results[NETWORKS].diverged.isel(recipes=0) == 0).sum())
    return f"{seeds(results)}, {count * (count - 1) // 2} pairs"


def over_pairs(axes: Axes, title: str, x: str, matrices: dict[str, xr.DataArray]) -> str:
    """One row per matrix: its values over pairs of networks; returns their means in words."""
    names(axes, title, x)
    values = {name: between_networks(matrix) for name, matrix in matrices.items()}
    return f"{title}: {intervals(axes, values, outer=0.95)}"


def of_images(results: Results, measure: str) -> Figure:
    """Raw and sorted similarity over pairs of networks, trained and under each control, layer by layer."""
    values = results[SIMILARITY].similarity.sel(measures=measure)
    layers, x = values.layers.to_numpy(), f"{measure} similarity, mean over images"
    figure, grid = panels(len(ORDERS), len(layers), (3.3, 2.2), sharey=True, sharex="row")
    texts = [
        over_pairs(axes, f"{layer}, {order}", x, by_condition(values.sel(orders=order, layers=layer)))
        for axes, (order, layer) in zip(grid.flat, product(ORDERS, layers), strict=True)
    ]
    title = f"{measure[0].upper()}{measure[1:]} similarity of two networks' activations, trained and under each control"
    return caption(figure, pairs(results), title, PAIRS, "; ".join(texts), "3.1", "3.2")


def shared(results: Results) -> Figure:
    """Debiased linear CKA and matched correlation of every layer, and the share of images with the same prediction."""
    values = results[SIMILARITY]
    figure, grid = panels(2, values.sizes["layers"] + 1, (2.8, 2.2), sharey="row")
    none = {study.ACCURACY_MATCHED: xr.full_like(values.chance_agreement, np.nan)}
    texts = []
    for row, name, of_layers, other in ((grid[0], _CKA, values.cka, none), (grid[1], _MATCHED, values.matched, {})):
        for axes, (layer, matrix) in zip(row, by(of_layers, "layers").items(), strict=False):
            texts.append(f"{name}, {over_pairs(axes, layer, name, by_condition(matrix) | other)}")
    same = by_condition(values.agreement) | {study.ACCURACY_MATCHED: values.chance_agreement}
    name = "share of images with the same one"
    texts.append(f"{name}, {over_pairs(grid[0, -1], 'predictions', name, same)}")
    grid[1, -1].axis("off")
    title = "Do two networks hold the same features and give the same predictions?"
    return caption(figure, pairs(results), title, PAIRS, "; ".join(texts), "3.3", "matched", "CKA")


def matrices(results: Results) -> Figure:
    """Every pair of trained networks, networks in the order of a clustering: sorted cosine, matched units and CKA."""
    values = results[SIMILARITY]
    measures = {
        "sorted cosine": values.similarity.sel(orders=study.SORTED, measures=study.COSINE),
        _MATCHED: values.matched,
        _CKA: values.cka,
    }
    layers, texts = values.layers.to_numpy(), []
    figure, grid = panels(len(layers), len(measures), (3.1, 2.7))
    for (column, (name, by_layer)), (row, layer) in product(enumerate(measures.items()), enumerate(layers)):
        own = by_layer.sel(layers=layer)
        after, before = (mean(between_networks(own.sel(conditions=x)), 2) for x in (TRAINED, UNTRAINED))
        names(grid[row, column], f"{layer}: {name}\nmean {after}, untrained {before}")
        texts.append(f"{layer}: {name}, mean {after}, untrained {before}")
        _matrix(figure, grid[row : row + 1, column], own.sel(conditions=TRAINED).to_numpy())
    title = "How alike are all pairs of trained networks? Networks in the order of average-linkage clustering"
    notes = "mean of untrained pairs as the control"
    return caption(figure, pairs(results), title, notes, "; ".join(texts), "matched", "CKA")


def _matrix(figure: Figure, panel: np.ndarray, values: Float[np.ndarray, "seeds seeds"]) -> None:
    [axes] = panel
    values = np.where(np.eye(len(values), dtype=bool), np.nan, (values + values.T) / 2)
    kept = np.isfinite(values).any(axis=0)
    if not kept.any():
        axes.axis("off")
        return
    order = np.flatnonzero(kept)[clustered(values[np.ix_(kept, kept)])]
    axes.imshow(values[np.ix_(order, order)], cmap=AMOUNT, interpolation="nearest")
    colour_bar(figure, panel, "", shrink=0.85, ticks=MaxNLocator(4))
    ticks = np.arange(len(order)) if len(order) <= 8 else np.array([0, len(order) - 1])
    axes.set_xticks(ticks, [str(seed) for seed in order[ticks]], fontsize=8)
    axes.set_yticks(ticks, [str(seed) for seed in order[ticks]], fontsize=8)
    axes.set_xlabel("network (seed)", fontsize=8)


def clustered(similarity: Float[np.ndarray, "seeds seeds"]) -> Int[np.ndarray, " seeds"]:
    """An order in which similar networks are neighbours: the leaves of average linkage, optimally ordered."""
    if len(similarity) < 3:
        return np.arange(len(similarity))
    distance = np.nanmax(similarity) - similarity
    np.fill_diagonal(distance, 0)
    condensed = scipy.spatial.distance.squareform(distance, checks=False)
    linkage = scipy.cluster.hierarchy.linkage(condensed, "average", optimal_ordering=True)
    return scipy.cluster.hierarchy.leaves_list(linkage)
