"""How alike are two trainings' activations and answers? Figures of rows 3.1 to 3.3, and of matched units and CKA."""

import numpy as np
import scipy.cluster.hierarchy
import scipy.spatial.distance
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxinterp.report.figures.common import layer
from jaxinterp.report.figures.instance_variation.common import DRAWN, finish, over_pairs, pairs, told
from jaxinterp.studies.instance_variation import UNTRAINED, InstanceVariation
from jaxinterp.studies.instance_variation.features import ACCURACY_MATCHED, SORTED


def similarity(record: InstanceVariation, *, measure: str = "cosine") -> Figure:
    """Raw and sorted similarity over pairs of networks beside its nulls, site by site; measure: cosine or pearson."""
    values = {"cosine": record.cosine, "pearson": record.pearson}[measure]
    name = {"cosine": "cosine", "pearson": "Pearson correlation"}[measure]
    down, across = len(record.orders), len(record.sites)
    figure = Figure(figsize=(1.6 + 3.0 * across, 0.6 + 2.3 * down), layout="constrained")
    grid = figure.subplots(down, across, sharey=True, sharex="row", squeeze=False)
    for row, order in enumerate(record.orders):
        for column, site in enumerate(record.sites):
            axes = grid[row, column]
            over_pairs(axes, dict(zip(record.conditions, values[:, column, row], strict=True)))
            axes.set_title(f"{layer(site)}, {order}", fontsize=10)
            axes.set_xlabel(f"{name}, mean over images", fontsize=9)
    title = f"{name[0].upper()}{name[1:]} of two networks' activations, trained and under each control"
    return finish(figure, title, f"{pairs(record)}; {DRAWN} 95 % of pairs", "; ".join(map(told, grid.flat)))


def shared(record: InstanceVariation) -> Figure:
    """Debiased linear CKA and matched correlation of every site, and the share of images answered alike."""
    across = len(record.sites) + 1
    figure = Figure(figsize=(1.9 + 2.6 * across, 5.2), layout="constrained")
    grid = figure.subplots(2, across, sharey="row", squeeze=False)
    none = {ACCURACY_MATCHED: np.full_like(record.chance_agreement, np.nan)}
    measures = ((record.cka, "debiased linear CKA", none), (record.matched, "correlation of matched units", {}))
    for row, (values, name, none) in enumerate(measures):
        for column, site in enumerate(record.sites):
            axes = grid[row, column]
            over_pairs(axes, dict(zip(record.conditions, values[:, column], strict=True)) | none)
            axes.set_title(layer(site), fontsize=10)
            axes.set_xlabel(name, fontsize=9)
    agreement = dict(zip(record.conditions, record.agreement, strict=True))
    over_pairs(grid[0, -1], agreement | {ACCURACY_MATCHED: record.chance_agreement})
    grid[0, -1].set_title("answers", fontsize=10)
    grid[0, -1].set_xlabel("share of images answered alike", fontsize=9)
    grid[1, -1].axis("off")
    title = "Do two networks hold the same features and give the same answers?"
    words = "; ".join(f"{axes.get_xlabel()}, {told(axes)}" for axes in grid.flat[:-1])
    return finish(figure, title, f"{pairs(record)}; {DRAWN} 95 % of pairs", words)


def matrices(record: InstanceVariation) -> Figure:
    """Every pair of trained networks, networks in the order of a clustering: sorted cosine, matched units and CKA."""
    sorted_ = record.cosine[:, :, record.orders.index(SORTED)]
    measures = {
        "sorted cosine": sorted_,
        "correlation of matched units": record.matched,
        "debiased linear CKA": record.cka,
    }
    figure = Figure(figsize=(3.3 * len(measures), 0.8 + 2.7 * len(record.sites)), layout="constrained")
    grid = figure.subplots(len(record.sites), len(measures), squeeze=False)
    before, words = record.conditions.index(UNTRAINED), []
    for column, (name, values) in enumerate(measures.items()):
        for row, site in enumerate(record.sites):
            axes, (trained, untrained) = grid[row, column], (_off_diagonal(values[k, row]) for k in (0, before))
            axes.set_title(f"{layer(site)}: {name}\nmean {_mean(trained)}, untrained {_mean(untrained)}", fontsize=9)
            words.append(f"{axes.get_title()}".replace("\n", ", "))
            _matrix(figure, axes, trained)
    title = "How alike are all pairs of trained networks? Networks in the order of average-linkage clustering"
    return finish(figure, title, f"{pairs(record)}; mean of untrained pairs as the control", "; ".join(words))


def _matrix(figure: Figure, axes: Axes, values: Float[np.ndarray, "seeds seeds"]) -> None:
    kept = np.isfinite(values).any(axis=0)
    if not kept.any():
        axes.axis("off")
        return
    order = np.flatnonzero(kept)[clustered(values[np.ix_(kept, kept)])]
    drawn = axes.imshow(values[np.ix_(order, order)], cmap="viridis", interpolation="nearest")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.85, ticks=MaxNLocator(4))
    bar.ax.tick_params(labelsize=8)
    ticks = np.arange(len(order)) if len(order) <= 8 else np.array([0, len(order) - 1])
    axes.set_xticks(ticks, [str(seed) for seed in order[ticks]], fontsize=8)
    axes.set_yticks(ticks, [str(seed) for seed in order[ticks]], fontsize=8)
    axes.set_xlabel("network (seed)", fontsize=8)


def clustered(similarity: Float[np.ndarray, "seeds seeds"]) -> Int[np.ndarray, " seeds"]:
    """An order in which networks that are alike stand together: the leaves of average linkage, optimally ordered."""
    if len(similarity) < 3:
        return np.arange(len(similarity))
    distance = np.nanmax(similarity) - similarity
    np.fill_diagonal(distance, 0)
    condensed = scipy.spatial.distance.squareform(distance, checks=False)
    return scipy.cluster.hierarchy.leaves_list(
        scipy.cluster.hierarchy.linkage(condensed, "average", optimal_ordering=True)
    )


def _off_diagonal(matrix: Float[np.ndarray, "seeds seeds"]) -> Float[np.ndarray, "seeds seeds"]:
    """Both directions averaged, without the pairs of a network with itself."""
    return np.where(np.eye(len(matrix), dtype=bool), np.nan, (matrix + matrix.T) / 2)


def _mean(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return f"{known.mean():z.2f}".replace("-", "−") if len(known) else "—"
