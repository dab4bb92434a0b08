"""Which order of blanking the ink lowers the logit soonest, and how few neurons carry it? Row 5.4."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BAND, BLUE, GREEN, GREY, ORANGE, PURPLE, YELLOW, band, labels, panels, plain
from jaxinterp.report.figures.looking_for_four.common import finish
from jaxinterp.studies.looking_for_four.evidence import ATTRIBUTIONS, FEW, ORDERS, areas
from jaxinterp.studies.looking_for_four.maps import FOUR
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

_COLOURS = dict(zip(ORDERS, (BLUE, GREEN, PURPLE, ORANGE, YELLOW), strict=True))


def figures(results: Results) -> list[Figure]:
    """Deletion curves, and shares of the evidence."""
    figure, (curves, shares) = panels(1, 2, (4.8, 3.4))
    logit, found = results["deletion"].logit, results["evidence"]
    for order, colour in _COLOURS.items():
        style = "-" if order in ATTRIBUTIONS else "--"
        band(curves, 100 * logit.gone.to_numpy(), logit.sel(orders=order), colour, order, style)
    labels(curves, "% of the ink blanked, in that order", f"logit of {FOUR}, mean over {FOUR}s")
    curves.axhline(float(logit.isel(gone=-1).mean()), color=GREY, linewidth=0.8)
    curves.legend(fontsize=8, frameon=False, loc="lower left")
    count = found.neurons.to_numpy()
    band(shares, count, found.by_weight, BLUE, "by output weight")
    band(shares, count, found.by_share, GREEN, "by what they carry on other images")
    shares.plot(count, count / len(count), ":", color=ORANGE, label="at random")
    shares.axvline(FEW, color=GREY, linewidth=0.8)
    labels(shares, "neurons of the last hidden layer, the first so many", f"share of the evidence for {FOUR}")
    shares.legend(fontsize=8, frameon=False, loc="lower right")
    for axes in (curves, shares):
        plain(axes, grid="y")
    means = areas(results["deletion"]).mean("seeds")
    by_order = ", ".join(f"{order} {format_number(float(means.sel(orders=order)))}" for order in ORDERS)
    few = min(FEW, len(count))
    carried = format_number(float(found.by_weight.sel(neurons=few).mean()))
    text = f"Area under the curve: {by_order}. First {few} by weight: {carried}"
    title = f"The logit of {FOUR} as its ink is blanked, in several orders; and how many neurons carry it"
    return [finish(figure, results, title, f"{BAND}; grey: the blank image's logit", text, "5.4")]
