"""How do findings read in a table? One row a claim, as text; the terminal and the web page show the same rows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.markup import escape
from rich.table import Table

from jaxinterp.config import RunConfig
from jaxinterp.jobs import IMPORTED
from jaxinterp.recipes import Recipe
from jaxinterp.stats import LEVEL, Estimate, over_seeds_estimate
from jaxinterp.store import Run
from jaxinterp.studies.claims import Finding, Verdict
from jaxinterp.sweeps import Comparison
from jaxinterp.train import SPLITS, History, kept_accuracy

_STYLES: dict[Verdict, str] = {"holds": "green", "does not hold": "red", "undecided": "yellow"}


class Row(NamedTuple):
    """A finding in words and figures."""

    id: str
    claim: str
    published: str
    measured: str
    interval: str
    n: int
    control: str
    score: str
    score_interval: str
    verdict: Verdict
    rule: str
    others: str
    note: str


def rows(findings: Iterable[Finding]) -> list[Row]:
    """A row a finding. Measured and others: mean ± sd; control: mean and name; n: networks."""
    return [
        Row(
            id=finding.claim.id,
            claim=finding.claim.text,
            published=finding.claim.published,
            measured=spread(finding.measured),
            interval=interval(finding.measured),
            n=finding.measured.n,
            control=f"{number(finding.control.mean)} ({finding.control_name})",
            score=number(finding.score.mean),
            score_interval=interval(finding.score),
            verdict=finding.verdict,
            rule=finding.claim.rule.sentence,
            others="; ".join(f"{other.name} {spread(other.estimate)}" for other in finding.others),
            note=finding.note,
        )
        for finding in findings
    ]


def findings_table(findings: Iterable[Finding], *, title: str = "") -> Table:
    """The findings for a terminal."""
    table = Table(title=escape(title) or None, caption="ours: mean ± sd [95 % interval]; n: networks")
    for name in ("claim", "published", "ours", "n", "control", "score", "verdict"):
        table.add_column(name, overflow="fold")
    for row in rows(findings):
        verdict = f"[{_STYLES[row.verdict]}]{row.verdict}[/]"
        ours, score = f"{row.measured}\n{row.interval}", f"{row.score}\n{row.score_interval}"
        cells = (f"{row.id}\n{row.claim}", row.published, ours, str(row.n), row.control, score)
        table.add_row(*map(escape, cells), verdict)
    return table


def run_table(path: Path, run: Run) -> Table:
    """One run: its config in short, and the accuracy of its networks on every split."""
    diverged = np.flatnonzero(run.history.diverged)
    flags = f"; diverged: seeds {', '.join(map(str, diverged))}" if len(diverged) else ""
    table = Table(title=escape(f"{path}: {describe(run.config)}{flags}"))
    for name in ("split", "accuracy", "worst seed", "best seed", "n"):
        table.add_column(name)
    for name, values in zip(SPLITS, kept_accuracy(run.history).T, strict=True):
        if np.isfinite(values).any():
            estimate = over_seeds_estimate(values)
            ends = (number(float(end)) for end in (np.nanmin(values), np.nanmax(values)))
            cells = (f"{spread(estimate)} {interval(estimate)}", *ends)
            table.add_row(name, *map(escape, cells), str(estimate.n))
    return table


def runs_table(runs: Sequence[tuple[Path, RunConfig, History | None]]) -> Table:
    """Every run in a row; a run without a history is unfinished."""
    caption = "test accuracy: mean ± sd over seeds [95 % interval]"
    if any(history is None for _, _, history in runs):
        caption += "\ngo on with an unfinished run: jaxinterp train --resume RUN"
    table = Table(caption=escape(caption))
    for name in ("run", "networks", "seeds", "diverged", "test accuracy"):
        table.add_column(name, overflow="fold")
    for path, config, history in runs:
        cells = ["—", "unfinished"]
        if history is not None:
            estimate = over_seeds_estimate(kept_accuracy(history)[:, SPLITS.index("test")])
            cells = [str(np.count_nonzero(history.diverged)), f"{spread(estimate)} {interval(estimate)}"]
        table.add_row(*map(escape, (str(path), describe(config), str(config.train.seeds), *cells)))
    return table


def sweep_table(comparisons: Sequence[Comparison], *, title: str) -> Table:
    """A sweep's arms beside the first, paired by seed."""
    caption = f"test accuracy: mean ± sd [95 % interval]; difference: from {comparisons[0].arm}, paired by seed"
    table = Table(title=escape(title), caption=escape(caption))
    for name in ("arm", "test accuracy", "difference", "n", "diverged"):
        table.add_column(name, overflow="fold")
    for place, (arm, accuracy, difference, diverged) in enumerate(comparisons):
        change = f"{spread(difference)} {interval(difference)}" if place else "—"
        cells = (arm, f"{spread(accuracy)} {interval(accuracy)}", change, str(accuracy.n), str(diverged))
        table.add_row(*map(escape, cells))
    return table


def recipes_table(recipes: Mapping[str, Recipe]) -> Table:
    """Every recipe with what it trains and what its write-up published."""
    table = Table(caption="train one with: jaxinterp train --recipe NAME")
    for name in ("recipe", "networks", "published"):
        table.add_column(name, overflow="fold")
    for name, recipe in recipes.items():
        table.add_row(*map(escape, (name, describe(recipe.config), recipe.published)))
    return table


def describe(config: RunConfig) -> str:
    """A run's networks and training in a line."""
    data, model, train = config.data, config.model, config.train
    only = f" {', '.join(map(str, data.classes))} only" if data.classes else ""
    widths = "-".join(map(str, (*model.widths, model.outputs)))
    extras = [f"{model.norm} norm"] if model.norm != "none" else []
    extras += [f"dropout {' '.join(map(str, model.dropout))}"] if any(model.dropout) else []
    extras += ["normalised input"] if (model.input_mean, model.input_std) != (0.0, 1.0) else []
    if config.recipe == IMPORTED:
        return f"{data.source}{only} {widths} {model.activation}, {', '.join([*extras, IMPORTED])}"
    extras += [f"{train.optimizer} {train.learning_rate:g}", f"batch {train.batch_size}", f"{train.epochs} epochs"]
    extras += ["early stopping"] if train.patience is not None else []
    return f"{data.source}{only} {widths} {model.activation}, {', '.join(extras)}"


def number(value: float) -> str:
    """Three decimals with a true minus sign; — for what is not known."""
    return f"{value:z.3f}".replace("-", "−") if math.isfinite(value) else "—"


def spread(estimate: Estimate) -> str:
    """Mean ± sd."""
    return f"{number(estimate.mean)} ± {number(estimate.sd)}"


def interval(estimate: Estimate) -> str:
    """The interval in brackets, or the word that there is none."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return f"[no {100 * LEVEL:g} % interval]"
    return f"[{number(estimate.low)}, {number(estimate.high)}]"
