"""How alike are two trainings' activations and predictions? Figures of rows 3.1 to 3.3, of matched units and of CKA."""

import numpy as np
import scipy.cluster.hierarchy
import scipy.spatial.distance
import xarray as xr
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxinterp.report.figures.common import shows
from jaxinterp.report.figures.instance_variation import common
from jaxinterp.report.figures.instance_variation.common import between_networks, finish, over_pairs, pairs
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.instance_variation import similarity as study
from jaxinterp.studies.instance_variation.similarity import MEASURES, ORDERS, SIMILARITY, by_condition
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_CKA, _MATCHED = "debiased linear CKA", "correlation of matched units"


def figures(results: Results) -> list[Figure]:
    """All figures of the topic."""
    return [
        *(shows(of_images(results, measure), "3.1", "3.2") for measure in MEASURES),
        shows(shared(results), "3.3", "matched", "CKA"),
        shows(matrices(results), "matched", "CKA"),
    ]


def of_images(results: Results, measure: str) -> Figure:
    """Raw and sorted similarity over pairs of networks, trained and under each control, layer by layer."""
    values = results[SIMILARITY].similarity.sel(measures=measure)
    layers = values.layers.to_numpy()
    figure = Figure(figsize=(1.6 + 3.0 * len(layers), 0.6 + 2.3 * len(ORDERS)), layout="constrained")
    grid = figure.subplots(len(ORDERS), len(layers), sharey=True, sharex="row", squeeze=False)
    for (row, column), axes in np.ndenumerate(grid):
        order, layer = ORDERS[row], layers[column]
        over_pairs(axes, by_condition(values.sel(orders=order, layers=layer)))
        axes.set_title(f"{layer}, {order}", fontsize=10)
        axes.set_xlabel(f"{measure} similarity, mean over images", fontsize=9)
    title = f"{measure[0].upper()}{measure[1:]} similarity of two networks' activations, trained and under each control"
    return finish(figure, title, f"{pairs(values)}; {common.PAIRS}", "; ".join(map(common.in_words, grid.flat)))


def shared(results: Results) -> Figure:
    """Debiased linear CKA and matched correlation of every layer, and the share of images with the same prediction."""
    values = results[SIMILARITY]
    layers = values.layers.to_numpy()
    figure = Figure(figsize=(1.9 + 2.6 * (len(layers) + 1), 5.2), layout="constrained")
    grid = figure.subplots(2, len(layers) + 1, sharey="row", squeeze=False)
    none = {study.ACCURACY_MATCHED: xr.full_like(values.chance_agreement, np.nan)}
    panels = [(by_condition(values.cka.sel(layers=layer)) | none, layer, _CKA) for layer in layers]
    panels += [
        (
            by_condition(values.agreement) | {study.ACCURACY_MATCHED: values.chance_agreement},
            "predictions",
            "share of images with the same one",
        )
    ]
    panels += [(by_condition(values.matched.sel(layers=layer)), layer, _MATCHED) for layer in layers]
    for axes, (matrices, title, quantity) in zip(grid.flat, panels, strict=False):
        over_pairs(axes, matrices)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(quantity, fontsize=9)
    grid[1, -1].axis("off")
    title = "Do two networks hold the same features and give the same predictions?"
    words = "; ".join(f"{axes.get_xlabel()}, {common.in_words(axes)}" for axes in grid.flat[:-1])
    return finish(figure, title, f"{pairs(values.cka)}; {common.PAIRS}", words)


def matrices(results: Results) -> Figure:
    """Every pair of trained networks, networks in the order of a clustering: sorted cosine, matched units and CKA."""
    values = results[SIMILARITY]
    measures = {
        "sorted cosine": values.similarity.sel(orders=study.SORTED, measures=study.COSINE),
        _MATCHED: values.matched,
        _CKA: values.cka,
    }
    layers, words = values.layers.to_numpy(), []
    figure = Figure(figsize=(3.3 * len(measures), 0.8 + 2.7 * len(layers)), layout="constrained")
    grid = figure.subplots(len(layers), len(measures), squeeze=False)
    for column, (name, by_layer) in enumerate(measures.items()):
        for axes, layer in zip(grid[:, column], layers, strict=True):
            trained, untrained = (by_layer.sel(layers=layer, conditions=x) for x in (TRAINED, UNTRAINED))
            axes.set_title(f"{layer}: {name}\nmean {_mean(trained)}, untrained {_mean(untrained)}", fontsize=9)
            words.append(axes.get_title().replace("\n", ", "))
            _matrix(figure, axes, trained.to_numpy())
    title = "How alike are all pairs of trained networks? Networks in the order of average-linkage clustering"
    return finish(figure, title, f"{pairs(values.cka)}; mean of untrained pairs as the control", "; ".join(words))


def _matrix(figure: Figure, axes: Axes, values: Float[np.ndarray, "seeds seeds"]) -> None:
    values = np.where(np.eye(len(values), dtype=bool), np.nan, (values + values.T) / 2)
    kept = np.isfinite(values).any(axis=0)
    if not kept.any():
        axes.axis("off")
        return
    order = np.flatnonzero(kept)[clustered(values[np.ix_(kept, kept)])]
    drawn = axes.imshow(values[np.ix_(order, order)], cmap="viridis", interpolation="nearest")
    figure.colorbar(drawn, ax=axes, shrink=0.85, ticks=MaxNLocator(4)).ax.tick_params(labelsize=8)
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


def _mean(values: xr.DataArray) -> str:
    known = between_networks(values)
    return format_number(float(known.mean()) if len(known) else np.nan)
