"""Does the neuron that looks most like a 4 fire for 4s, and are they lost without it? Row 5.6."""

from collections.abc import Iterable

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BLUE, DOTS, GREEN, GREY, ORANGE
from jaxinterp.report.figures.drawing import strips
from jaxinterp.report.figures.layout import columns, legend, panels, plain
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.ablations import KINDS
from jaxinterp.studies.looking_for_four.maps import FOUR
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def losses(results: Results) -> Figure:
    """How well the neuron tells the target from the rest, and what is lost without it."""
    figure, [(firing, needed)] = panels(1, 2, (4.6, 3.2))
    found, losses = results["matches"], results["ablations"]
    layers, trained = found.layers.to_numpy(), found.sel(conditions=TRAINED)
    best = f"looks most like a {FOUR}"
    tells = {
        best: trained.auc,
        "most differentiated": trained.selective_auc,
        f"{best}, untrained": found.auc.sel(conditions=UNTRAINED),
    }
    _compared(firing, tells, layers, f"AUC, {FOUR}s against all other images", chance=0.5)
    costs = {
        best: losses.match,
        "the most damaging neuron, chosen on other images": losses.most_damaging,
        "a neuron at random": losses.random,
    }
    costs = {name: values.stack(places=("layers", "kinds")) for name, values in costs.items()}
    names = [f"{layer}\n{kind}" for layer in layers for kind in KINDS]
    _compared(needed, costs, names, f"accuracy on {FOUR}s lost without it", chance=0.0)
    lost = mean(losses.match, 4)
    text = (
        f"AUC: {means(by(trained.auc, 'layers'), 2)}. Accuracy lost without it, mean over layers and ablations: {lost}"
    )
    title = f"Does the neuron that looks most like a {FOUR} fire for {FOUR}s, and are they lost without it?"
    return caption(figure, seeds(results), title, f"{DOTS}; left all, right by kind of ablation", text, "5.6")


def _compared(axes: Axes, groups: dict[str, xr.DataArray], labels: Iterable[str], y: str, *, chance: float) -> None:
    for (name, values), colour, shift in zip(groups.items(), (BLUE, GREEN, ORANGE), (-0.25, 0, 0.25), strict=True):
        strips(axes, values, colour, name, shift)
    axes.axhline(chance, color=GREY, linewidth=0.8)
    columns(axes, labels, 8)
    legend(axes, "lower left", bbox_to_anchor=(0, 1))  # above the panel: networks may lie anywhere in it
    plain(axes, y=y, grid="y")
