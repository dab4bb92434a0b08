"""How scattered, connected and smooth are the pixels that units use? The figure of rows 3.4 and 3.6."""

from itertools import product

from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption, seeds
from jaxinterp.report.figures.common import GREY
from jaxinterp.report.figures.drawing import INTERVAL, intervals
from jaxinterp.report.figures.layout import names, panels, rows
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.instance_variation.locality import (
    AVERAGE,
    CEILINGS,
    LOCALITY_OF_IMAGES,
    ONE_DIGIT_SHUFFLED,
    ONE_DIGIT_UNTRAINED,
    SHUFFLED,
    by_arm,
)
from jaxinterp.studies.instance_variation.maps import USED
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_MEASURES = {
    "components": "separate parts of the core",
    "largest": "share of the core in its largest cluster",
    "moran": "Moran's I",
}
_CONTROLS = (UNTRAINED, SHUFFLED, ONE_DIGIT_UNTRAINED, ONE_DIGIT_SHUFFLED)


def locality(results: Results) -> Figure:
    """Measures of what is used by every unit, over units and networks, next to controls and other recipes."""
    arms = {name: values.sel(views=USED) for name, values in by_arm(results).items()}
    arms = {name: values for name, values in arms.items() if values.notnull().any()}
    known = [int(values.notnull().any(set(values.dims) - {"seeds"}).sum()) for values in arms.values()]
    layers, texts = results["locality"].layers.to_numpy(), []
    figure, grid = panels(len(_MEASURES), len(layers), (3.3, 2.4), sharey=True, sharex="row")
    for axes, ((measure, quantity), layer) in zip(grid.flat, product(_MEASURES.items(), layers), strict=True):
        own = {name: values.sel(layers=layer, measures=measure) for name, values in arms.items()}
        medians = intervals(axes, own, own=[name for name in arms if name not in _CONTROLS], median=True)
        digits = CEILINGS.get(measure, AVERAGE)
        reached = float(results[LOCALITY_OF_IMAGES].locality.sel(pictures=digits, measures=measure))
        axes.axvline(reached, color=GREY, linestyle=":")
        texts.append(f"{quantity}, {layer}: {medians}, {digits} {format_number(reached, 2)}")
        rows(axes, [f"{name} ({count})" for name, count in zip(arms, known, strict=True)])
        names(axes, str(layer), quantity)
    title = "How local is what units use? Mean gradient × sd of the pixel, trained, other recipes and controls"
    notes = (
        f"all units of as many seeds as in brackets; {INTERVAL.replace('mean', 'median')} 90 % of units; dotted: digits"
    )
    return caption(figure, seeds(results), title, notes, "; ".join(texts), "3.4", "3.6")
