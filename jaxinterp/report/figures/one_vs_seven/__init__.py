"""Which neurons see the stroke that makes a 1 a 7? Figures of study `one-vs-seven`: images first, then neurons."""

import math

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREEN, ORANGE, plain, shows
from jaxinterp.report.figures.one_vs_seven import neurons
from jaxinterp.report.figures.one_vs_seven.common import LINES, band, columns, finish, legend, present
from jaxinterp.studies.one_vs_seven.record import STUDY, OneVsSeven, mean
from jaxinterp.studies.one_vs_seven.rows import CRUCIAL, TOP

_ACROSS = 4


def figures(record: OneVsSeven) -> list[Figure]:
    """All figures of the study."""
    drawn = [
        (neurons.knock_outs, "1.8"),
        (neurons.draws, "1.9"),
        (neurons.other_networks, "1.11"),
        (edits, "1.1", "1.2", "1.3", "1.4"),
        (blends, "1.1", "1.3"),
        (rows, "1.5"),
        (neurons.differences, "1.7"),
        (neurons.retrieval, "1.10"),
        (neurons.patching, "1.10"),
        (neurons.analogy, "1.12"),
    ]
    return [shows(draw(record), *claims) for draw, *claims in drawn]


def edits(record: OneVsSeven) -> Figure:
    """One image of every edit beside its control, with the logits that all images get, over networks."""
    down = math.ceil(len(record.edits) / _ACROSS)
    figure = Figure(figsize=(9.6, 0.7 + 2.0 * down), layout="constrained")
    grid = figure.subplots(down, 2 * _ACROSS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    told, side = [], math.isqrt(record.pictures.shape[-1])
    for place, name in enumerate(record.edits):
        row, column = divmod(place, _ACROSS)
        for beside, (pictures, logits, as_one) in enumerate(
            (
                (record.pictures, record.edit_logits, record.edit_as_one),
                (record.control_pictures, record.control_logits, record.control_as_one),
            )
        ):
            axes: Axes = grid[row, 2 * column + beside]
            one, seven = (columns(values) for values in logits[place])
            if not one.size:
                continue
            # The blank image has no control but networks that were not trained.
            alike = not np.isfinite(pictures[place]).all()
            picture = (record.pictures if alike else pictures)[place]
            axes.imshow(picture.reshape(side, side), cmap="gray", vmin=0, vmax=1)
            axes.set_title("untrained" if alike else "control" if beside else name, fontsize=9)
            share = f"read as a 1: {mean(as_one[place], 2)}"
            text = f"1: {one.mean():z.1f} ± {one.std():.1f}\n7: {seven.mean():z.1f} ± {seven.std():.1f}\n{share}"
            axes.text(0.5, -0.05, text, transform=axes.transAxes, ha="center", va="top", fontsize=8)
            told.append(f"{name}{', control' if beside else ''}: {share}")
    title = "Logits of 1 and 7 after an edit, and with as much ink drawn or erased elsewhere (control)"
    notes = "one image shown; logits: mean over images, ± sd over networks; shares: of those read rightly before"
    return finish(figure, title, notes, f"{present(record, STUDY)} networks", "; ".join(told))


def blends(record: OneVsSeven) -> Figure:
    """Share of images read as a 7 on the way from one image to another."""
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.subplots()
    told = []
    for name, values, colour in zip(record.blends, record.blend_as_seven, (BLUE, ORANGE, GREEN), strict=True):
        band(axes, record.doses, values, colour, name)
        told.append(f"{name} {mean(values[0])} to {mean(values[-1])}")
    axes.set_xlabel("share of the second image in the blend", fontsize=9)
    axes.set_ylabel("share of images read as a 7", fontsize=9)
    axes.set_ylim(-0.03, 1.03)
    legend(figure, axes)
    plain(axes, grid="y")
    title = "How much of another image makes a 7?"
    return finish(figure, title, LINES, f"{present(record, STUDY)} networks", "; ".join(told))


def rows(record: OneVsSeven) -> Figure:
    """7s that are still read as such after rows are erased, the rows at which they flip, and the smallest windows."""
    figure = Figure(figsize=(10.2, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    top, side = record.directions.index(TOP), record.rows_as_seven.shape[1] - 1
    for name, values, colour in zip(record.directions, record.rows_as_seven, (BLUE, ORANGE), strict=True):
        band(left, np.arange(side + 1), values, colour, name)
    left.set(xlabel="rows erased", ylabel="share still read as a 7", ylim=(-0.03, 1.03))
    if left.lines:
        left.legend(frameon=False, fontsize=8)
    _bars(
        middle,
        record.rows_fewest[top, 1 : side + 1],
        "the row whose erasure, from the top,\nfirst makes it a 1",
        "share of 7s",
    )
    middle.axvline(CRUCIAL, color=ORANGE, linestyle=":")
    place = {"xy": (CRUCIAL, 0.97), "xycoords": middle.get_xaxis_transform(), "textcoords": "offset points"}
    middle.annotate(f"row {CRUCIAL},\nthe write-up's", **place, xytext=(-4, 0), ha="right", va="top", fontsize=8)
    _bars(right, record.window_covers, "rows in the smallest window\nwhose erasure makes it a 1", "share of windows")
    for axes in (left, middle, right):
        axes.xaxis.label.set_size(9)
        axes.yaxis.label.set_size(9)
        plain(axes, grid="y")
    means = [f"{mean(values, 1)} {name}" for name, values in zip(record.directions, record.rows_mean, strict=True)]
    told = f"Mean rows until a 7 is read as a 1: {', '.join(means)}; smallest window {mean(record.window_mean, 1)}"
    title = "Rows of real 7s erased until they are read as a 1, from the top beside from the bottom"
    notes = f"{LINES}; bar: mean, whisker: ± sd"
    return finish(figure, title, notes, f"{present(record, STUDY)} networks", told)


def _bars(axes: Axes, values: Float[np.ndarray, "rows seeds"], xlabel: str, ylabel: str) -> None:
    values = columns(values)
    if values.shape[-1]:
        axes.bar(np.arange(len(values)), values.mean(axis=1), yerr=values.std(axis=1), color=BLUE, ecolor="black")
    axes.set(xlabel=xlabel, ylabel=ylabel)
