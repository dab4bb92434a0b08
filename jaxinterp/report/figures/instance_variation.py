"""How alike are two trainings? Figures of study `instance-variation`."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, ORANGE, layer, plain
from jaxinterp.studies.instance_variation import ACCURACY_MATCHED, TRAINED, InstanceVariation


def similarity(record: InstanceVariation, *, measure: str = "cosine") -> Figure:
    """Raw and sorted similarity over pairs of networks beside its nulls, site by site; measure: cosine or pearson."""
    values = {"cosine": record.cosine, "pearson": record.pearson}[measure]
    name = {"cosine": "cosine", "pearson": "Pearson correlation"}[measure]
    rows, columns = len(record.orders), len(record.sites)
    figure = Figure(figsize=(1.6 + 3.0 * columns, 0.6 + 2.3 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, sharex="row", squeeze=False)
    for row, order in enumerate(record.orders):
        for column, site in enumerate(record.sites):
            axes = grid[row, column]
            _distributions(axes, dict(zip(record.conditions, values[:, column, row], strict=True)))
            axes.set_title(f"{layer(site)}, {order}", fontsize=10)
            axes.set_xlabel(f"{name}, mean over images", fontsize=9)
    title = f"{name[0].upper()}{name[1:]} of two networks' activations, trained and under each control"
    return _finish(figure, title, record, "; ".join(map(_means, grid.flat)))


def shared_features(record: InstanceVariation) -> Figure:
    """Debiased linear CKA of every site, and the share of images answered alike, each beside its nulls."""
    columns = len(record.sites) + 1
    figure = Figure(figsize=(1.9 + 2.6 * columns, 3.0), layout="constrained")
    grid = figure.subplots(1, columns, sharey=True)
    for column, site in enumerate(record.sites):
        matched = {ACCURACY_MATCHED: np.full_like(record.chance_agreement, np.nan)}
        _distributions(grid[column], dict(zip(record.conditions, record.cka[:, column], strict=True)) | matched)
        grid[column].set_title(layer(site), fontsize=10)
        grid[column].set_xlabel("debiased linear CKA", fontsize=9)
    agreement = dict(zip(record.conditions, record.agreement, strict=True))
    _distributions(grid[-1], agreement | {ACCURACY_MATCHED: record.chance_agreement})
    grid[-1].set_title("answers", fontsize=10)
    grid[-1].set_xlabel("share of images answered alike", fontsize=9)
    title = "Do two networks hold the same features and give the same answers?"
    return _finish(figure, title, record, "; ".join(map(_means, grid)))


def figures(record: InstanceVariation) -> list[Figure]:
    """All figures of the study."""
    return [similarity(record, measure="cosine"), similarity(record, measure="pearson"), shared_features(record)]


def _distributions(axes: Axes, matrices: dict[str, Float[np.ndarray, "seeds seeds"]]) -> None:
    """One line a condition: thin bar over the middle 95 % of pairs, thick over the middle half, dot at the mean."""
    for place, (name, matrix) in enumerate(matrices.items()):
        upper = (matrix + matrix.T)[np.triu_indices(len(matrix), 1)] / 2
        values = upper[np.isfinite(upper)]
        if not len(values):
            continue
        colour = BLUE if name == TRAINED else ORANGE
        low, quarter, three_quarters, high = np.quantile(values, (0.025, 0.25, 0.75, 0.975))
        axes.plot((low, high), (place, place), color=colour, linewidth=1.2, solid_capstyle="butt")
        half = {"linewidth": 6, "alpha": 0.45, "solid_capstyle": "butt"}
        axes.plot((quarter, three_quarters), (place, place), color=colour, **half)
        marker = "o" if name == TRAINED else "D"
        (dot,) = axes.plot(values.mean(), place, marker, color=colour, markersize=6, markeredgecolor="white")
        dot.set_label(f"{name} {values.mean():.3f}")
        if name == TRAINED:
            axes.axvline(values.mean(), color=colour, linewidth=0.8, linestyle=":", zorder=0)
    axes.set_yticks(range(len(matrices)), list(matrices), fontsize=9)
    axes.set_ylim(len(matrices) - 0.5, -0.5)
    axes.margins(x=0.08)
    plain(axes)


def _means(axes: Axes) -> str:
    """The means shown, in words."""
    labels = (str(line.get_label()) for line in axes.lines)
    return f"{axes.get_title()}: {', '.join(label for label in labels if not label.startswith('_'))}"


def _finish(figure: Figure, title: str, record: InstanceVariation, means: str) -> Figure:
    seeds = int(np.sum(~record.left_out))
    pairs = f"{seeds} seeds, {seeds * (seeds - 1) // 2} pairs"
    figure.suptitle(f"{title}\n{pairs}; dot: mean, thick: middle half, thin: middle 95 % of pairs", fontsize=11)
    figure.set_label(f"{title}, for {seeds} seeds. Means over pairs. {means}.")
    return figure
