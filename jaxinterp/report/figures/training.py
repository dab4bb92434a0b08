"""How did training go? Loss and accuracy over the epochs of a run."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREEN, ORANGE, plain
from jaxinterp.train import SPLITS, History


def learning_curves(history: History) -> Figure:
    """Loss and accuracy over epochs: the median over seeds, and a band that holds the middle 90 % of them."""
    figure = Figure(figsize=(8.6, 3.2), layout="constrained")
    kept = np.asarray(history.diverged) == 0
    diverged = int(np.sum(~kept))
    last = []
    loss, accuracy = figure.subplots(1, 2)
    for axes, values, name in ((loss, history.loss, "loss"), (accuracy, history.accuracy, "accuracy")):
        values = np.asarray(values)[kept]
        epochs = np.arange(1, values.shape[1] + 1)
        for split, colour in enumerate((BLUE, GREEN, ORANGE)):
            curve = values[:, :, split]
            shown = np.isfinite(curve).any(axis=0)
            if not shown.any():
                continue
            low, middle, high = np.nanquantile(curve[:, shown], (0.05, 0.5, 0.95), axis=0)
            axes.plot(epochs[shown], middle, color=colour, label=SPLITS[split], linewidth=1.8, marker="o", markersize=3)
            axes.fill_between(epochs[shown], low, high, color=colour, alpha=0.2, linewidth=0)
            last.append(f"{SPLITS[split]} {name} {middle[-1]:.3f}")
        axes.set_xlabel("epoch", fontsize=9)
        axes.set_ylabel({"loss": "loss, mean over images", "accuracy": "accuracy, share correct"}[name], fontsize=9)
        axes.xaxis.get_major_locator().set_params(integer=True)
        plain(axes)
    if last:
        accuracy.legend(frameon=False, fontsize=9)
    seeds = f"{int(kept.sum())} seeds" + (f", {diverged} diverged and left out" if diverged else "")
    figure.suptitle(f"Learning curves ({seeds}; line: median, band: middle 90 % of seeds)", fontsize=11)
    figure.set_label(f"Learning curves of {seeds}. Medians after the last epoch: {', '.join(last) or 'none'}.")
    return figure
