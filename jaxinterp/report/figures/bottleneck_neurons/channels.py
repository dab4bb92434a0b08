"""How selective, how damaging and how alike are the units of CNNs? The figures of row 4.11."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.bottleneck_neurons.damage import CHOSEN
from jaxinterp.report.figures.captions import caption, means, seeds
from jaxinterp.report.figures.common import BLUE, DOTS, GREY, ORANGE
from jaxinterp.report.figures.drawing import INTERVAL, intervals, strips
from jaxinterp.report.figures.layout import class_columns, legend_of, names, panels, plain
from jaxinterp.studies.bottleneck_neurons.channels import KINDS, similarity
from jaxinterp.studies.bottleneck_neurons.neurons import CNN, DIRECTION, NAME
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.study import Results


def units(results: Results) -> Figure:
    """Every class's most selective unit of each layer, and what the class loses without its most damaging one."""
    found = results["channels"].sel(recipes=CNN)
    layers, texts = found.layers.to_numpy(), []
    figure, grid = panels(1 + len(KINDS), len(layers), (3.3, 2.2), "class", sharex=True, sharey="row")
    for column, layer in zip(grid.T, layers, strict=True):
        own = found.sel(layers=layer)
        selective = {"unit": own.auc, "direction": own.auc_directions}
        _columns(column[0], selective, "AUC of the most selective")
        column[0].set_title(str(layer), fontsize=10)
        texts.append(f"{layer}, AUC: {means(selective)}")
        for axes, kind in zip(column[1:], KINDS, strict=True):
            without = own.sel(kinds=kind)
            left = {"unit": without.without, "direction": without.without_directions.mean("bases")}
            _columns(axes, left | {"nothing": own.intact}, f"accuracy without the\nmost damaging, {kind}")
            texts.append(f"{layer}, accuracy under {kind}-ablation: {means(left)}")
    legend_of(figure, grid[1, 0])
    title = "CNN: how selective is each class's unit, and what does the class lose without its most damaging one?"
    notes = f"{DOTS}; {CHOSEN}, {DIRECTION} likewise"
    return caption(figure, seeds(results, CNN), title, notes, "; ".join(texts), "4.11")


def _columns(axes, groups, y: str) -> None:
    colours, shifts = (BLUE, ORANGE, GREY), (-0.2, 0.0, 0.2)
    for (name, values), colour, shift in zip(groups.items(), colours, shifts, strict=False):
        strips(axes, values.transpose("seeds", "classes"), colour, name, shift)
    class_columns(axes, next(iter(groups.values())).classes.to_numpy())
    plain(axes, grid="y")
    if axes.get_subplotspec().is_first_col():
        axes.set_ylabel(y, fontsize=9)


def alike(results: Results) -> Figure:
    """Similarity of every layer of CNNs with that of other CNNs and with the layers of MLPs, and its controls."""
    table = results["cnn-similarity"]
    layers, others = table.layers.to_numpy(), table.others.to_numpy()
    figure, [row] = panels(1, len(layers), (3.0, 3.2), sharex=True, sharey=True)
    texts = []
    for axes, layer in zip(row, layers, strict=True):
        groups = {
            f"{other}, {name}": values.where(values.seeds != values.seeds_other)
            for other in others
            for name, values in similarity(results, layer, other).items()
        }
        text = intervals(axes, groups, own=[name for name in groups if name.endswith(f", {TRAINED}")])
        names(axes, str(layer), "debiased linear CKA")
        texts.append(f"{layer}: {text}")
    title = "How alike are the layers of two CNNs, and of a CNN and an MLP? Debiased linear CKA, means over maps"
    return caption(figure, seeds(results, CNN, NAME), title, f"{INTERVAL} 90 % of pairs", "; ".join(texts), "4.11")
