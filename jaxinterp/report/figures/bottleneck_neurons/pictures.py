"""What do pictures of the last hidden layer look like, and how far can they be trusted?"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report import colours
from jaxinterp.report.figures.captions import caption, seeds
from jaxinterp.report.figures.layout import panels, shortened
from jaxinterp.studies.bottleneck_neurons.pictures import DRAWN_SLOWLY, LEFT_OUT
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def pictures(results: Results) -> Figure:
    """Pictures of the trained layer, aligned with their consensus, method by method, with what they keep."""
    found = results["pictures"]
    figure, grid = panels(DRAWN_SLOWLY, found.sizes["methods"], (2.9, 2.8))
    labels, classes = found.labels.to_numpy(), results["confusion"].classes.to_numpy()
    texts = []
    for column, method in zip(grid.T, found.methods.to_numpy(), strict=True):
        own = found.sel(methods=method)
        texts.append(f"{method}: {_measures(own)}")
        column[0].set_title(f"{method}\n{_measures(own, short=True)}", fontsize=8)
        for axes, points in zip(column, own.points.to_numpy(), strict=False):
            _scatter(axes, points, labels, classes)
    for number, axes in enumerate(grid[:, 0]):
        axes.set_ylabel(f"network {number}", fontsize=9)
    title = "What do pictures of the last hidden layer show, and how far can they be trusted?"
    notes = "a point: a test image, a number or name: the middle of its class; turned onto the pictures' consensus"
    left_out = "" if "UMAP" in found.methods else f" {LEFT_OUT.removesuffix('.')}"
    return caption(figure, seeds(results), title, notes, f"{'. '.join(texts)}.{left_out}".rstrip("."), "4.7")


def _measures(own: xr.Dataset, short: bool = False) -> str:
    before, after = (own.sel(conditions=condition) for condition in (UNTRAINED, TRAINED))
    silhouette = f"silhouette {mean(after.picture, 2)} (layer {mean(after.layer, 2)}, {UNTRAINED} "
    silhouette += f"{mean(before.picture, 2)}, labels permuted {mean(after.permuted, 2)})"
    kept = f"trustworthiness {mean(after.trustworthiness, 2)}, continuity {mean(after.continuity, 2)}"
    again = f"neighbours shared by two runs {mean(after.overlap, 2)}"
    if short:
        return f"silhouette {mean(after.picture, 2)} ({UNTRAINED} {mean(before.picture, 2)})\n{kept}"
    return f"{silhouette}, {kept}, {again}, squared cosine with the consensus {mean(own.fit, 2)}"


def _scatter(axes: Axes, points: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> None:
    """The points in the colours of their classes, each class's name at its median. Nothing where nothing is known."""
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", "datalim")
    if not np.isfinite(points).all():
        return
    of_classes = colours.classes(max(len(classes), int(labels.max()) + 1))
    axes.scatter(*points.T, c=of_classes[labels.astype(int)], s=4, linewidths=0, alpha=0.7, rasterized=True)
    for label in np.unique(labels):
        name = shortened(classes[int(label)]) if int(label) < len(classes) else f"{label:g}"
        box = {"facecolor": "white", "alpha": 0.7, "pad": 0.6, "linewidth": 0}
        x, y = np.median(points[labels == label], axis=0)
        axes.text(x, y, name, fontsize=8, ha="center", va="center", bbox=box)
