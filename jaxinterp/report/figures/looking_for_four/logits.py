"""What makes each logit large, does its map look like its digit, and which ink and neurons carry it? Row 5.4."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BAND, BLUE, DOTS, GREEN, GREY, ORANGE, PURPLE, YELLOW
from jaxinterp.report.figures.drawing import band, bound_of, gallery, strips
from jaxinterp.report.figures.layout import columns, legend, legend_of, panels, plain
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.logits import ATTRIBUTIONS, FEW, METHODS, ORDERS, areas
from jaxinterp.studies.looking_for_four.maps import DIFFERENCE, FOUR, UPRIGHT
from jaxinterp.studies.study import Results
from jaxinterp.text import mean


def maps(results: Results) -> Figure:
    """What stands behind every logit, below the templates."""
    found = results["logit_maps"]
    maps = [found.templates, *(found.logits.sel(methods=method) for method in METHODS)]
    figure, grid = panels(len(maps), found.sizes["classes"], (1.0, 1.05))
    names = [name.replace(" ", "\n") for name in ("template", *METHODS)]
    gallery(grid, maps, names, found.classes.to_numpy(), lambda row: bound_of(maps[row], 0.995))
    title = "What stands behind every logit, pushed back to the pixels, below the digits' templates"
    notes = "mean over seeds of maps of equal size; orange raises, blue lowers, each row to its own scale"
    text = "Templates: a class's mean image less the mean of all other images"
    return caption(figure, seeds(results), title, notes, text, "5.4")


def correlations(results: Results) -> Figure:
    """Does what stands behind each logit look like its digit?"""
    figure, [row] = panels(1, len(METHODS), (3.6, 3.2), "logit", "correlation with the template", sharey=True)
    found, of_four = results["logits"].alike.sel(kinds=DIFFERENCE), {}
    for axes, method in zip(row, METHODS, strict=True):
        trained, before = (found.sel(methods=method, conditions=condition) for condition in (TRAINED, UNTRAINED))
        upright, turned = trained.sel(turns=UPRIGHT), trained.drop_sel(turns=UPRIGHT).mean("turns")
        strips(axes, upright, BLUE, "its digit", -0.25)
        strips(axes, turned, GREEN, "its digit turned and mirrored, mean")
        strips(axes, before.sel(turns=UPRIGHT), ORANGE, "its digit, untrained", 0.25)
        axes.axhline(0, color=GREY, linewidth=0.8)
        columns(axes, found.classes.to_numpy())
        plain(axes, method, grid="y")
        of_four[method] = upright.sel(classes=FOUR)
    legend_of(figure, row[0])
    title = "Does a logit pushed back to the pixels look like its digit? Controls: turned digits, untrained networks"
    return caption(figure, seeds(results), title, DOTS, f"Mean for the logit of {FOUR}: {means(of_four, 2)}", "5.4")


def evidence(results: Results) -> Figure:
    """Deletion curves, and shares of the evidence."""
    figure, [(curves, shares)] = panels(1, 2, (4.8, 3.4))
    logit, found = results["deletion"].logit, results["evidence"]
    for order, colour in zip(ORDERS, (BLUE, GREEN, PURPLE, ORANGE, YELLOW), strict=True):
        style = "-" if order in ATTRIBUTIONS else "--"
        band(curves, logit.sel(orders=order), colour, order, style, x=100 * logit.gone)
    curves.axhline(float(logit.isel(gone=-1).mean()), color=GREY, linewidth=0.8)
    legend(curves, "lower left")
    plain(curves, x="% of the ink blanked, in that order", y=f"logit of {FOUR}, mean over {FOUR}s", grid="y")
    count = found.neurons.to_numpy()
    band(shares, found.by_weight, BLUE, "by output weight")
    band(shares, found.by_share, GREEN, "by what they carry on other images")
    shares.plot(count, count / len(count), ":", color=ORANGE, label="at random")
    shares.axvline(FEW, color=GREY, linewidth=0.8)
    legend(shares, "lower right")
    x = "neurons of the last hidden layer, the first so many"
    plain(shares, x=x, y=f"share of the evidence for {FOUR}", grid="y")
    few, by_order = min(FEW, len(count)), by(areas(results["deletion"]).sel(orders=list(ORDERS)), "orders")
    carried = mean(found.by_weight.sel(neurons=few), 2)
    text = f"Area under the curve: {means(by_order, 2)}. First {few} by weight: {carried}"
    title = f"The logit of {FOUR} as its ink is blanked, in several orders; and how many neurons carry it"
    return caption(figure, seeds(results), title, f"{BAND}; grey: the blank image's logit", text, "5.4")
