"""How do the neurons come to be what they are? Activity, single neurons, drift and settling over training."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption, means, seeds
from jaxinterp.report.figures.common import BAND, BLUE, COLOURS, GREEN, GREY, ORANGE
from jaxinterp.report.figures.drawing import band, heat
from jaxinterp.report.figures.layout import colour_bar, legend, legend_of, names, panels, plain
from jaxinterp.studies.bottleneck_neurons.drift import (
    BARRIERS,
    BECOME,
    BECOMING,
    COURSE,
    DRIFT,
    END,
    EVERY,
    FIRST,
    IN_ORDER,
    ONSET,
    OTHER,
    OWN,
    PREVIOUS,
    REORDERED,
    SAME,
    become_by,
    name_of,
)
from jaxinterp.studies.bottleneck_neurons.neurons import CNN
from jaxinterp.studies.study import Results

SHOWN = 5  # neurons whose lives are drawn
_NAMED = 20  # neurons of a map whose names fit below one another
_TICKS = {0: "0", 0.25: "¼", 0.5: "½"} | {tick: f"{tick}" for tick in (1, 2, 5, 10, 20, 50, 100)}
_PAIRS = (
    ({"mean": "mean", "spread": "standard deviation"}, "activation"),
    ({"sparsity": "(neuron, image) inactive", "dead": "dead neurons"}, "share"),
    ({"rank": "effective rank", "participation": "participation ratio"}, "directions"),
    ({"births": "born", "deaths": "died"}, "neurons (mean)"),
)


def course(results: Results) -> Figure:
    """Activity of every layer over training."""
    found = results[COURSE]
    figure, grid = panels(found.sizes["layers"], len(_PAIRS), (3.2, 2.4))
    for row, layer in zip(grid, found.layers.to_numpy(), strict=True):
        for axes, (pair, what) in zip(row, _PAIRS, strict=True):
            for (name, label), colour in zip(pair.items(), (BLUE, ORANGE), strict=True):
                band(axes, found[name].sel(layers=layer), colour, label, average="births" in pair)
            _over_time(axes, found, layer, what)
            legend(axes)
    ends = [found["mean"].isel(epochs=place) for place in (0, -1)]
    text = f"Mean activation {means({'before training': ends[0], 'at the end': ends[1]}, 2)}"
    title = "Activity of layers over training: mean and spread, inactive neurons, directions, neurons born and died"
    return caption(figure, seeds(results, EVERY), title, BAND, text, "4.2")


def neurons(results: Results) -> Figure:
    """Each neuron of one network over training: its mean activation, and its correlation with its end."""
    activity, own, other = results[COURSE].unit_mean, results[BECOMING].own, results[BECOMING].other
    seed = int(activity.notnull().any([dim for dim in activity.dims if dim != "seeds"]).argmax("seeds"))
    layers = activity.layers.to_numpy()
    figure, grid = panels(len(layers), 4, (3.3, 3.0))
    for row, layer in zip(grid, layers, strict=True):
        order = _by_end(activity.sel(layers=layer).isel(seeds=seed))
        means_, alike, unlike = (v.sel(layers=layer).isel(seeds=seed, units=order) for v in (activity, own, other))
        largest = float(means_.max()) if means_.notnull().any() else 1.0
        _map(figure, row[0], means_, order, f"{layer}: mean activation", (0.0, largest))
        _map(figure, row[1], alike, order, f"{layer}: correlation with its end", (-1.0, 1.0))
        for place, colour in zip(np.linspace(0, len(order) - 1, SHOWN).astype(int), COLOURS, strict=False):
            label = f"neuron {order[place]}"
            row[2].plot(activity.epochs, means_.isel(units=place), color=colour, linewidth=1.4, label=label)
            row[3].plot(activity.epochs, alike.isel(units=place), color=colour, linewidth=1.4)
            row[3].plot(activity.epochs, unlike.isel(units=place), color=colour, linewidth=1, linestyle=":")
        _over_time(row[2], activity, f"{layer}: some neurons", "mean activation")
        _over_time(row[3], activity, f"{layer}: the same neurons", "correlation with end")
        legend(row[2])
    title = f"Lives of neurons, seed {seed}: each neuron's mean activation and correlation with its end, over training"
    notes = (
        "maps: neurons by mean activation at the end; lines: some of them, evenly in that order; dotted: "
        "correlation with the end of the match in another network"
    )
    later = {f"epoch {time:g}": own.sel(epochs=time) for time in own.epochs.to_numpy()[1::4]}
    text = f"Correlation with the end, mean over neurons and networks: {means(later, 2)}"
    return caption(figure, seeds(results, EVERY), title, notes, text, "4.2", "4.12")


def drifts(results: Results, recipe: str = EVERY) -> Figure:
    """Similarity of networks to themselves and to others at other times."""
    found = results[name_of(DRIFT, recipe)]
    measures, layers = found.measures.to_numpy(), found.layers.to_numpy()
    figure, grid = panels(len(measures), len(layers), (4.6, 2.9), sharey="row")
    for row, measure in zip(grid, measures, strict=True):
        for axes, layer in zip(row, layers, strict=True):
            own, between = (values.sel(measures=measure, layers=layer) for values in (found.own, found.between))
            for reference, colour in ((END, BLUE), (PREVIOUS, GREEN), (FIRST, ORANGE)):
                band(axes, own.sel(references=reference), colour, f"itself: {_NAMES[reference]}")
            for reference, colour in ((END, BLUE), (PREVIOUS, GREEN), (FIRST, ORANGE), (SAME, GREY)):
                others = between.sel(references=reference).mean("seeds_other")
                band(axes, others, colour, f"another network: {_NAMES[reference]}", ":")
            _over_time(axes, found, layer, measure)
    legend_of(figure, grid[0, 0])
    at_first = {str(layer): found.own.sel(references=END, layers=layer).isel(measures=0, epochs=0) for layer in layers}
    text = f"Debiased CKA of untrained networks with their ends: {means(at_first, 2)}"
    whose, row = ("representations", "4.12") if recipe == EVERY else ("a CNN", "4.11")
    title = f"Drift of {whose}: similarity to the same network and to other networks, at other times"
    return caption(figure, seeds(results, recipe), title, f"{BAND}; dotted: mean over other networks", text, row)


def drifts_of_cnn(results: Results) -> Figure:
    """The same of CNNs."""
    return drifts(results, CNN)


def settling(results: Results) -> Figure:
    """When are neurons, selectivity and the basin of the loss what they will be?"""
    becoming, onset, barriers = results[BECOMING], results[ONSET], results[BARRIERS].barrier
    layers = becoming.layers.to_numpy()
    figure, [row] = panels(1, len(layers) + 2, (3.6, 3.0))
    for axes, layer in zip(row, layers, strict=False):
        for values, colour, label in (
            (becoming.own, BLUE, "itself"),
            (becoming.other, ORANGE, "its match in another network"),
        ):
            band(axes, _become(values.sel(layers=layer)), colour, label, average=True)
        axes.set_ylim(-0.03, 1.03)
        _over_time(axes, becoming, layer, f"neurons that stay above {BECOME:g}")
        legend(axes)
    for values, colour, label in ((onset.now, BLUE, "now"), (onset.end, GREEN, "at the end")):
        band(row[-2], values.mean("classes"), colour, f"most selective {label}")
    _over_time(row[-2], onset, "selectivity", "AUC, mean over digits")
    for end, colour in ((OWN, BLUE), (OTHER, ORANGE)):
        for order, style in ((IN_ORDER, "-"), (REORDERED, ":")):
            band(row[-1], barriers.sel(ends=end, orders=order), colour, f"{end}, {order}", style)
    _over_time(row[-1], barriers, "barrier to an end", "excess loss on the line")
    legend(row[-2])
    row[-1].set_ylim(top=1.4 * row[-1].get_ylim()[1])  # room for the legend
    legend(row[-1], "upper left")
    half = {str(layer): _become(becoming.own.sel(layers=layer)).sel(epochs=1, method="nearest") for layer in layers}
    title = "When are neurons, selectivity and the basin of the loss what they will be?"
    text = f"Neurons that correlate above {BECOME:g} with their end from epoch 1 on: {means(half, 2)}"
    return caption(figure, seeds(results, EVERY), title, BAND, text, "4.12")


_NAMES = {END: "its end", PREVIOUS: "the time before", FIRST: "untrained", SAME: "at the same time"}


def _become(correlations: xr.DataArray) -> xr.DataArray:
    """Share of a layer's neurons that stay like their end, from each time on."""
    times = correlations.epochs.to_numpy()
    shares = [become_by(correlations, time).mean("units") for time in times]
    return xr.concat(shares, xr.DataArray(times, dims="epochs", name="epochs"))


def _over_time(axes: Axes, found: xr.Dataset | xr.DataArray, title: str, what: str) -> None:
    """Epochs from 0 to 1 linearly and later ones by their logarithm."""
    last = found.epochs.to_numpy()[-1]
    axes.set_xscale("symlog", linthresh=1, linscale=0.7)
    shown = [tick for tick in _TICKS if tick <= last]
    axes.set_xticks(shown, [_TICKS[tick] for tick in shown])
    axes.set_xlim(-0.08, 1.1 * last)
    axes.minorticks_off()
    plain(axes, title, "epoch", what, grid="y")


def _by_end(activity: xr.DataArray) -> np.ndarray:
    """A layer's neurons, those of the highest activation at the end first."""
    known = np.flatnonzero(activity.notnull().any("epochs"))
    at_end = activity.isel(epochs=-1).to_numpy()
    return known[np.argsort(-at_end[known], kind="stable")] if known.size else np.arange(len(at_end))


def _map(figure: Figure, axes: Axes, values: xr.DataArray, neurons, title: str, ends: tuple[float, float]) -> None:
    """Neurons downwards, epochs across, in colours."""
    heat(axes, values, "units", neurons, low=ends[0], high=ends[1])
    if len(neurons) > _NAMED:
        axes.set_yticks([])
    times = values.epochs.to_numpy()
    places = [place for place, time in enumerate(times) if time in _TICKS]
    axes.set_xticks(places, [_TICKS[times[place]] for place in places])
    axes.tick_params(axis="both", labelsize=7)
    names(axes, title, "epoch", "neuron")
    colour_bar(figure, np.array([axes]), "", shrink=0.8)
