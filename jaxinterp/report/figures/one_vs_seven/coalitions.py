"""How few units tell 1s from 7s, and how much is left in a part of the layer that stands in for the other?"""

from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import by, caption, means, seeds
from jaxinterp.report.figures.common import BLUE, DOTS, ORANGE
from jaxinterp.report.figures.drawing import strips
from jaxinterp.report.figures.layout import columns, legend_of, panels, plain
from jaxinterp.studies.one_vs_seven.coalitions import COALITIONS, OWN, ROTATED
from jaxinterp.studies.one_vs_seven.common import SMALL
from jaxinterp.studies.study import Results

_SHOWN = {
    "enough": "smallest set that is enough,\nunits",
    "needed": "smallest set that is necessary,\nunits",
    "divided": "kept by either part of the\nlayer divided in two, share",
    "one_left": "left without the most\ndamaging unit, share",
}

_COUNTED = "enough", "needed"


def sets(results: Results) -> Figure:
    """Sizes of the smallest sets, and what parts of the layer keep, beside a random basis."""
    found = results[COALITIONS].sel(recipes=SMALL)
    figure, [row] = panels(1, len(_SHOWN), (2.5, 2.6))
    texts = []
    for axes, (name, label) in zip(row, _SHOWN.items(), strict=True):
        values = found[name].transpose("seeds", "kinds", "bases")
        for basis, colour, shift in ((OWN, BLUE, -0.15), (ROTATED, ORANGE, 0.15)):
            if values.sel(bases=basis).notnull().any():
                strips(axes, values.sel(bases=basis), colour, basis, shift)
        columns(axes, [f"{kind}-ablation" for kind in found.kinds.to_numpy()])
        if name in _COUNTED:
            axes.yaxis.get_major_locator().set_params(integer=True)
        plain(axes, label, grid="y")
        for kind, own in by(values, "kinds").items():
            texts.append(f"{label.replace(chr(10), ' ')}, {kind}: {means(by(own, 'bases'), 2)}")
    legend_of(figure, row[0])
    title = "What all subsets of a layer's units say: how few tell 1s from 7s, and whether others can stand in for them"
    return caption(figure, seeds(results, SMALL), title, f"{DOTS}; scored on the other half", "; ".join(texts), "1.9")
