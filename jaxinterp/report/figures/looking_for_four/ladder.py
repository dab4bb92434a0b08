"""How good is each rung of the ladder, and how did it get there? Row 5.1."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import (
    BAND,
    BLUE,
    DOTS,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    band,
    labels,
    panels,
    plain,
    quantiles,
)
from jaxinterp.report.figures.looking_for_four.common import finish
from jaxinterp.studies.looking_for_four.ladder import PUBLISHED_ACCURACY, RUNGS, short
from jaxinterp.studies.looking_for_four.maps import NAME
from jaxinterp.studies.study import NETWORKS, Results

_COLOURS: dict[str, str] = dict(zip(RUNGS, (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, GREY, "black"), strict=True))


def figures(results: Results) -> list[Figure]:
    """Every rung's validation accuracy, and its learning curve."""
    figure, (dots, curves) = panels(1, 2, (5.2, 3.6))
    rungs = [str(rung) for rung in results["curves"].recipes.to_numpy()]
    names = {rung: short(rung) if rung != NAME else "last: batch norm" for rung in rungs}
    kept = results[NETWORKS].accuracy.sel(splits="validation", recipes=rungs)
    validation = results["curves"].validation
    epochs = np.arange(1, validation.sizes["epochs"] + 1)
    for row, rung in enumerate(rungs):
        values = kept.sel(recipes=rung).to_numpy()
        dots.plot(values, row + np.linspace(-0.15, 0.15, len(values)), "o", color=_COLOURS[rung], ms=2.5, alpha=0.5)
        dots.plot(quantiles(values)[1], row, "|", color=_COLOURS[rung], ms=14, mew=2.2)
        band(curves, epochs, validation.sel(recipes=rung), _COLOURS[rung], names[rung])
    dots.axvline(PUBLISHED_ACCURACY, color=GREY, linestyle=":", linewidth=1.2)
    dots.set_yticks(range(len(rungs)), [names[rung] for rung in rungs], fontsize=9)
    dots.set_ylim(len(rungs) - 0.4, -0.6)
    labels(dots, "validation accuracy, kept weights; dotted: published", "rung")
    labels(curves, "epoch", "validation accuracy, of those still trained")
    curves.set_xscale("log")
    curves.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    curves.minorticks_off()
    first = quantiles(validation.isel(epochs=0))[0]
    curves.set_ylim(min([0.9, *first[first > 0.85]]), 1.002)
    curves.legend(fontsize=8, frameon=False, loc="lower right")
    for axes in (dots, curves):
        plain(axes)
    means = ", ".join(f"{names[rung]} {float(kept.sel(recipes=rung).mean()):.4f}" for rung in rungs)
    text = f"Mean validation accuracy: {means}; published for the last: {PUBLISHED_ACCURACY}"
    return [finish(figure, results, "Accuracy rung by rung, and learning curves", f"{DOTS}; {BAND}", text, "5.1")]
