"""What does pruning cost, by each criterion, and what does it make of the units that are left?"""

import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BAND, BLUE, COLOURS, GREY, ORANGE
from jaxinterp.report.figures.drawing import band
from jaxinterp.report.figures.layout import legend_of, panels, plain
from jaxinterp.studies.bottleneck_neurons.pruned import RETRAINED, UNITS, WEIGHTS
from jaxinterp.studies.bottleneck_neurons.pruning import HALF, same_units
from jaxinterp.studies.study import Results

_RULED = {"random": GREY}  # the control


def accuracies(results: Results) -> Figure:
    """Accuracy against the share of units, and of weights, that is pruned: as it is, refitted and retrained."""
    kinds = {"units": results[UNITS].accuracy, "weights": results[WEIGHTS].accuracy}
    stages = results[UNITS].stages.to_numpy()
    figure, grid = panels(len(kinds), len(stages), (3.2, 2.6), y="test accuracy", sharey=True)
    texts = []
    for row, (kind, found) in zip(grid, kinds.items(), strict=True):
        for axes, (stage, own) in zip(row, by(found, "stages").items(), strict=True):
            for (criterion, values), colour in zip(by(own, "criteria").items(), _colours(own), strict=True):
                band(axes, values, colour, criterion, "--" if criterion in _RULED else "-")
            axes.set_ylim(0, 1.02)
            plain(axes, stage, f"share of {kind} pruned", grid="y")
        middle = found.isel(levels=found.sizes["levels"] // 2)
        share = float(middle.levels)
        texts.append(f"{share:.0%} of {kind} pruned, as it is: {means(by(middle.isel(stages=0), 'criteria'))}")
    legend_of(figure, grid[0, 0], ncols=6)
    title = "Accuracy after pruning by each criterion: as it is, with output weights refitted, and retrained"
    return caption(figure, seeds(results), title, f"{BAND}; criteria use training images", "; ".join(texts), "4.10")


def left(results: Results) -> Figure:
    """The units that are left after pruning and retraining, against the same units of the unpruned network."""
    found = results[UNITS]
    panels_ = {
        "selectivity": ("units", "AUC for the best class"),
        "matched": ("units", "correlation with match"),
        "reach": ("first_units", "pixels that a unit uses"),
    }
    figure, [row] = panels(1, len(panels_), (3.2, 2.8))
    texts = []
    for axes, (name, (units, label)) in zip(row, panels_.items(), strict=True):
        for criterion, colour in (("selectivity", BLUE), ("random", ORANGE)):
            pruned, unpruned = _curves(found, name, criterion, units)
            band(axes, pruned, colour, "pruned by selectivity" if criterion == "selectivity" else "pruned at random")
            band(axes, unpruned, colour, "the same units, nothing pruned", "--")
        plain(axes, "", "share of units pruned", label, grid="y")
        after, before = same_units(found, name, "selectivity", units)
        texts.append(f"{label}: {means({'left': after, 'unpruned': before})}")
    legend_of(figure, row[0], ncols=2)
    title = "What is left after pruning and retraining, and the same units trained as long without pruning"
    text = f"At {HALF:.0%} pruned by selectivity, {'; '.join(texts)}"
    return caption(figure, seeds(results), title, BAND, text, "4.10")


def _curves(found: xr.Dataset, name: str, criterion: str, units: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Means over the units left at each level, after retraining; and over the same units where nothing is pruned."""
    values = found[name].sel(stages=RETRAINED, criteria=criterion)
    unpruned = values.sel(levels=0, drop=True).where(values.notnull())
    return values.mean(units), unpruned.mean(units)


def _colours(values: xr.DataArray) -> list[str]:
    others = iter(colour for colour in COLOURS if colour != GREY)
    return [_RULED.get(str(name)) or next(others) for name in values.criteria.to_numpy()]
