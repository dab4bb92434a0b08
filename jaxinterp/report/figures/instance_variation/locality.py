"""How local are the pixels that units use? The figure of rows 3.4 and 3.6."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import shows
from jaxinterp.report.figures.instance_variation.common import DRAWN, finish, in_words, line, networks, rows
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.instance_variation.locality import ONE_DIGIT_UNTRAINED, SHUFFLED, by_arm
from jaxinterp.studies.instance_variation.maps import USED
from jaxinterp.studies.study import Results

_MEASURES = {
    "participation": "effective number of pixels",
    "largest": "share of the core in its largest cluster",
    "moran": "Moran's I",
}
_CONTROLS = (UNTRAINED, SHUFFLED, ONE_DIGIT_UNTRAINED)


def figures(results: Results) -> list[Figure]:
    """The figure of the topic."""
    return [shows(locality(results), "3.4", "3.6")]


def locality(results: Results) -> Figure:
    """Measures of what is used by every unit, over units and networks, next to controls and other recipes."""
    arms = {name: values.sel(views=USED) for name, values in by_arm(results).items()}
    arms = {name: values for name, values in arms.items() if values.notnull().any()}
    layers = results["locality"].layers.to_numpy()
    figure = Figure(figsize=(2.2 + 3.0 * len(layers), 7.6), layout="constrained")
    grid = figure.subplots(len(_MEASURES), len(layers), sharey=True, sharex="row", squeeze=False)
    for (row, column), axes in np.ndenumerate(grid):
        measure, quantity = list(_MEASURES.items())[row]
        for position, (name, values) in enumerate(arms.items()):
            known = values.sel(layers=layers[column], measures=measure).to_numpy()
            low, quarter, median, three_quarters, high = np.nanquantile(known, (0.05, 0.25, 0.5, 0.75, 0.95))
            ends = np.array((low, quarter, three_quarters, high))
            line(axes, position, name, median, ends, trained=name not in _CONTROLS)
        rows(axes, [f"{name} ({networks(values)})" for name, values in arms.items()])
        axes.set_title(str(layers[column]), fontsize=10)
        axes.set_xlabel(quantity, fontsize=9)
    title = "How local is what units use? Mean gradient × sd of the pixel, trained, other recipes and controls"
    shown = f"all units of as many seeds as in brackets; {DRAWN.replace('mean', 'median')} 90 % of units"
    words = "; ".join(f"{axes.get_xlabel()}, {in_words(axes)}" for axes in grid.flat)
    return finish(figure, title, shown, words)
