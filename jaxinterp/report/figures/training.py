"""How did training go? Loss and accuracy over the epochs of a run."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption
from jaxinterp.report.figures.common import BAND, BLUE, GREEN, ORANGE
from jaxinterp.report.figures.drawing import band
from jaxinterp.report.figures.layout import legend, panels, plain
from jaxinterp.text import format_number
from jaxinterp.train import SPLITS, History

_QUANTITIES = {"loss": "loss, mean over images", "accuracy": "accuracy, share correct"}


def learning_curves(history: History) -> Figure:
    """Loss and accuracy over epochs: the median over seeds, and a band that holds the middle 90 % of them."""
    figure, [row] = panels(1, 2, (3.9, 2.4), "epoch")
    kept = np.asarray(history.diverged) == 0
    last = []
    for axes, (name, quantity) in zip(row, _QUANTITIES.items(), strict=True):
        values = xr.DataArray(np.asarray(getattr(history, name))[kept], dims=("seeds", "epochs", "splits"))
        for split, colour in enumerate((BLUE, GREEN, ORANGE)):
            curve = values[:, :, split].dropna("epochs", how="all")
            if curve.size:
                band(axes, curve.assign_coords(epochs=curve.epochs + 1), colour, SPLITS[split], "o-")
                last.append(f"{SPLITS[split]} {name} {format_number(float(curve[:, -1].median()), 3)}")
        axes.xaxis.get_major_locator().set_params(integer=True)
        plain(axes, y=quantity)
    legend(row[1])
    seeds = f"{np.sum(kept)} seeds" + ("" if kept.all() else f", {np.sum(~kept)} diverged and left out")
    text = f"Medians after the last epoch: {', '.join(last) or 'none'}"
    caption(figure, seeds, "Learning curves", BAND, text)
    figure.set_label(f"Learning curves of {seeds}. {text}.")
    return figure
