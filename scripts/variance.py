"""Do networks that share a data order fluctuate together? Writes the variance of class accuracies into the docs.

    python scripts/variance.py                         # 8 groups of 16 networks with own orders, and as many that share
    python scripts/variance.py --groups 4 --epochs 5   # a quick look

trains every group into checkpoints/variance/ (about 7 minutes on two idle cores) and writes a table between the
markers in docs/statistics.md. The networks of a group have a base seed of their own, so that a group that shares its
order has another order than the other groups. An interrupted call resumes where it stopped; complete runs are only
read.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from documents import insert
from jaxtyping import Float

from jaxinterp import cli
from jaxinterp.errors import InputError

RECIPE = "bottleneck-neurons"
ORDERS = {"independent": "own orders", "shared": "a shared order"}
DOCUMENT = Path(__file__).parents[1] / "docs" / "statistics.md"

Accuracies = Float[np.ndarray, "groups seeds classes"]  # NaN for networks that diverged


class Components(NamedTuple):
    """Standard deviation between groups, beyond what their seeds explain, and within groups."""

    between: Float[np.ndarray, " classes"]
    within: Float[np.ndarray, " classes"]


def components(values: Accuracies) -> Components:
    """Variance components by one-way analysis of variance, the variance between groups not below 0.

    Source: Searle, Casella and McCulloch 1992, Variance Components, section 3.6: between groups (MSA − MSE)/n₀, for
    groups of different sizes. Every group needs a network, and one group needs two.
    """
    known = np.isfinite(values)
    sizes, total = known.sum(axis=1), known.sum(axis=(0, 1))
    group_means = np.nanmean(values, axis=1)
    mean = np.nanmean(values, axis=(0, 1))
    degrees = len(values) - 1
    within = np.nansum((values - group_means[:, None]) ** 2, axis=(0, 1)) / (total - len(values))
    between = (sizes * (group_means - mean) ** 2).sum(axis=0) / degrees
    typical_size = (total - (sizes**2).sum(axis=0) / total) / degrees
    return Components(np.sqrt(np.maximum((between - within) / typical_size, 0)), np.sqrt(within))


def coverage(values: Accuracies) -> float:
    """Share of groups × classes whose 95 % interval over seeds, Student's t, holds the mean of the other groups.

    That mean is uncertain too: were the seeds independent, with 1/(groups − 1) of the variance of the group's own mean.
    The intervals are widened by that much, so that the share for independent seeds is .95.
    """
    from jaxinterp.stats import over_seeds_estimate

    groups, _, classes = values.shape
    widening = np.sqrt(groups / (groups - 1))
    means = np.nanmean(values, axis=1)
    others = (means.sum(axis=0) - means) / (groups - 1)
    covered = []
    for group, label in np.ndindex(groups, classes):
        estimate = over_seeds_estimate(values[group, :, label])
        half = widening * (estimate.high - estimate.low) / 2
        covered.append(abs(estimate.mean - others[group, label]) <= half)
    return float(np.mean(covered))


def document_table(accuracies: dict[str, Accuracies]) -> str:
    """The table in Markdown, with one row per class and one with the coverage."""
    found = [(components(values), coverage(values)) for values in accuracies.values()]
    names = [ORDERS[order] for order in accuracies]
    columns = [f"{name}: {part} groups" for name in names for part in ("between", "within")]
    lines = [f"| class | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for label in range(len(found[0][0].within)):
        cells = [f"{sd[label]:.4f}" for parts, _ in found for sd in parts]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    shares = " | ".join(f"{share:.2f} | " for _, share in found)
    return "\n".join([*lines, f"| **intervals that cover** | {shares}|"])


def measure(
    groups: int = 8,
    seeds: int = 16,
    epochs: int | None = None,
    root: Path = Path("checkpoints/variance"),
    document: Path = DOCUMENT,
) -> None:
    """Train groups of networks with own and with shared data orders, and write their variance components.

    Args:
        groups: groups for each kind of order
        seeds: networks in a group
        epochs: by default the recipe's number
        root: the folder of these runs
        document: the file whose table is replaced
    """
    import dataclasses

    from jaxinterp import jobs, recipes

    if groups < 2 or seeds < 2:
        raise InputError(f"variance needs at least 2 groups and 2 seeds, got {groups} and {seeds}")
    text = document.read_text(encoding="utf-8")
    insert(text, "variance.py", "")  # a document without markers is refused before anything is trained
    config = recipes.config(RECIPE, seeds=seeds, epochs=epochs)
    accuracies = {}
    for order in ORDERS:
        runs = []
        for group in range(groups):
            own = dataclasses.replace(config.train, data_order=order, base_seed=group, snapshots=())
            name = f"{order}-{group}"
            with cli.progress_bar() as update:
                run = jobs.train_run(
                    root / name,
                    dataclasses.replace(config, train=own),
                    resume=True,
                    progress=lambda checkpoint, name=name: update(name, checkpoint),
                )
            runs.append(class_accuracy(run.history))
        accuracies[order] = np.stack(runs)
    lost = sum(int(np.isnan(values).all(axis=-1).sum()) for values in accuracies.values())
    size = (
        f"{groups} groups of {seeds} networks of recipe `{RECIPE}`, {config.train.epochs} epochs, for each kind of "
        f"order; {lost} of {2 * groups * seeds} networks diverged and are left out."
    )
    document.write_text(insert(text, "variance.py", f"{size}\n\n{document_table(accuracies)}"), encoding="utf-8")
    print(f"wrote {document}")


def class_accuracy(history) -> Float[np.ndarray, "seeds classes"]:
    """Test accuracy per class at the epoch whose weights were kept; NaN for a network that diverged."""
    from jaxinterp.train import SPLITS

    kept = np.maximum(np.asarray(history.best), 1) - 1
    accuracy = np.asarray(history.class_accuracy, np.float64)[np.arange(len(kept)), kept, SPLITS.index("test")]
    return np.where((np.asarray(history.diverged) > 0)[:, None], np.nan, accuracy)


if __name__ == "__main__":
    sys.exit(cli.guarded(lambda arguments: tyro.cli(measure, args=arguments), sys.argv[1:]))
