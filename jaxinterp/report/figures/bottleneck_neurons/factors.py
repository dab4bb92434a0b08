"""What do normalised inputs, LayerNorm and dropout do, alone and together? The figures of row 4.9."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BAND, BLUE, COLOURS, DOTS, ORANGE
from jaxinterp.report.figures.drawing import band, compared, strips
from jaxinterp.report.figures.layout import legend_of, names, panels, plain, rows
from jaxinterp.studies.bottleneck_neurons.arms import (
    ARMS,
    END,
    EQUAL,
    FACTORS,
    QUANTITIES,
    WORDS,
    effects_on,
    epochs_needed,
    quantity,
)
from jaxinterp.studies.bottleneck_neurons.neurons import NAME
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.study import Results

_NOTHING = 1e-6  # effects that are smaller are rounding
_TITLES = {
    "accuracy": "test accuracy",
    "gap": "training less test accuracy",
    "selectivity": "AUC of a digit's neuron",
    "matched": "correlation of matched units",
}
_BRIEF: dict[str, str] = dict(zip(FACTORS, ("inputs", "LayerNorm", "dropout"), strict=True))
_TITLES |= {name: f"share of digits {name}" for name in QUANTITIES if name.startswith("lost")}


def _short(recipe: str) -> str:
    factors = [WORDS[factor] for factor, present in zip(FACTORS, ARMS[recipe], strict=True) if present]
    return " + ".join(factors).replace("normalised inputs", "normalised") or "baseline"


def accuracy(results: Results) -> Figure:
    """Every arm's learning curve, and the epochs that it needs for the baseline's accuracy."""
    figure, [(curves, dots)] = panels(1, 2, (5.0, 3.6))
    test, needed = results["arm-curves"].test, epochs_needed(results)
    for recipe, colour in zip(ARMS, COLOURS, strict=True):
        own = test.sel(recipes=recipe)
        band(curves, own, colour, _short(recipe), x=np.arange(1, own.sizes["epochs"] + 1))
    low = float(test.sel(recipes=NAME).isel(epochs=slice(2, None)).min())
    curves.set_ylim(low if np.isfinite(low) else 0, None)
    plain(curves, x="epoch", y="test accuracy", grid="y")
    legend_of(figure, curves, ncols=3)
    for row, (recipe, colour) in enumerate(zip(ARMS, COLOURS, strict=True)):
        strips(dots, needed.sel(recipes=[recipe]), colour, "", row, mark="|", across=True)
    rows(dots, [_short(recipe) for recipe in ARMS])
    plain(dots, x="epochs until the baseline's last accuracy")
    title = "How fast does every arm learn, and when does it reach the accuracy of the baseline at its end?"
    named = {_short(name): values for name, values in by(needed.sel(recipes=list(ARMS)), "recipes").items()}
    return caption(figure, seeds(results, NAME), title, f"{BAND}; {DOTS}", f"Epochs: {means(named, 1)}", "4.9")


def effects(results: Results) -> Figure:
    """Main effects and interactions on every quantity, at the end of training and at equal training loss."""
    figure, grid = panels(2, 3, (3.4, 3.2), sharey=True)
    texts = []
    for axes, name in zip(grid.flat, QUANTITIES, strict=True):
        groups = {when: _effects(results, name, when) for when in (END, EQUAL)}
        marks = {END: (BLUE, "o"), EQUAL: (ORANGE, "D")}
        compared(axes, {when: (own, *marks[when]) for when, own in groups.items()})
        if max(float(abs(own).max()) for effects_ in groups.values() for own in effects_.values()) < _NOTHING:
            axes.set_xlim(-0.05, 0.05)
        axes.locator_params(axis="x", nbins=5)  # long numbers
        names(axes, _TITLES[name], "effect")
        texts += [f"{_TITLES[name]} {when}: {means(own, 4)}" for when, own in groups.items()]
    legend_of(figure, grid[0, 0])
    title = "What do normalised inputs, LayerNorm and dropout do? Main effects and interactions, paired by seed"
    notes = "small dot: one seed, large: mean; inputs: normalised; equal loss: the lowest that all arms reach"
    return caption(figure, seeds(results, NAME), title, notes, "; ".join(texts), "4.9")


def _effects(results: Results, name: str, when: str) -> dict[str, xr.DataArray]:
    return {
        "all three" if len(factors) == 3 else " × ".join(_BRIEF[own] for own in factors): values
        for factors, values in effects_on(results, name, when).items()
    }


def neurons(results: Results) -> Figure:
    """Every arm's dependence on single neurons, their selectivity, and their stability over seeds."""
    shown = [name for name in QUANTITIES if name != "gap"]
    figure, grid = panels(2, 3, (3.2, 2.6), sharey=True)
    stable = results["arm-stability"].matched.sel(conditions=TRAINED).mean("seeds_other")
    values = {name: quantity(results, name, END) for name in shown} | {"matched": stable}
    texts = []
    for axes, (name, own) in zip(grid.flat, values.items(), strict=True):
        own = own.sel(recipes=list(ARMS))
        strips(axes, own.transpose("seeds", "recipes"), BLUE, "", mark="|", across=True)
        rows(axes, [_short(recipe) for recipe in ARMS], 8)
        if name.startswith("lost") and not own.any():
            axes.set_xlim(-0.01, 0.2)  # of a share, which is never below 0
        plain(axes, _TITLES[name])
        named = {_short(recipe): one for recipe, one in by(own, "recipes").items()}
        texts.append(f"{_TITLES[name]}: {means(named, 3)}")
    title = "Every arm at the end of training: accuracy, selectivity, bottlenecks and stability of its neurons"
    notes = f"{DOTS}; matched: mean correlation of matched units with other seeds"
    return caption(figure, seeds(results, NAME), title, notes, "; ".join(texts), "4.9")
