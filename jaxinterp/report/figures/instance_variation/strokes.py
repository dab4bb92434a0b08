"""What do parts of digits do, and is it the stroke or its place that lights units? Figures of rows 3.7 and 3.8."""

import math

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, YELLOW, plain
from jaxinterp.report.figures.instance_variation.common import finish, seeds
from jaxinterp.studies.instance_variation import InstanceVariation

_PARTS = (ORANGE, GREEN, BLUE, YELLOW)
_ACROSS = 5
_CAUSES = {"shape": ("stroke", BLUE), "place": ("place", ORANGE), "both": ("both together", GREY)}
_PAIRS = {
    "same_shape": ("the same one in two places", BLUE),
    "same_place": ("different ones in the same place", ORANGE),
    "neither": ("different ones in two places", GREY),
}


def examples(record: InstanceVariation) -> Figure:
    """The first image of every digit, cut into strokes, and what each stroke alone does to every logit."""
    digits, pixels = record.example_images.shape
    side, count = math.isqrt(pixels), record.example_moves.shape[1]
    across = min(_ACROSS, digits)
    down = math.ceil(digits / across)
    figure = Figure(figsize=(0.6 + 2.1 * across, 1.1 + 2.7 * down), layout="constrained")
    grid = figure.subplots(2 * down, across, squeeze=False, height_ratios=[1.6, 1] * down)
    for axes in grid.flat:
        axes.axis("off")
    finite = np.abs(record.example_moves[np.isfinite(record.example_moves)])
    top = float(finite.max()) if len(finite) else 1.0
    words, drawn = [], None
    for digit in range(digits):
        row, column = divmod(digit, across)
        picture, table = grid[2 * row, column], grid[2 * row + 1, column]
        if side * side == pixels:
            picture.imshow(
                _coloured(record.example_images[digit], record.example_parts[digit], count).reshape(side, side, 3)
            )
        picture.set_title(f"digit {digit}", fontsize=9)
        values = record.example_moves[digit]
        if not np.isfinite(values).all():
            continue
        table.axis("on")
        drawn = table.imshow(values, cmap="RdBu_r", vmin=-top, vmax=top, aspect="auto")
        table.set_xticks(range(values.shape[1]), [str(label) for label in range(values.shape[1])], fontsize=8)
        table.set_yticks(range(count), ["■"] * count, fontsize=10)
        for tick, colour in zip(table.get_yticklabels(), _PARTS, strict=False):
            tick.set_color(colour)
        table.tick_params(length=0)
        table.set_xlabel("logit", fontsize=8, labelpad=1)
        raised = ", ".join(str(label) for label in values.argmax(axis=1))
        words.append(f"digit {digit}: its strokes raise {raised} most")
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=grid, shrink=0.5, aspect=30)
        bar.set_label("change against the blank image, logits", fontsize=9)
        bar.ax.tick_params(labelsize=8)
    title = "Which stroke of a digit moves which logit? Each stroke shown alone, in the colour of its row"
    return finish(figure, title, f"{seeds(record)}, mean; the first test image of each digit", "; ".join(words))


def moves(record: InstanceVariation) -> Figure:
    """What strokes of each digit do to each logit, alone and under both controls, mean over strokes and networks."""
    figure = Figure(figsize=(1.0 + 3.3 * len(record.showings), 4.2), layout="constrained")
    grid = figure.subplots(1, len(record.showings), sharey=True, squeeze=False)[0]
    finite = np.abs(record.digit_moves[np.isfinite(record.digit_moves)])
    top = float(finite.max()) if len(finite) else 1.0
    words = []
    for axes, name, values, own in zip(grid, record.showings, record.digit_moves, record.own_logit, strict=True):
        known = own[np.isfinite(own)]
        share = f"{known.mean():.3f} ± {known.std():.3f}" if len(known) else "—"
        axes.set_title(f"{name}\nraise their digit's logit most: {share}", fontsize=9)
        axes.imshow(values, cmap="RdBu_r", vmin=-top, vmax=top)
        axes.set_xticks(range(values.shape[1]))
        axes.set_yticks(range(values.shape[0]))
        axes.tick_params(labelsize=8, length=0)
        axes.set_xlabel("logit", fontsize=9)
        words.append(f"{name}: share that raise their own digit's logit most {share}")
    grid[0].set_ylabel("digit that the strokes are of", fontsize=9)
    bar = figure.colorbar(grid[0].images[0], ax=grid, shrink=0.8)
    bar.set_label("change against the blank image, logits", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    title = "What strokes of each digit do to each logit, beside equal ink elsewhere"
    return finish(
        figure, title, f"{seeds(record)}; mean over strokes, images and networks, ± sd over networks", "; ".join(words)
    )


def lit(record: InstanceVariation) -> Figure:
    """Lit units in common, for the same stroke in two places, two strokes in one place, and neither."""
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=[1, 2.4]))
    side = math.isqrt(record.strokes.shape[-1])
    pictures = above.subplots(2, len(record.shapes), squeeze=False)
    for (source, shape), axes in np.ndenumerate(pictures):
        axes.set(xticks=[], yticks=[])
        if side**2 == record.strokes.shape[-1]:
            axes.imshow(record.strokes[source, shape].reshape(side, side), cmap="gray", vmin=0, vmax=1)
        if shape == 0:
            axes.set_ylabel(
                record.sources[source].replace(" ", "\n", 1), fontsize=8, rotation=0, ha="right", va="center"
            )
    grid = below.subplots(1, len(record.sources), sharey=True, squeeze=False)[0]
    words = []
    for source, (axes, name) in enumerate(zip(grid, record.sources, strict=True)):
        ticks = [f"{layer}\n{stage}" for layer in record.layers for stage in record.stages]
        for offset, (cause, (label, colour)) in enumerate(_PAIRS.items()):
            values = record.encoding[source, :, :, record.causes.index(cause)]
            for stage, layer in np.ndindex(values.shape[:2]):
                place = layer * len(record.stages) + stage + 0.27 * (offset - 1)
                told = _bar(axes, place, values[stage, layer], colour)
                words.append(f"{name}, {record.layers[layer]} {record.stages[stage]}, {label} {told}")
            axes.bar(0, 0, color=colour, label=label)
        axes.set_xticks(range(len(ticks)), ticks, fontsize=8)
        axes.set_title(name, fontsize=10)
        plain(axes, grid="y")
    grid[0].set_ylabel("share of lit units in common", fontsize=9)
    handles, labels = grid[0].get_legend_handles_labels()
    below.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=3)
    title = "Do fragments light the same units for what they are, or for where they are?"
    shown = f"{seeds(record)}; bar: mean, whisker: middle 90 % of networks; above, the strokes in the middle place"
    return finish(figure, title, shown, "; ".join(words))


def explained(record: InstanceVariation) -> Figure:
    """What the variance of pixels and of every layer's answers to strokes is due to."""
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    grid = figure.subplots(1, len(record.sources), sharey=True)
    grid, words = np.atleast_1d(grid), []
    names = ["pixels", *(f"{layer}\n{stage}" for layer in record.layers for stage in record.stages)]
    for source, (axes, name) in enumerate(zip(grid, record.sources, strict=True)):
        bottom = np.zeros(len(names))
        for cause, (label, colour) in _CAUSES.items():
            index = record.causes.index(cause)
            layers = np.swapaxes(record.encoding[source, :, :, index], 0, 1).reshape(-1, record.encoding.shape[-1])
            values = np.array([record.pixel_encoding[source, index], *map(_mean, layers)])
            axes.bar(np.arange(len(names)), np.nan_to_num(values), bottom=bottom, color=colour, label=label, width=0.7)
            bottom = bottom + np.nan_to_num(values)
            words.append(f"{name}, {label}: {', '.join(f'{value:.2f}' for value in values)}")
        axes.set_xticks(np.arange(len(names)), names, fontsize=8)
        axes.set_title(name, fontsize=10)
        plain(axes, grid="y")
    grid[0].set_ylabel("share of the variance", fontsize=9)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=3)
    title = "Is it the stroke or its place that answers depend on? Two-way analysis of variance"
    shown = f"{seeds(record)}, mean; trained beside untrained and beside the pixels themselves"
    return finish(figure, title, shown, f"{', '.join(names)}: ".replace("\n", " ") + "; ".join(words))


def _bar(axes: Axes, place: float, values: Float[np.ndarray, " seeds"], colour: str) -> str:
    """A bar at the mean over networks, its whisker over the middle 90 %; the mean in words."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "—"
    mean, ends = known.mean(), np.quantile(known, (0.05, 0.95))
    axes.bar(place, mean, width=0.25, color=colour)
    axes.plot((place, place), ends, color="black", linewidth=1)
    return f"{mean:.2f}"


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _coloured(image: Float[np.ndarray, " pixels"], parts: np.ndarray, count: int) -> Float[np.ndarray, "pixels 3"]:
    """The image with each part in its colour, grey where ink belongs to none."""
    colours = [tuple(int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)) for name in (*_PARTS[:count], "#ffffff")]
    return image[:, None] * np.array(colours)[np.minimum(parts, count)]
