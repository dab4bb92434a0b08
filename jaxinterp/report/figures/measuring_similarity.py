"""Which measures of similarity work? The figure of study `measuring-similarity`."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, ORANGE, plain, shows
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.judge import estimate
from jaxinterp.studies.measuring_similarity import GOOD, LABELS, LAYERS, TESTS, WIDTHS
from jaxinterp.studies.study import NETWORKS, Results

_TITLES = {LABELS: "true or shuffled labels?", WIDTHS: "wide or narrow?", LAYERS: "which layer?"}
_AXES = {LABELS: "area under the curve", WIDTHS: "area under the curve", LAYERS: "share of layers found"}
_MARKS = {TRAINED: (BLUE, "o"), UNTRAINED: (ORANGE, "D")}


def figures(results: Results) -> list[Figure]:
    """All figures of the study."""
    return [shows(tests(results), *TESTS)]


def tests(results: Results) -> Figure:
    """How often each measure is right on each test, after and before training, with chance as the control."""
    measures = results[LABELS].measures.to_numpy()
    figure = Figure(figsize=(10, 1.6 + 0.32 * len(measures)), layout="constrained")
    grid = figure.subplots(1, len(TESTS), sharey=True, squeeze=False)[0]
    means = [text for axes, test in zip(grid, TESTS, strict=True) for text in _test(axes, test, results)]
    grid[0].set_yticks(range(len(measures)), [str(name).replace("_", " ") for name in measures], fontsize=9)
    grid[0].set_ylim(len(measures) - 0.5, -0.5)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    accuracy = results[NETWORKS].accuracy.sel(splits="test")
    seeds = int(accuracy.notnull().all("recipes").sum())
    title = f"How often is a measure of similarity right? {seeds} seeds per group; control: the same networks untrained"
    figure.suptitle(f"{title}\ndot: mean over networks, bar: 95 % interval", fontsize=11)
    figure.set_label(f"{title}. Means: {'; '.join(means)}.")
    return figure


def _test(axes: Axes, test: str, results: Results) -> list[str]:
    """One panel; returns the means of trained networks in words."""
    found, means = results[test], []
    for position, measure in enumerate(found.measures.to_numpy()):
        for condition, (colour, marker) in _MARKS.items():
            right = estimate(found.right.sel(measures=measure, conditions=condition))
            low, high = np.clip((right.low, right.high), 0, 1)
            axes.plot((low, high), (position, position), color=colour, linewidth=2)
            label = condition if position == 0 else f"_{condition}"
            axes.plot(right.mean, position, marker, color=colour, markersize=6, markeredgecolor="white", label=label)
            if condition == TRAINED and np.isfinite(right.mean):
                means.append(f"{test} {measure} {right.mean:.2f}")
    axes.axvline(float(found.chance), color="black", linestyle=":", linewidth=1, label="chance")
    axes.axvline(GOOD, color="black", linewidth=0.8, label=f"the rule's bar, {GOOD:g}")
    axes.set_title(_TITLES[test], fontsize=10)
    axes.set_xlabel(_AXES[test], fontsize=9)
    axes.set_xlim(-0.02, 1.02)
    plain(axes)
    return means
