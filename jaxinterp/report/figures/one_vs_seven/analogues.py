"""Are the neurons that one network uses found in others?"""

from itertools import product

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption, seeds
from jaxinterp.report.figures.drawing import INTERVAL, intervals
from jaxinterp.report.figures.layout import names, panels
from jaxinterp.studies.one_vs_seven.analogues import COMPARISONS
from jaxinterp.studies.one_vs_seven.common import ARMS, LAYERS
from jaxinterp.studies.study import Results


def correlations(results: Results) -> Figure:
    """Correlation of units with their best match in other networks, and what chance gives."""
    x = "correlation with the best match"
    figure, grid = panels(len(LAYERS), len(ARMS), (3.1, 1.7), x, sharex=True, sharey=True)
    pairs = results["analogues"].correlation
    pairs, texts = pairs.where(~np.eye(pairs.sizes["seeds"], dtype=bool)), []
    for axes, (layer, arm) in zip(grid.flat, product(LAYERS, ARMS), strict=True):
        groups = {name: pairs.sel(recipes=arm, layers=layer, comparisons=name) for name in COMPARISONS}
        texts.append(f"{arm}, {layer}: {intervals(axes, groups)}")
        names(axes, f"{arm}, {layer}")
    title = "Do the units of largest class difference have counterparts in other networks?"
    notes = f"{INTERVAL} 90 % of ordered pairs"
    return caption(figure, seeds(results, *ARMS), title, notes, "; ".join(texts), "1.12")
