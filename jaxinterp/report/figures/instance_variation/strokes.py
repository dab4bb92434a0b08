"""What do parts of digits do, and is it the stroke or its place that activates units? Figures of rows 3.7 and 3.8."""

import itertools
import math

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, YELLOW, plain, shows
from jaxinterp.report.figures.instance_variation.common import finish, largest, picture, seeds
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.instance_variation.strokes import DIGITS, ENCODING, FRAGMENTS, KINDS, SOURCES, TABLES
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_PARTS = (ORANGE, GREEN, BLUE, YELLOW)
_ACROSS = 5
_CAUSES = {"shape": ("stroke", BLUE), "place": ("place", ORANGE), "both": ("both together", GREY)}
_PAIRS = {
    "same_shape": ("the same one in two places", BLUE),
    "same_place": ("different ones in the same place", ORANGE),
    "neither": ("different ones in two places", GREY),
}


def figures(results: Results) -> list[Figure]:
    """All figures of the topic."""
    return [
        shows(examples(results), "3.7", "3.8"),
        shows(moves(results), "3.7"),
        shows(in_common(results), "3.8"),
        shows(explained(results), "3.8"),
    ]


def examples(results: Results) -> Figure:
    """The first image of every digit, cut into strokes, and what each stroke alone does to every logit."""
    by_part = results[FRAGMENTS].by_part.sel(conditions=TRAINED)
    digits, values = results[DIGITS], by_part.mean("seeds")
    across = min(_ACROSS, values.sizes["digits"])
    down = math.ceil(values.sizes["digits"] / across)
    figure = Figure(figsize=(0.6 + 2.1 * across, 1.1 + 2.7 * down), layout="constrained")
    grid = figure.subplots(2 * down, across, squeeze=False, height_ratios=[1.6, 1] * down)
    for axes in grid.flat:
        axes.axis("off")
    top, words = largest(values), []
    for digit in range(values.sizes["digits"]):
        row, column = divmod(digit, across)
        image, parts = (digits[name].isel(digits=digit).to_numpy() for name in ("images", "parts"))
        picture(grid[2 * row, column], _coloured(image, parts.astype(int), values.sizes["parts"]))
        grid[2 * row, column].set_title(f"digit {digit}", fontsize=9)
        moved = values.isel(digits=digit).to_numpy()
        if np.isfinite(moved).all():
            _table(grid[2 * row + 1, column], moved, top)
            words.append(f"digit {digit}: its strokes raise {', '.join(map(str, moved.argmax(axis=1)))} most")
    drawn = [axes.images[0] for axes in grid[1::2].flat if axes.images]
    if drawn:
        _scale(figure.colorbar(drawn[0], ax=grid, shrink=0.5, aspect=30))
    title = "Which stroke of a digit moves which logit? Each stroke shown alone, in the colour of its row"
    return finish(figure, title, f"{seeds(by_part)}, mean; the first test image of each digit", "; ".join(words))


def moves(results: Results) -> Figure:
    """What strokes of each digit do to each logit, alone and under both controls, mean over strokes and networks."""
    effects = results[FRAGMENTS].sel(conditions=TRAINED)
    values = effects.moves.mean("seeds")
    figure = Figure(figsize=(1.0 + 3.3 * len(KINDS), 4.2), layout="constrained")
    grid = figure.subplots(1, len(KINDS), sharey=True, squeeze=False)[0]
    top, words = largest(values), []
    for axes, kind in zip(grid, KINDS, strict=True):
        share = _spread(effects.own.sel(kinds=kind))
        words.append(f"{kind}: share that raise their own digit's logit most {share}")
        axes.set_title(f"{kind}\nraise their digit's logit most: {share}", fontsize=9)
        axes.imshow(values.sel(kinds=kind).to_numpy(), cmap="RdBu_r", vmin=-top, vmax=top)
        axes.set_xticks(range(values.sizes["outputs"]))
        axes.set_yticks(range(values.sizes["digits"]))
        axes.tick_params(labelsize=8, length=0)
        axes.set_xlabel("logit", fontsize=9)
    grid[0].set_ylabel("digit that the strokes are of", fontsize=9)
    _scale(figure.colorbar(grid[0].images[0], ax=grid, shrink=0.8))
    title = "What strokes of each digit do to each logit, compared with equal ink elsewhere"
    shown = f"{seeds(effects.own)}; mean over strokes, images and networks, ± sd over networks"
    return finish(figure, title, shown, "; ".join(words))


def _table(axes: Axes, moved: Float[np.ndarray, "parts outputs"], top: float) -> None:
    """A row per stroke, a column per logit."""
    parts, outputs = moved.shape
    axes.axis("on")
    axes.imshow(moved, cmap="RdBu_r", vmin=-top, vmax=top, aspect="auto")
    axes.set_xticks(range(outputs), list(map(str, range(outputs))), fontsize=8)
    axes.set_yticks(range(parts), ["■"] * parts, fontsize=10)
    for tick, colour in zip(axes.get_yticklabels(), _PARTS, strict=False):
        tick.set_color(colour)
    axes.tick_params(length=0)
    axes.set_xlabel("logit", fontsize=8, labelpad=1)


def _scale(bar) -> None:
    bar.set_label("change from the blank image, logits", fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _spread(values: xr.DataArray) -> str:
    if not values.notnull().any():
        return "—"
    return f"{format_number(float(values.mean()), 3)} ± {format_number(float(values.std()), 3)}"


def _coloured(image: Float[np.ndarray, " pixels"], parts: np.ndarray, count: int) -> Float[np.ndarray, "pixels 3"]:
    """The image with each part in its colour, grey where ink belongs to none."""
    colours = [tuple(int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)) for name in (*_PARTS[:count], "#ffffff")]
    return image[:, None] * np.array(colours)[np.minimum(parts, count)]


def in_common(results: Results) -> Figure:
    """Active units in common, for the same stroke in two places, two strokes in one place, and neither."""
    share, images = results[ENCODING].share, results[TABLES].images
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=[1, 2.4]))
    for (source, shape), axes in np.ndenumerate(above.subplots(*images.shape[:2], squeeze=False)):
        picture(axes, images[source, shape].to_numpy(), cmap="gray", vmin=0, vmax=1)
        if shape == 0:
            name = SOURCES[source].replace(" ", "\n", 1)
            axes.set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")
    grid, words = below.subplots(1, len(SOURCES), sharey=True, squeeze=False)[0], []
    for axes, source in zip(grid, SOURCES, strict=True):
        stages = _stages(share.sel(sources=source))
        for (offset, cause), (position, (stage, values)) in itertools.product(
            enumerate(_PAIRS), enumerate(stages.items())
        ):
            label, colour = _PAIRS[cause]
            mean = _bar(axes, position + 0.27 * (offset - 1), values.sel(causes=cause), colour)
            words.append(f"{source}, {stage}, {label} {mean}".replace("\n", " "))
        for label, colour in _PAIRS.values():
            axes.bar(0, 0, color=colour, label=label)
        _names(axes, source, list(stages))
    grid[0].set_ylabel("share of active units in common", fontsize=9)
    below.legend(*grid[0].get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower center", ncols=3)
    title = "Do fragments activate the same units for what they are, or for where they are?"
    shown = f"{seeds(share)}; bar: mean, whisker: middle 90 % of networks; above, the strokes in the middle place"
    return finish(figure, title, shown, "; ".join(words))


def explained(results: Results) -> Figure:
    """What the variance of pixels and of every layer's activations on strokes is due to."""
    share, pixels = results[ENCODING].share, results[TABLES].share
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    grid, words, names = figure.subplots(1, len(SOURCES), sharey=True, squeeze=False)[0], [], []
    for axes, source in zip(grid, SOURCES, strict=True):
        stages = {"pixels": pixels.sel(sources=source)} | _stages(share.sel(sources=source))
        names, bottom = list(stages), np.zeros(len(stages))
        for cause, (label, colour) in _CAUSES.items():
            means = np.array([float(values.sel(causes=cause).mean()) for values in stages.values()])
            axes.bar(np.arange(len(names)), np.nan_to_num(means), bottom=bottom, color=colour, label=label, width=0.7)
            bottom = bottom + np.nan_to_num(means)
            words.append(f"{source}, {label}: {', '.join(map(format_number, means))}")
        _names(axes, source, names)
    grid[0].set_ylabel("share of the variance", fontsize=9)
    figure.legend(*grid[0].get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower center", ncols=3)
    title = "Do activations depend on the stroke or on its place? Two-way analysis of variance"
    shown = f"{seeds(share)}, mean; trained, untrained, and the pixels themselves"
    return finish(figure, title, shown, f"{', '.join(names)}: ".replace("\n", " ") + "; ".join(words))


def _stages(share: xr.DataArray) -> dict[str, xr.DataArray]:
    """By layer and condition."""
    stages = itertools.product(share.layers.to_numpy(), (TRAINED, UNTRAINED))
    return {f"{layer}\n{condition}": share.sel(layers=layer, conditions=condition) for layer, condition in stages}


def _names(axes: Axes, source: str, names: list[str]) -> None:
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_title(source, fontsize=10)
    plain(axes, grid="y")


def _bar(axes: Axes, position: float, values: xr.DataArray, colour: str) -> str:
    """A bar at the mean over networks, its whisker over the middle 90 %; the mean in words."""
    if values.notnull().any():
        axes.bar(position, float(values.mean()), width=0.25, color=colour)
        axes.plot((position, position), values.quantile((0.05, 0.95)).to_numpy(), color="black", linewidth=1)
    return format_number(float(values.mean()))
