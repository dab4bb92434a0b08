"""What does an edit do to the logits? Every edit's image, and blends of two images."""

import math

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, seeds
from jaxinterp.report.figures.common import BLUE, GREEN, ORANGE
from jaxinterp.report.figures.drawing import AVERAGE_BAND, band, picture
from jaxinterp.report.figures.layout import legend_of, names, panels, plain
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.one_vs_seven.common import NAME
from jaxinterp.studies.one_vs_seven.edits import BLANK, BLENDS, CLASSES, EDITS, versions
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number, mean

_ACROSS = 4


def edits(results: Results) -> Figure:
    """One image of every edit and of its control, with the logits that all images get, over networks."""
    figure, grid = panels(math.ceil(len(EDITS) / _ACROSS), 2 * _ACROSS, (1.1, 2.0))
    for axes in grid.flat:
        axes.set_axis_off()
    texts = []
    for (left, right), name in zip(grid.reshape(-1, 2), EDITS, strict=False):
        (edited, control), (image, moved) = (versions(results[part], name) for part in ("edits", "pictures"))
        texts.append(f"{name}: {_reading(left, image.image, edited, name)}")
        if name == BLANK:  # its control are networks that were not trained
            untrained = results["blank"].sel(conditions=UNTRAINED)
            texts.append(f"{name}, untrained: {_reading(right, image.image, untrained, 'untrained')}")
        elif moved.image.notnull().all():
            texts.append(f"{name}, control: {_reading(right, moved.image, control, 'control')}")
    title = "Logits of 1 and 7 after an edit, and with as much ink drawn or erased elsewhere (control)"
    notes = "one image shown; logits: mean over images, ± sd over networks; shares: of those read rightly before"
    return caption(figure, seeds(results, NAME), title, notes, "; ".join(texts), "1.1", "1.2", "1.3", "1.4")


def _reading(axes: Axes, image: xr.DataArray, reading: xr.Dataset, title: str) -> str:
    """One image, and how it is read; returns the share that is read as a 1, in words."""
    axes.set_axis_on()
    picture(axes, image)
    names(axes, title)
    share = f"read as a 1: {mean(reading.as_one, 2)}"
    logits = by(reading.logits.sel(classes=list(CLASSES)), "classes")
    lines = [f"{name}: {mean(own, 1)} ± {format_number(float(own.std()), 1)}" for name, own in logits.items()]
    text = "\n".join([*lines, share])
    axes.text(0.5, -0.05, text, transform=axes.transAxes, ha="center", va="top", fontsize=8)
    return share


def blends(results: Results) -> Figure:
    """Share of images read as a 7 on the way from one image to another."""
    figure, [[axes]] = panels(1, 1, (6.4, 2.8))
    texts = []
    for name, colour in zip(BLENDS, (BLUE, ORANGE, GREEN), strict=True):
        as_seven = results["blends"].as_seven.sel(blends=name)
        band(axes, as_seven, colour, name, "o-", average=True)
        texts.append(f"{name} {mean(as_seven.sel(doses=0))} to {mean(as_seven.sel(doses=1))}")
    axes.set_ylim(-0.03, 1.03)
    legend_of(figure, axes)
    plain(axes, x="share of the second image in the blend", y="share of images read as a 7", grid="y")
    title = "How much of another image makes a 7?"
    return caption(figure, seeds(results, NAME), title, AVERAGE_BAND, "; ".join(texts), "1.1", "1.3")
