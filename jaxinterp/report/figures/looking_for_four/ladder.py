"""How good is each rung of the ladder, and how did it get there? Row 5.1."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BAND, COLOURS, DOTS, GREY
from jaxinterp.report.figures.drawing import band, quantiles, strips
from jaxinterp.report.figures.layout import legend, panels, plain, rows
from jaxinterp.studies.looking_for_four.ladder import PUBLISHED_ACCURACY, RUNGS, short
from jaxinterp.studies.looking_for_four.maps import NAME
from jaxinterp.studies.study import NETWORKS, Results

_COLOURS: dict[str, str] = dict(zip(RUNGS, COLOURS, strict=True))


def accuracy(results: Results) -> Figure:
    """Every rung's test accuracy, and its learning curve on validation images."""
    figure, [(dots, curves)] = panels(1, 2, (5.2, 3.6))
    rungs = [str(rung) for rung in results["curves"].recipes.to_numpy()]
    names = [short(rung) if rung != NAME else "last: batch norm" for rung in rungs]
    kept = results[NETWORKS].accuracy.sel(recipes=rungs).assign_coords(recipes=names)
    test, kept_validation = (kept.sel(splits=split) for split in ("test", "validation"))
    validation = results["curves"].validation
    epochs = np.arange(1, validation.sizes["epochs"] + 1)
    for row, (rung, name) in enumerate(zip(rungs, names, strict=True)):
        strips(dots, test.sel(recipes=[name]), _COLOURS[rung], "", row, mark="|", across=True)
        band(curves, validation.sel(recipes=rung), _COLOURS[rung], name, x=epochs)
    dots.axvline(PUBLISHED_ACCURACY, color=GREY, linestyle=":", linewidth=1.2)
    rows(dots, names)
    plain(dots, x="test accuracy, kept weights; dotted: published (validation)", y="rung")
    curves.set_xscale("log")
    curves.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    curves.minorticks_off()
    first = quantiles(validation.isel(epochs=0))[0]
    curves.set_ylim(min([0.9, *first[first > 0.85]]), 1.002)
    legend(curves, "lower right")
    plain(curves, x="epoch", y="validation accuracy, of those still trained")
    text = (
        f"Mean test accuracy: {means(by(test, 'recipes'), 4)}; on validation images: "
        f"{means(by(kept_validation, 'recipes'), 4)}; published for the last: {PUBLISHED_ACCURACY}"
    )
    return caption(figure, seeds(results), "Accuracy rung by rung, and learning curves", f"{DOTS}; {BAND}", text, "5.1")
