"""What is known of the neurons? Figures of rows 2.3 to 2.5, and the pictures of one network."""

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.figure import Figure

from jaxinterp.data import Shape, default_shape
from jaxinterp.report import colours
from jaxinterp.report.figures.captions import caption, means, seeds
from jaxinterp.report.figures.common import BLUE, GREY, ORANGE, SKY
from jaxinterp.report.figures.drawing import bound_of, picture, shape_of, signs_of, strips
from jaxinterp.report.figures.layout import class_columns, colour_bar, panels, plain, rows
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.llm_labels import pictures as pictured
from jaxinterp.studies.llm_labels.cards import BOX, EXACT
from jaxinterp.studies.llm_labels.neurons import SIX, over_live
from jaxinterp.studies.llm_labels.weights import CONTRIBUTION, RANDOM, WEIGHT
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def facts(results: Results) -> Figure:
    """How much class means, largest weights and pictures say of a live neuron, with their controls."""
    profiles, rebuilt, best = results["profiles"], results["incoming"].rebuilt, results["best images"]

    def live(values: xr.DataArray, condition: str = TRAINED) -> xr.DataArray:
        return over_live(results, values, SIX, condition)

    explained = {
        TRAINED: live(profiles.explained),
        UNTRAINED: live(profiles.explained, UNTRAINED),
        "labels permuted": live(profiles.explained_permuted),
    }
    inputs = {
        "largest weights": live(rebuilt.sel(lists=WEIGHT)),
        "largest contributions": live(rebuilt.sel(lists=CONTRIBUTION)),
        "pixels at random": live(rebuilt.sel(lists=RANDOM)),
        UNTRAINED: live(rebuilt.sel(lists=WEIGHT), UNTRAINED),
    }
    alike = {
        TRAINED: live(best.likeness),
        pictured.OTHERS: live(best.likeness_other),
        UNTRAINED: live(best.likeness, UNTRAINED),
    }
    shown = {
        "variance between digits": ("share of a neuron's variance", explained),
        "input rebuilt from ten pixels": ("squared correlation", inputs),
        "picture with best images": ("correlation over pixels", alike),
    }
    figure, [row] = panels(1, 3, (3.3, 2.6))
    for axes, (title, (quantity, groups)) in zip(row, shown.items(), strict=True):
        for position, (name, values) in enumerate(groups.items()):
            colour = BLUE if position == 0 else (SKY if "contribution" in name else ORANGE)
            strips(axes, values.expand_dims("rows"), colour, "", position, mark="o", across=True)
        rows(axes, groups)
        axes.set_xlim(min(-0.02, axes.get_xlim()[0]), 1)
        plain(axes, title, quantity)
    title = "How much do class means, ten largest weights and a picture say about a live neuron?"
    text = "; ".join(f"{name}: {means(groups)}" for name, (_, groups) in shown.items())
    rows_shown = "2.3", "2.4", "2.5"
    notes = "small dot: one network, large: mean"
    return caption(figure, seeds(results), title, notes, f"Means: {text}", *rows_shown)


def pictures(results: Results) -> Figure:
    """What the recipe finds for every neuron of one network, the exact optima, and the best test images."""
    found, best = results["cards"], results["best images"]
    views, units = found.views.to_numpy(), found.sizes["units"]
    figure, grid = panels(units, len(views) + 2, (1.25, 1.15))
    bound, shape = bound_of(found.pictures.drop_sel(views=BOX)), shape_of(found)
    for unit, row in enumerate(grid):
        own = found.isel(units=unit)
        for axes, view in zip(row, views, strict=False):
            picture(axes, own.pictures.sel(views=view), None if view == BOX else bound, shape)
        picture(row[-2], own.best_images.mean("exemplars"), shape=shape)
        picture(row[-1], own.best_images.isel(exemplars=0), shape=shape)
        row[0].set_ylabel(f"neuron {unit}{' (dead)' if own.active == 0 else ''}", fontsize=8)
    titles = [view.replace("recipe ", "recipe,\n").replace("optimum ", "optimum\n") for view in views]
    for axes, title in zip(grid[0], [*titles, "mean of the best\nnine test images", "best test image"], strict=True):
        axes.set_title(title, fontsize=8)
    if shape is None or shape[2] == 1:
        colour_bar(figure, grid, "normalised pixel, in the coloured pictures", shrink=0.5)
    title = f"What maximises each neuron of one network ({_example(results)}), and the best test images"
    notes = "the recipe's pictures from its first start; coloured ones to one scale, the others in [0, 1]"
    own, other = (mean(over_live(results, values)) for values in (best.likeness, best.likeness_other))
    text = f"Correlation of a neuron's picture with its best images {own}, with other neurons' {other}"
    return caption(figure, seeds(results), title, notes, text, "2.3")


def cards(results: Results) -> Figure:
    """Each neuron of one network on a card."""
    found = results["cards"]
    classes = found.classes.to_numpy()
    figure, grid = panels(found.sizes["units"], 4, (2.2, 1.45), width_ratios=(1, 1, 2, 2))
    bound, shape = bound_of(found.pictures.sel(views=EXACT)), shape_of(found)
    for unit, (weights, best, profile, outgoing) in enumerate(grid):
        own = found.isel(units=unit)
        picture(weights, own.pictures.sel(views=EXACT), bound, shape)
        share = "dead" if own.active == 0 else f"active on {100 * float(own.active):.0f} %"
        weights.set_ylabel(f"neuron {unit}\n{share}", fontsize=8)
        picture(best, *_tiled(own.best_images.to_numpy(), shape))
        whiskers = {"yerr": own.class_sd.fillna(0), "error_kw": {"elinewidth": 0.8}}
        profile.bar(range(len(classes)), own.class_mean.fillna(0), color=GREY, **whiskers)
        if own.active == 0:
            profile.set_ylim(0, 1)
        outgoing.bar(range(len(classes)), own.outgoing, color=colours.signed(np.sign(own.outgoing.to_numpy())))
        outgoing.axhline(0, color=GREY, linewidth=0.8)
        for axes in (profile, outgoing):
            plain(axes, grid="y")
            class_columns(axes, classes, 8)
    for axes, name in zip(
        grid[0], ("weights", "best images", "activation, mean ± sd", "outgoing weights"), strict=True
    ):
        axes.set_title(name, fontsize=9)
    for axes in grid[-1, 2:]:
        axes.set_xlabel("digit", fontsize=8)
    title = f"Cards of the neurons of one network ({_example(results)})"
    notes = f"weights to one scale, {signs_of(shape)}; test images; outgoing: to the digit's logit, in the same colours"
    explained = mean(over_live(results, results["profiles"].explained))
    text = f"Variance of a live neuron between digits, all networks: {explained}"
    return caption(figure, seeds(results), title, notes, text, "2.3", "2.4", "2.5")


def _example(results: Results) -> str:
    return f"seed {int(results['cards'].seed)}, of median accuracy"


def _tiled(images: Float[np.ndarray, "exemplars pixels"], shape: Shape | None) -> tuple[np.ndarray, None, Shape]:
    """Up to nine images as one of three by three, without a bound, and its shape."""
    rows_, across, channels = shape or default_shape(images.shape[1])
    tiles = np.zeros((9, images.shape[1]))
    tiles[: len(images)] = images[:9]
    grid = tiles.reshape(3, 3, rows_, across, channels).transpose(0, 2, 1, 3, 4)
    return grid.ravel(), None, (3 * rows_, 3 * across, channels)
