"""How clearly do the digits lie apart in the layer, in subspaces of its neurons, and each in that of its own?"""

import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption, means, seeds
from jaxinterp.report.figures.common import BAND, BLUE, DOTS, GREEN, GREY, ORANGE
from jaxinterp.report.figures.drawing import band, intervals, strips
from jaxinterp.report.figures.layout import class_columns, legend, legend_of, panels, plain
from jaxinterp.studies.bottleneck_neurons.clusters import FEW, NORMALISED, own_subspaces
from jaxinterp.studies.bottleneck_neurons.neurons import NAME
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.study import Results

# The write-up's, of one network: by the number of neurons, and how it chose them.
PUBLISHED = {
    "hand-picked": {2: -0.025, 4: 0.14, 6: 0.21, 8: 0.22, 10: 0.235, 12: 0.23, 16: 0.234},
    "most selective": {2: 0.0, 4: 0.14, 6: 0.17, 8: 0.18, 10: 0.225},
    "random": {2: -0.09, 4: 0.065, 6: 0.115, 8: 0.15, 10: 0.19, 12: 0.21, 14: 0.225, 16: 0.234},
}


def clusters(results: Results) -> Figure:
    """Silhouettes of the layer and its controls, by the size of subspaces, and of each class where it is selected."""
    figure, [(layer, sizes, classes)] = panels(1, 3, (4.4, 3.4), width_ratios=(1, 1.1, 1.4))
    found = results["subspaces"]
    of_layer = intervals(layer, _of_the_layer(results), own=(TRAINED, *NORMALISED))
    plain(layer, x="mean silhouette in the layer")
    curves = {"hand-picked": found.picked, "most selective": found.selective, "random": found.random.mean("draws")}
    for (name, values), colour in zip(curves.items(), (GREEN, BLUE, ORANGE), strict=True):
        band(sizes, values, colour, "picked by search" if name == "hand-picked" else name)
        sizes.plot(*zip(*PUBLISHED[name].items(), strict=True), "x", color=colour, ms=5)
    sizes.plot([], [], "x", color=GREY, label="published")
    plain(sizes, x="neurons of the subspace", y="mean silhouette", grid="y")
    legend(sizes)
    own = own_subspaces(found)
    for (name, values), colour, shift in zip(own.items(), (BLUE, GREY, ORANGE), (-0.25, 0.0, 0.25), strict=True):
        strips(classes, values, colour, name, shift)
    class_columns(classes, found.classes.to_numpy())
    plain(classes, x="class", y=f"its silhouette in the subspace of {FEW} neurons", grid="y")
    legend_of(figure, classes, ncols=3)
    few = {name: values.sel(sizes=FEW) for name, values in curves.items()}
    title = "How clearly do the digits lie apart in the layer, and in subspaces of its neurons?"
    text = (
        f"Mean silhouettes: {of_layer}; in the subspace of {FEW} neurons: {means(few)}; of a digit in the subspace of "
        f"{means(own)}"
    )
    recipes = [recipe for recipe in (NAME, *NORMALISED.values()) if recipe in results["separation"].recipes]
    return caption(figure, seeds(results, *recipes), title, f"{BAND}; {DOTS}; ×: published", text, "4.7")


def _of_the_layer(results: Results) -> dict[str, xr.DataArray]:
    found = results["separation"]
    before, after = (found.sel(recipes=NAME, conditions=condition) for condition in (UNTRAINED, TRAINED))
    by_recipe = found.layer.sel(conditions=TRAINED)
    return {
        TRAINED: after.layer,
        UNTRAINED: before.layer,
        "permuted labels": after.permuted,
        "pixels": after.pixels,
        **{words: by_recipe.sel(recipes=recipe) for words, recipe in NORMALISED.items() if recipe in by_recipe.recipes},
    }
