"""What do parts of digits do, and is it the stroke or its place that activates units? Figures of rows 3.7 and 3.8."""

import itertools
import math

import matplotlib.colors
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, seeds
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, PURPLE, YELLOW
from jaxinterp.report.figures.drawing import bars, bound_of, heat, picture, quantiles
from jaxinterp.report.figures.layout import colour_bar, columns, legend_of, names, panels, plain
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.instance_variation.strokes import DIGITS, ENCODING, FRAGMENTS, KINDS, SOURCES, TABLES
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number, mean

_PARTS = (YELLOW, GREEN, PURPLE, GREY)  # not those of changes: orange above 0, blue below
_ACROSS = 5
_CAUSES = {"shape": ("stroke", BLUE), "place": ("place", ORANGE), "both": ("both together", GREY)}
_PAIRS = {
    "same_shape": ("the same one in two places", BLUE),
    "same_place": ("different ones in the same place", ORANGE),
    "neither": ("different ones in two places", GREY),
}
_CHANGE = "change from the blank image, logits"


def examples(results: Results) -> Figure:
    """The first image of every digit, cut into strokes, and what each stroke alone does to every logit."""
    digits, values = results[DIGITS], results[FRAGMENTS].by_part.sel(conditions=TRAINED).mean("seeds")
    across = min(_ACROSS, values.sizes["digits"])
    down = math.ceil(values.sizes["digits"] / across)
    figure, grid = panels(2 * down, across, (2.1, 1.4), height_ratios=[1.6, 1] * down)
    for axes in grid.flat:
        axes.axis("off")
    top, texts = bound_of(values), []
    for digit in range(values.sizes["digits"]):
        row, column = divmod(digit, across)
        image, parts = (digits[name].isel(digits=digit) for name in ("images", "parts"))
        picture(grid[2 * row, column], _coloured(image, parts, values.sizes["parts"]))
        grid[2 * row, column].set_title(f"digit {digit}", fontsize=9)
        moved = values.isel(digits=digit)
        if moved.notnull().all():
            _table(grid[2 * row + 1, column], moved, top)
            raised = moved.argmax("outputs").to_numpy()
            texts.append(f"digit {digit}: its strokes raise {', '.join(map(str, raised))} most")
    colour_bar(figure, grid[1::2], _CHANGE, shrink=0.5, aspect=30)
    title = "Which stroke of a digit moves which logit? Each stroke shown alone, in the colour of its row"
    notes = "mean; the first test image of each digit"
    return caption(figure, seeds(results), title, notes, "; ".join(texts), "3.7", "3.8")


def _table(axes: Axes, moved: xr.DataArray, top: float) -> None:
    """A row per stroke, a column per logit."""
    axes.axis("on")
    heat(axes, moved, "parts", ["■"] * moved.sizes["parts"], low=-top, high=top)
    for tick, colour in zip(axes.get_yticklabels(), _PARTS, strict=False):
        tick.set(color=colour, fontsize=10)
    axes.tick_params(length=0)
    axes.set_xlabel("logit", fontsize=8, labelpad=1)


def _coloured(image: xr.DataArray, parts: xr.DataArray, count: int) -> xr.DataArray:
    """The image with each part in its colour on white, black where ink belongs to none."""
    colours = xr.DataArray(matplotlib.colors.to_rgba_array([*_PARTS[:count], "black"])[:, :3], dims=("parts", "rgb"))
    return 1 - image * (1 - colours.isel(parts=parts.astype(int).clip(max=count)))


def moves(results: Results) -> Figure:
    """What strokes of each digit do to each logit, alone and under both controls, mean over strokes and networks."""
    effects = results[FRAGMENTS].sel(conditions=TRAINED)
    values = effects.moves.mean("seeds")
    figure, grid = panels(1, len(KINDS), (3.3, 3.6), "logit", "digit that the strokes are of", sharey=True)
    top, texts = bound_of(values), []
    for axes, kind in zip(grid.flat, KINDS, strict=True):
        own = effects.own.sel(kinds=kind)
        share = f"{mean(own)} ± {format_number(float(own.std()), 3)}" if own.notnull().any() else "—"
        heat(axes, values.sel(kinds=kind), "digits", low=-top, high=top, aspect="equal")
        names(axes, f"{kind}\nraise their digit's logit most: {share}")
        texts.append(f"{kind}: share that raise their own digit's logit most {share}")
    colour_bar(figure, grid, _CHANGE, shrink=0.8)
    title = "What strokes of each digit do to each logit, compared with equal ink elsewhere"
    notes = "mean over strokes, images and networks, ± sd over networks"
    return caption(figure, seeds(results), title, notes, "; ".join(texts), "3.7")


def in_common(results: Results) -> Figure:
    """Active units in common, for the same stroke in two places, two strokes in one place, and neither."""
    share, images = results[ENCODING].share, results[TABLES].images
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=[1, 2.4]))
    for (source, shape), axes in np.ndenumerate(above.subplots(*images.shape[:2], squeeze=False)):
        picture(axes, images[source, shape])
        if shape == 0:
            name = SOURCES[source].replace(" ", "\n", 1)
            axes.set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")
    [grid], texts = below.subplots(1, len(SOURCES), sharey=True, squeeze=False), []
    for axes, source in zip(grid, SOURCES, strict=True):
        own = _stages(share.sel(sources=source))
        groups = {label: (own.sel(causes=cause), colour) for cause, (label, colour) in _PAIRS.items()}
        heights = {label: (values.mean("seeds").fillna(0), colour) for label, (values, colour) in groups.items()}
        bars(axes, heights, {label: quantiles(values)[[0, 2]] for label, (values, _) in groups.items()})
        columns(axes, own.stages.to_numpy(), 8)
        plain(axes, source, grid="y")
        for label, (values, _) in groups.items():
            at_stages = by(values, "stages").items()
            texts += [f"{source}, {stage}, {label} {mean(at, 2)}".replace("\n", " ") for stage, at in at_stages]
    names(grid[0], y="share of active units in common")
    legend_of(below, grid[0], ncols=3)
    title = "Do fragments activate the same units for what they are, or for where they are?"
    notes = "bar: mean, whisker: middle 90 % of networks; above, the strokes in the middle place"
    return caption(figure, seeds(results), title, notes, "; ".join(texts), "3.8")


def explained(results: Results) -> Figure:
    """What the variance of pixels and of every layer's activations on strokes is due to."""
    share, pixels = results[ENCODING].share, results[TABLES].share.assign_coords(stages="pixels")
    figure, grid = panels(1, len(SOURCES), (4.4, 3.0), y="share of the variance", sharey=True)
    texts, names = [], []
    for axes, source in zip(grid.flat, SOURCES, strict=True):
        of_layers = _stages(share.sel(sources=source)).mean("seeds")
        own = xr.concat([pixels.sel(sources=source), of_layers], "stages", coords="minimal", compat="override")
        names, bottom = own.stages.to_numpy(), np.zeros(own.sizes["stages"])
        for cause, (label, colour) in _CAUSES.items():
            means = own.sel(causes=cause)
            axes.bar(range(len(names)), means.fillna(0), bottom=bottom, color=colour, label=label, width=0.7)
            bottom = bottom + means.fillna(0).to_numpy()
            texts.append(f"{source}, {label}: {', '.join(map(format_number, means.to_numpy()))}")
        columns(axes, names, 8)
        plain(axes, source, grid="y")
    legend_of(figure, grid[0, 0], ncols=3)
    title = "Do activations depend on the stroke or on its place? Two-way analysis of variance"
    notes = "mean; trained, untrained, and the pixels themselves"
    text = f"{', '.join(names)}: ".replace("\n", " ") + "; ".join(texts)
    return caption(figure, seeds(results), title, notes, text, "3.8")


def _stages(share: xr.DataArray) -> xr.DataArray:
    """With the dimension "stages" for layer and condition."""
    stages = itertools.product(share.layers.to_numpy(), (TRAINED, UNTRAINED))
    parts = {f"{layer}\n{condition}": share.sel(layers=layer, conditions=condition) for layer, condition in stages}
    return xr.concat(parts.values(), "stages", coords="minimal", compat="override").assign_coords(stages=list(parts))
