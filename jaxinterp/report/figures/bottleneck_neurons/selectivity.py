"""How selective is each class's most selective neuron, and do other measures agree?"""

import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.bottleneck_neurons.damage import CHOSEN
from jaxinterp.report.figures.captions import caption, means, seeds
from jaxinterp.report.figures.common import BLUE, DOTS, GREEN, GREY, ORANGE
from jaxinterp.report.figures.drawing import compared, strips
from jaxinterp.report.figures.layout import class_columns, legend_of, names, panels, plain
from jaxinterp.studies.bottleneck_neurons.selectivity import MEASURES, agreement
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def selectivity(results: Results) -> Figure:
    """The AUC of each class's most selective neuron and its nulls, and how the index agrees with other measures."""
    figure, [(left, right)] = panels(1, 2, (5.0, 3.2), width_ratios=(1.5, 1))
    found = results["selectivity"]
    levels = {
        TRAINED: found.chosen_auc.sel(conditions=TRAINED),
        "random directions": found.direction_auc.sel(conditions=TRAINED).mean("bases"),
        UNTRAINED: found.chosen_auc.sel(conditions=UNTRAINED),
        "labels permuted, 95th percentile": found.chosen_null.sel(conditions=TRAINED),
    }
    colours, shifts = (BLUE, GREEN, ORANGE, GREY), (-0.3, -0.1, 0.1, 0.3)
    for (name, values), colour, shift in zip(levels.items(), colours, shifts, strict=True):
        strips(left, values, colour, name, shift)
    class_columns(left, found.classes.to_numpy())
    plain(left, x="class", y="AUC of the most selective neuron or direction", grid="y")

    def correlations(shifted: bool) -> dict[str, xr.DataArray]:
        return {MEASURES[name]: own.mean("classes") for name, own in agreement(results, shifted=shifted).items()}

    own = correlations(False)
    compared(right, {"of the class": (own, BLUE, "o"), "of the next class": (correlations(True), ORANGE, "D")})
    names(right, x="Spearman's correlation with the index, over neurons")
    legend_of(figure, left, "lower left", ncols=4)
    legend_of(figure, right, "lower right", ncols=2)
    title = "How selective is each class's most selective neuron, and do other measures agree?"
    index = mean(found.chosen_index.sel(conditions=TRAINED))
    text = (
        f"Mean AUC: {means(levels, 2)}; the write-up's index of the same neuron {index}. Correlation: {means(own, 2)}"
    )
    return caption(figure, seeds(results), title, f"{DOTS}; {CHOSEN}", text, "4.5")
