"""What is known of the neurons? Figures of rows 2.3 to 2.5, and the pictures of one network."""

import math

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, SKY, panels, plain
from jaxinterp.report.figures.llm_labels.captions import caption, name_axes
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.llm_labels import pictures as pictured
from jaxinterp.studies.llm_labels.cards import BOX, EXACT
from jaxinterp.studies.llm_labels.neurons import SIX, mean_of, over_live
from jaxinterp.studies.llm_labels.weights import CONTRIBUTION, RANDOM, WEIGHT
from jaxinterp.studies.study import Results

_GREYS = {"cmap": "gray_r", "vmin": 0, "vmax": 1}


def figures(results: Results) -> list[Figure]:
    """The figures of this topic."""
    return [facts(results), pictures(results), cards(results)]


def facts(results: Results) -> Figure:
    """How much class means, largest weights and pictures say of a live neuron, with their controls."""
    figure, grid = panels(1, 3, (3.3, 2.6))
    means = [
        text
        for axes, (title, unit, groups) in zip(grid, _facts(results), strict=True)
        for text in _fact(axes, title, unit, groups)
    ]
    title = "How much do class means, ten largest weights and a picture say about a live neuron?"
    notes = "small dot: one network, large: mean"
    return caption(figure, results, title, notes, f"Means: {'; '.join(means)}", "2.3", "2.4", "2.5")


def _facts(results: Results) -> list[tuple[str, str, dict[str, xr.DataArray]]]:
    """Title and unit of every panel, and its values by network."""
    profiles, rebuilt, best = results["profiles"], results["incoming"].rebuilt, results["best images"]

    def live(values: xr.DataArray, condition: str = "trained") -> xr.DataArray:
        return over_live(results, values, SIX, condition)

    explained = {
        "trained": live(profiles.explained),
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
        "trained": live(best.likeness),
        pictured.OTHERS: live(best.likeness_other),
        UNTRAINED: live(best.likeness, UNTRAINED),
    }
    return [
        ("variance between digits", "share of a neuron's variance", explained),
        ("input rebuilt from ten pixels", "squared correlation", inputs),
        ("picture with best images", "correlation over pixels", alike),
    ]


def _fact(axes: Axes, title: str, unit: str, groups: dict[str, xr.DataArray]) -> list[str]:
    """One panel; returns the means in words."""
    for position, (group, values) in enumerate(groups.items()):
        colour = BLUE if position == 0 else (SKY if "contribution" in group else ORANGE)
        jitter = position + np.linspace(-0.15, 0.15, len(values))
        axes.plot(values, jitter, ".", color=colour, alpha=0.4)
        axes.plot(values.mean(), position, "o", color=colour, markeredgecolor="white", markersize=9)
    axes.set_yticks(range(len(groups)), list(groups), fontsize=9)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlim(min(-0.02, axes.get_xlim()[0]), 1)
    name_axes(axes, unit, "", title)
    plain(axes)
    return [f"{title}, {group} {mean_of(values)}" for group, values in groups.items()]


def pictures(results: Results) -> Figure:
    """What the recipe finds for every neuron of one network, the exact optima, and the best test images."""
    found = results["cards"]
    views, units = list(found.views.to_numpy()), found.sizes["units"]
    figure, grid = panels(units, len(views) + 2, (1.25, 1.15))
    bound = _bound(found.pictures.drop_sel(views=BOX))
    for unit, own in enumerate(_by_unit(found)):
        best = own.best_images
        row = grid[unit * (len(views) + 2) :]
        shown = [own.pictures.sel(views=view) for view in views] + [best.mean("exemplars"), best.isel(exemplars=0)]
        for axes, view, image in zip(row, [*views, None, None], shown, strict=False):
            _picture(axes, image.to_numpy(), **(_GREYS if view in (BOX, None) else _signed(bound)))
        row[0].set_ylabel(f"neuron {unit}{' (dead)' if own.active == 0 else ''}", fontsize=8)
    titles = [view.replace("recipe ", "recipe,\n").replace("optimum ", "optimum\n") for view in views]
    for axes, title in zip(grid, [*titles, "mean of the best\nnine test images", "best test image"], strict=False):
        axes.set_title(title, fontsize=8)
    figure.colorbar(grid[0].images[0], ax=grid, shrink=0.5, label="normalised pixel, in the coloured pictures")
    title = f"What maximises each neuron of one network ({_example(results)}), and the best test images"
    notes = "the recipe's pictures from its first start; coloured ones to one scale, the others in [0, 1]"
    best = results["best images"]
    own, other = (mean_of(over_live(results, values)) for values in (best.likeness, best.likeness_other))
    means = f"Correlation of a neuron's picture with its best images {own}, with other neurons' {other}"
    return caption(figure, results, title, notes, means, "2.3")


def cards(results: Results) -> Figure:
    """Each neuron of one network on a card."""
    found = results["cards"]
    figure, grid = panels(found.sizes["units"], 4, (2.2, 1.45), width_ratios=(1, 1, 2, 2))
    bound = _bound(found.pictures.sel(views=EXACT))
    for unit, own in enumerate(_by_unit(found)):
        weights, best, profile, outgoing = grid[4 * unit : 4 * unit + 4]
        _picture(weights, own.pictures.sel(views=EXACT).to_numpy(), **_signed(bound))
        share = "dead" if own.active == 0 else f"active on {100 * float(own.active):.0f} %"
        weights.set_ylabel(f"neuron {unit}\n{share}", fontsize=8)
        _picture(best, _tiled(own.best_images.to_numpy()), **_GREYS)
        _bars(profile, found, own.class_mean.fillna(0), BLUE, yerr=own.class_sd.fillna(0), error_kw={"elinewidth": 0.8})
        _bars(outgoing, found, own.outgoing, np.where(own.outgoing > 0, ORANGE, GREEN))
        outgoing.axhline(0, color=GREY, linewidth=0.8)
    for axes, name in zip(grid, ("weights", "best images", "activation, mean ± sd", "outgoing weights"), strict=False):
        axes.set_title(name, fontsize=9)
    for axes in grid[-2:]:
        axes.set_xlabel("digit", fontsize=8)
    title = f"Cards of the neurons of one network ({_example(results)})"
    notes = "weights to one scale, red raises; test images; outgoing: to the digit's logit"
    explained = mean_of(over_live(results, results["profiles"].explained))
    means = f"Variance of a live neuron between digits, all networks: {explained}"
    return caption(figure, results, title, notes, means, "2.3", "2.4", "2.5")


def _example(results: Results) -> str:
    return f"seed {int(results['cards'].seed)}, of median accuracy"


def _by_unit(found: xr.Dataset) -> list[xr.Dataset]:
    return [found.isel(units=unit) for unit in range(found.sizes["units"])]


def _bound(images: xr.DataArray) -> float:
    return float(np.nanmax(np.abs(images), initial=1e-9))


def _signed(bound: float) -> dict:
    return {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}


def _bars(axes: Axes, found: xr.Dataset, heights: xr.DataArray, colour, **options) -> None:
    positions = np.arange(found.sizes["classes"])
    axes.bar(positions, heights, color=colour, **options)
    axes.set_xticks(positions, found.classes.to_numpy(), fontsize=8)
    plain(axes, grid="y")
    axes.tick_params(labelsize=8)


def _tiled(images: Float[np.ndarray, "exemplars pixels"]) -> Float[np.ndarray, " tiled"]:
    """Up to nine square images in a square of three by three."""
    side = math.isqrt(images.shape[1])
    tiles = np.zeros((9, side * side))
    tiles[: len(images)] = images[:9]
    return tiles.reshape(3, 3, side, side).transpose(0, 2, 1, 3).ravel()


def _picture(axes: Axes, image: Float[np.ndarray, " pixels"], **scale) -> None:
    side = math.isqrt(len(image))
    axes.imshow(image.reshape(side, side), **scale)
    axes.set(xticks=[], yticks=[])
