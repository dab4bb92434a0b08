"""What does an edit do to the logits? Every edit's image, and blends of two images."""

import math

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREEN, ORANGE, plain
from jaxinterp.report.figures.one_vs_seven.common import LINES, band, finish, legend, networks
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.one_vs_seven.common import NAME, mean
from jaxinterp.studies.one_vs_seven.edits import BLANK, BLENDS, CLASSES, EDITS, versions
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_ACROSS = 4


def figures(results: Results) -> list[Figure]:
    """Images of all edits with their logits, and blends."""
    return [edits(results), blends(results)]


def edits(results: Results) -> Figure:
    """One image of every edit and of its control, with the logits that all images get, over networks."""
    down = math.ceil(len(EDITS) / _ACROSS)
    figure = Figure(figsize=(9.6, 0.7 + 2.0 * down), layout="constrained")
    pairs = figure.subplots(down, 2 * _ACROSS, squeeze=False).reshape(-1, 2)
    for axes in pairs.flat:
        axes.axis("off")
    texts = []
    for (left, right), name in zip(pairs, EDITS, strict=False):
        (edited, control), (image, moved) = (versions(results[part], name) for part in ("edits", "pictures"))
        texts.append(f"{name}: {_picture(left, image.image, edited, name)}")
        if name == BLANK:  # its control are networks that were not trained
            untrained = results["blank"].sel(conditions=UNTRAINED)
            texts.append(f"{name}, untrained: {_picture(right, image.image, untrained, 'untrained')}")
        elif moved.image.notnull().all():
            texts.append(f"{name}, control: {_picture(right, moved.image, control, 'control')}")
    title = "Logits of 1 and 7 after an edit, and with as much ink drawn or erased elsewhere (control)"
    notes = "one image shown; logits: mean over images, ± sd over networks; shares: of those read rightly before"
    return finish(figure, title, notes, networks(results, NAME), "; ".join(texts), "1.1", "1.2", "1.3", "1.4")


def _picture(axes: Axes, image: xr.DataArray, reading: xr.Dataset, title: str) -> str:
    side = math.isqrt(image.size)
    axes.imshow(image.to_numpy().reshape(side, side), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=9)
    share = f"read as a 1: {mean(reading.as_one, 2)}"
    logits = [(name, reading.logits.sel(classes=name)) for name in CLASSES]
    lines = [f"{name}: {mean(values, 1)} ± {format_number(float(values.std()), 1)}" for name, values in logits]
    text = "\n".join([*lines, share])
    axes.text(0.5, -0.05, text, transform=axes.transAxes, ha="center", va="top", fontsize=8)
    return share


def blends(results: Results) -> Figure:
    """Share of images read as a 7 on the way from one image to another."""
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes, texts = figure.subplots(), []
    for name, colour in zip(BLENDS, (BLUE, ORANGE, GREEN), strict=True):
        as_seven = results["blends"].as_seven.sel(blends=name)
        band(axes, as_seven, colour, name)
        texts.append(f"{name} {mean(as_seven.sel(doses=0))} to {mean(as_seven.sel(doses=1))}")
    axes.set_xlabel("share of the second image in the blend", fontsize=9)
    axes.set_ylabel("share of images read as a 7", fontsize=9)
    axes.set_ylim(-0.03, 1.03)
    legend(figure, axes)
    plain(axes, grid="y")
    title = "How much of another image makes a 7?"
    return finish(figure, title, LINES, networks(results, NAME), "; ".join(texts), "1.1", "1.3")
