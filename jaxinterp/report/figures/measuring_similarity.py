"""Which measures of similarity work? The figure of study `measuring-similarity`."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.captions import caption
from jaxinterp.report.figures.common import BLUE, GREEN, ORANGE
from jaxinterp.report.figures.drawing import interval
from jaxinterp.report.figures.layout import legend_of, panels, plain, rows
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.measuring_similarity import GOOD, HALVES, LABELS, LAYERS, TESTS, WIDTHS
from jaxinterp.studies.scores import estimate
from jaxinterp.studies.study import NETWORKS, Results

_TITLES = {LABELS: "true or shuffled labels?", WIDTHS: "wide or narrow?", LAYERS: "which layer?"}
_AXES = {LABELS: "area under the curve", WIDTHS: "area under the curve", LAYERS: "share of layers found"}


def figures(results: Results) -> list[Figure]:
    """All figures of the study."""
    return [tests(results)]


def tests(results: Results) -> Figure:
    """How often each measure is right on each test, after and before training, with chance as the control."""
    measures = results[LABELS].measures.to_numpy()
    figure, [row] = panels(1, len(TESTS), (3.1, 0.8 + 0.32 * len(measures)), sharey=True)
    means = [text for axes, test in zip(row, TESTS, strict=True) for text in _test(axes, test, results)]
    rows(row[0], [str(name).replace("_", " ") for name in measures])
    legend_of(figure, row[0])
    accuracy = results[NETWORKS].accuracy.sel(splits="test")
    networks = f"{int(accuracy.notnull().all('recipes').sum())} seeds per group"
    notes = "control: the same networks untrained; dot: mean over networks, bar: 95 % interval"
    title = "How often is a measure of similarity right?"
    return caption(figure, networks, title, notes, f"Means: {'; '.join(means)}", *TESTS)


def _test(axes: Axes, test: str, results: Results) -> list[str]:
    """One panel; returns the means of trained networks in words."""
    found, means = results[test], []
    for position, measure in enumerate(found.measures.to_numpy()):
        for condition, colour, marker in ((TRAINED, BLUE, "o"), (UNTRAINED, ORANGE, "D")):
            right = estimate(found.right.sel(measures=measure, conditions=condition))
            label = condition if position == 0 else ""
            ends = np.clip((right.low, right.high), 0, 1)
            interval(axes, position, right.mean, colour, marker, thin=ends, label=label)
            if condition == TRAINED and np.isfinite(right.mean):
                means.append(f"{test} {measure} {right.mean:.2f}")
        for half, marker in zip(HALVES, ("<", ">"), strict=True):
            own = float(found.by_half.sel(measures=measure, halves=half).mean())
            label = f"the {half} half" if position == 0 else ""
            axes.plot(own, position + 0.28, marker, color=GREEN, ms=4, mew=0, label=label)
    axes.axvline(float(found.chance), color="black", linestyle=":", linewidth=1, label="chance")
    axes.axvline(GOOD, color="black", linewidth=0.8, label=f"the rule's bar, {GOOD:g}")
    axes.set_xlim(-0.02, 1.02)
    plain(axes, _TITLES[test], _AXES[test])
    return means
