"""Are the neurons that one network uses found in others?"""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, ORANGE, plain
from jaxinterp.report.figures.one_vs_seven.common import finish, interval, named, networks
from jaxinterp.studies.one_vs_seven.analogues import COMPARISONS, TRAINED
from jaxinterp.studies.one_vs_seven.common import ARMS, LAYERS, mean
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """Correlation of units with their best match in other networks, and what chance gives."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    grid = figure.subplots(len(LAYERS), len(ARMS), sharex=True, sharey=True)
    pairs = results["analogues"].correlation
    pairs, texts = pairs.where(~np.eye(pairs.sizes["seeds"], dtype=bool)), []
    for row, layer in zip(grid, LAYERS, strict=True):
        for axes, arm in zip(row, ARMS, strict=True):
            for position, name in enumerate(COMPARISONS):
                values = pairs.sel(recipes=arm, layers=layer, comparisons=name)
                interval(axes, position, values, BLUE if name == TRAINED else ORANGE)
                texts.append(f"{arm}, {layer}, {name} {mean(values)}")
            named(axes, COMPARISONS)
            axes.set_title(f"{arm}, {layer}", fontsize=9)
            plain(axes)
    for axes in grid[-1]:
        axes.set_xlabel("correlation with the best match", fontsize=9)
    title = "Do the units of largest class difference have counterparts in other networks?"
    notes = "dot: mean, bar: middle 90 % of ordered pairs"
    return [finish(figure, title, notes, networks(results, *ARMS), "; ".join(texts), "1.12")]
