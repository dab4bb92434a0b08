"""Which measures of similarity work? The figure of study `measuring-similarity`."""

import numpy as np
from matplotlib.figure import Figure

from jaxinterp import stats
from jaxinterp.report.figures.common import BLUE, ORANGE, plain, shows
from jaxinterp.studies.measuring_similarity import (
    CONDITIONS,
    GOOD,
    LABELS,
    LAYERS,
    TRAINED,
    WIDTHS,
    MeasuringSimilarity,
)

_TITLES = {LABELS: "true or shuffled labels?", WIDTHS: "wide or narrow?", LAYERS: "which layer?"}
_AXES = {
    LABELS: "area under the curve",
    WIDTHS: "area under the curve",
    LAYERS: "share of layers found",
}


def tests(record: MeasuringSimilarity) -> Figure:
    """How often each measure is right on each test, after and before training, beside chance."""
    figure = Figure(figsize=(10, 1.6 + 0.32 * len(record.measures)), layout="constrained")
    grid = figure.subplots(1, len(record.tests), sharey=True, squeeze=False)[0]
    said = []
    for axes, test, by_measure, chance in zip(
        grid, record.tests, np.moveaxis(record.right, 1, 0), record.chance, strict=True
    ):
        for place, conditions in enumerate(by_measure):
            for condition, values in zip(CONDITIONS, conditions, strict=True):
                estimate = stats.over_seeds_estimate(values)
                colour, marker = (BLUE, "o") if condition == TRAINED else (ORANGE, "D")
                low, high = np.clip((estimate.low, estimate.high), 0, 1)
                axes.plot((low, high), (place, place), color=colour, linewidth=2)
                label = condition if place == 0 else f"_{condition}"
                axes.plot(
                    estimate.mean, place, marker, color=colour, markersize=6, markeredgecolor="white", label=label
                )
                if condition == TRAINED and np.isfinite(estimate.mean):
                    said.append(f"{test} {record.measures[place]} {estimate.mean:.2f}")
        axes.axvline(chance, color="black", linestyle=":", linewidth=1, label="chance")
        axes.axvline(GOOD, color="black", linewidth=0.8, label=f"the rule's bar, {GOOD:g}")
        axes.set_title(_TITLES[test], fontsize=10)
        axes.set_xlabel(_AXES[test], fontsize=9)
        axes.set_xlim(-0.02, 1.02)
        plain(axes)
    grid[0].set_yticks(range(len(record.measures)), [name.replace("_", " ") for name in record.measures], fontsize=9)
    grid[0].set_ylim(len(record.measures) - 0.5, -0.5)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    seeds = int(np.isfinite(record.accuracy).all(axis=0).sum())
    title = f"How often is a measure of similarity right? {seeds} seeds a group; control: the same networks untrained"
    figure.suptitle(f"{title}\ndot: mean over networks, bar: 95 % interval", fontsize=11)
    figure.set_label(f"{title}. Means: {'; '.join(said)}.")
    return figure


def figures(record: MeasuringSimilarity) -> list[Figure]:
    """All figures of the study."""
    return [shows(tests(record), *record.tests)]
