"""How do results read in a table? As text with the values behind it, for terminal, notebook, page and export."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import rich.table
import xarray as xr
from jaxtyping import Float
from rich.markup import escape
from rich.text import Text

from jaxinterp import recipes, store, studies
from jaxinterp.config import RunConfig
from jaxinterp.doctor import Check
from jaxinterp.errors import InputError, printable
from jaxinterp.recipes import Recipe
from jaxinterp.report.descriptions import describe
from jaxinterp.stats import SHARE, Estimate, over_seeds_estimate, unknown
from jaxinterp.store import Run
from jaxinterp.studies import Answer, frame, scores
from jaxinterp.studies.judge import Finding, Verdict
from jaxinterp.studies.study import NETWORKS, Study
from jaxinterp.sweeps import Comparison
from jaxinterp.text import format_number
from jaxinterp.train import SPLITS, History, kept_accuracy

_STYLES: dict[str, str] = {"holds": "green", "does not hold": "red", "undecided": "yellow"}


class Row(NamedTuple):
    """A finding as text."""

    id: str
    claim: str
    published: str
    measured: str
    interval: str
    n: int
    control: str
    score: str
    score_interval: str
    joint_interval: str
    bar: str
    verdict: Verdict
    rule: str
    others: str
    note: str


def rows(findings: Iterable[Finding]) -> list[Row]:
    """One row per finding. Measured and others: mean ± sd; control: mean and name; n: networks."""
    return [
        Row(
            id=finding.id,
            claim=finding.text,
            published=finding.published,
            measured=spread(finding.measured),
            interval=interval(finding.measured),
            n=finding.measured.n,
            control=f"{number(finding.control.mean)} ({finding.control_name})",
            score=number(finding.score.mean),
            score_interval=interval(finding.score),
            joint_interval=interval(finding.joint),
            bar=finding.rule.bar,
            verdict=finding.verdict,
            rule=finding.criterion,
            others="; ".join(f"{other.name} {spread(other.estimate)}" for other in finding.others),
            note=finding.note,
        )
        for finding in findings
    ]


@dataclass(frozen=True)
class Table:
    """A table as text, with the values behind it: printed by rich, shown in a notebook, or exported.

    cells: the text of each row's columns. values: of each row, by name, numbers and estimates as they are.
    hidden: columns omitted in a terminal because the title already states them.
    styles: how rich colours a cell that is one of these words.
    """

    columns: tuple[str, ...]
    cells: list[tuple[str, ...]]
    values: list[dict[str, Any]]
    title: str = ""
    caption: str = ""
    hidden: tuple[str, ...] = ()
    styles: Mapping[str, str] = field(default_factory=dict)

    def __rich__(self) -> rich.table.Table:
        """The table for a terminal; text that looks like rich's markup, or that a terminal would obey, stays text."""

        def shown_as(text: str) -> str:
            return printable(text, kept="\n")

        title, caption = (escape(shown_as(text)) or None for text in (self.title, self.caption))
        table = rich.table.Table(title=title, caption=caption)
        shown = [place for place, name in enumerate(self.columns) if name not in self.hidden]
        for place in shown:
            table.add_column(escape(self.columns[place]), overflow="fold")
        for row in self.cells:
            table.add_row(*(Text(shown_as(row[place]), self.styles.get(row[place], "")) for place in shown))
        return table

    def _repr_mimebundle_(self, include: Any = (), exclude: Any = (), **options) -> dict[str, str]:
        """What a notebook shows."""
        return self.__rich__()._repr_mimebundle_(include, exclude, **options)

    def export(self, kind: str) -> str:
        """The table as "json", "csv" or "markdown", ending in a line break.

        JSON, in one line, and CSV hold the values: estimates with all their parts, what is not known as null or
        nothing. Markdown holds the text. What a terminal would obey is escaped as in JSON. Raises InputError for
        another kind.
        """
        if kind not in _EXPORTS:
            raise InputError(f"no format {kind!r}; there are {', '.join(_EXPORTS)}")
        text = _EXPORTS[kind](self)  # it may quote names of files, and goes to a terminal
        return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def findings_table(findings: Iterable[Finding], *, title: str = "") -> Table:
    """The findings."""
    findings = list(findings)
    cells = [
        (
            finding.study,
            f"{row.id}\n{row.claim}",
            row.published,
            f"{row.measured}\n{row.interval}",
            str(row.n),
            row.control,
            f"{row.score}\n{row.score_interval}\n{row.joint_interval}",
            row.bar,
            row.verdict,
        )
        for finding, row in zip(findings, rows(findings), strict=True)
    ]
    values = list(map(frame.values, findings))
    columns = ("study", "claim", "published", "ours", "n", "control", "score", "bar", "verdict")
    hidden = ("study",) if len({finding.study for finding in findings}) < 2 else ()
    over = "networks and other test images" if all(own.over_images for own in findings) else "networks"
    caption = (
        f"ours: mean ± sd [95 % interval], which allows for other {over}; n: networks; score: its 95 % interval, and "
        "below it the joint one, since all claims of a study are judged together; a claim holds if the whole joint "
        "interval passes the bar"
    )
    return Table(columns, cells, values, title, caption, hidden, _STYLES)


def in_short(answer: Answer, path: Path, config: RunConfig) -> str:
    """What is printed first of a study: its networks, its question, the answer, and how many claims hold."""
    networks = answer.results[NETWORKS].sel(recipes=answer.study.own)
    accuracy = _accuracy(networks.accuracy.sel(splits="test").to_numpy())
    reached = f"{format_number(100 * accuracy.mean, 1)} ± {format_number(100 * accuracy.sd, 1)} %"
    return "\n".join(
        (
            f"{path}: {accuracy.n} networks, {describe(config)}; test accuracy {reached}",
            f"{answer.study.question} {answer.sentence}",
            f"{len(answer.findings)} claims: {verdict_counts(answer.findings)}.",
        )
    )


def verdict_counts(findings: Sequence[Finding]) -> str:
    """How many findings have each verdict, in words."""
    return ", ".join(f"{verdict} {sum(finding.verdict == verdict for finding in findings)}" for verdict in _STYLES)


def networks_table(answer: Answer, path: Path) -> Table:
    """The networks of every recipe of a study, what the write-up published of them, and their test accuracy.

    path: the study's run, which has the other recipes' runs in arms/.
    """
    cells, values = [], []
    for recipe in answer.results[NETWORKS].recipes.to_numpy().tolist():
        own = answer.results[NETWORKS].sel(recipes=recipe)
        accuracy = own.accuracy.sel(splits="test").to_numpy()
        estimate, diverged = _accuracy(accuracy), int(own.diverged.sum())
        worst, best = float(np.nanmin(accuracy)), float(np.nanmax(accuracy))
        described = describe(store.read_config(studies.folder_of(answer.study, recipe, path)))
        published = recipes.get(recipe).published
        spread_ = f"{number(worst)} to {number(best)}"
        cells.append((recipe, described, published, _both(estimate), spread_, str(estimate.n), str(diverged)))
        value = {"recipe": recipe, "networks": described, "published": published, "test_accuracy": estimate}
        values.append(value | {"worst": worst, "best": best, "diverged": diverged})
    columns = ("recipe", "networks", "published", "test accuracy", "worst to best", "n", "diverged")
    return Table(columns, cells, values)


def dataset_table(dataset: xr.Dataset, *, title: str = "") -> Table:
    """A measurement: one row per variable and combination of labels, with the mean over everything else."""
    cells, values = [], []
    for name, variable in dataset.data_vars.items():
        labelled = [str(dim) for dim in variable.dims if dim in variable.coords]
        for labels in product(*(variable[dim].to_numpy().tolist() for dim in labelled)):
            where = dict(zip(labelled, labels, strict=True))
            estimate = scores.estimate(variable.sel(where))
            text = ", ".join(map(str, labels)) or "—"
            cells.append((str(name).replace("_", " "), text, spread(estimate), interval(estimate), str(estimate.n)))
            values.append({"variable": str(name), "where": where, "estimate": estimate})
    columns = ("variable", "of", "mean ± sd", "95 % interval", "n")
    return Table(columns, cells, values, title, "over networks, or over pairs of networks; n: networks")


def run_table(path: Path, run: Run) -> Table:
    """One run: its config in short, and the accuracy of its networks on every split."""
    cells, values = [], []
    for name, reached in _reached(run.history).items():
        estimate = _accuracy(reached)
        worst, best = float(np.nanmin(reached)), float(np.nanmax(reached))
        cells.append((str(path), name, _both(estimate), number(worst), number(best), str(estimate.n)))
        values.append({"run": str(path), "split": name, "accuracy": estimate, "worst": worst, "best": best})
    columns = ("run", "split", "accuracy", "worst seed", "best seed", "n")
    return Table(columns, cells, values, _titled(path, run), hidden=("run",))


def seeds_table(path: Path, run: Run, dead: Float[np.ndarray, "seeds layers"] | None = None) -> Table:
    """One row per seed of a run: accuracy at the epoch whose weights were kept, and dead units by layer if known."""
    reached, diverged = _reached(run.history), np.asarray(run.history.diverged)
    layers = {layer.name: layer.units for layer in run.networks.model.layers} if dead is not None else {}
    cells, values = [], []
    for seed, kept in enumerate(np.asarray(run.history.best).tolist()):
        accuracy = {name: float(of_seeds[seed]) for name, of_seeds in reached.items()}
        unlit = {} if dead is None else dict(zip(layers, dead[seed].tolist(), strict=True))
        lost = int(diverged[seed]) or None
        state = "trained" if lost is None else f"diverged in epoch {lost}"
        of_layers = [f"{count:.0f} of {layers[name]}" if math.isfinite(count) else "—" for name, count in unlit.items()]
        cells.append((str(path), str(seed), state, *map(number, accuracy.values()), str(kept), *of_layers))
        value = {"run": str(path), "seed": seed, "diverged_in_epoch": lost}
        value |= {f"{name}_accuracy": share for name, share in accuracy.items()} | {"kept_epoch": kept}
        value |= {f"dead_{name}": int(count) if math.isfinite(count) else None for name, count in unlit.items()}
        values.append(value)
    columns = ("run", "seed", "state", *(f"{name} accuracy" for name in reached), "weights of epoch")
    columns += tuple(f"dead in {name}" for name in layers)
    caption = "\n".join(f"{name} accuracy: {_both(_accuracy(of_seeds))}" for name, of_seeds in reached.items())
    return Table(columns, cells, values, _titled(path, run), caption, hidden=("run",))


def runs_table(runs: Sequence[tuple[Path, RunConfig, History | None]]) -> Table:
    """Every run in a row; a run without a history is unfinished."""
    caption = "test accuracy: mean ± sd over seeds [95 % interval]"
    if any(history is None for _, _, history in runs):
        caption += "\ngo on with an unfinished run: jaxinterp train --resume RUN"
    cells, values = [], []
    for path, config, history in runs:
        diverged, estimate, reached = None, unknown(), ("—", "unfinished")
        if history is not None:
            diverged = int(np.count_nonzero(history.diverged))
            estimate = _accuracy(kept_accuracy(history)[:, SPLITS.index("test")])
            reached = (str(diverged), _both(estimate))
        seeds = config.train.seeds
        cells.append((str(path), describe(config), str(seeds), *reached))
        value = {"run": str(path), "networks": describe(config), "seeds": seeds, "diverged": diverged}
        values.append(value | {"test_accuracy": estimate})
    return Table(("run", "networks", "seeds", "diverged", "test accuracy"), cells, values, caption=caption)


def sweep_table(comparisons: Sequence[Comparison], *, title: str) -> Table:
    """A sweep's arms compared with the first, paired by seed."""
    cells, values = [], []
    for place, (arm, accuracy, difference, diverged) in enumerate(comparisons):
        change = _both(difference) if place else "—"
        cells.append((arm, _both(accuracy), change, str(accuracy.n), str(diverged)))
        values.append({"arm": arm, "test_accuracy": accuracy, "difference": difference, "diverged": diverged})
    caption = f"test accuracy: mean ± sd [95 % interval]; difference: from {comparisons[0].arm}, paired by seed"
    return Table(("arm", "test accuracy", "difference", "n", "diverged"), cells, values, title, caption)


def mapping_table(mapping: Sequence[tuple[str, str]], *, title: str = "") -> Table:
    """Which tensor of a file became which parameter."""
    columns = ("tensor", "parameter")
    return Table(columns, list(mapping), [dict(zip(columns, pair, strict=True)) for pair in mapping], title)


def checks_table(checks: Sequence[Check]) -> Table:
    """The self-check, one row per check."""
    styles = {"ok": "green", "missing": "yellow", "wrong": "red"}
    return Table(Check._fields, list(checks), [check._asdict() for check in checks], "self-check", styles=styles)


def recipes_table(known: Mapping[str, Recipe]) -> Table:
    """Every recipe with what it trains and what its write-up published."""
    columns = ("recipe", "networks", "published")
    cells = [(name, describe(recipe.config), recipe.published) for name, recipe in known.items()]
    values: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in cells]
    return Table(columns, cells, values, caption="train one with: jaxinterp train --recipe NAME")


def studies_table(known: Mapping[str, Study]) -> Table:
    """Every study with its question, the networks that it trains, and how many claims it tests."""
    columns = ("study", "question", "recipes", "claims")
    cells, values = [], []
    for name, study in known.items():
        networks = [f"{count} × {recipe}" for recipe, count in study.recipes.items()]
        networks += [f"{count} × {recipe}, optional" for recipe, count in study.optional.items()]
        cells.append((name, study.question, "\n".join(networks), "—" if study.total is None else str(study.total)))
        value = {"study": name, "question": study.question, "source": study.source, "claims": study.total}
        values.append(value | {"recipes": dict(study.recipes), "optional": dict(study.optional)})
    caption = (
        "judge one with: jaxinterp study NAME; claims about optional recipes are left out where those are not trained"
    )
    return Table(columns, cells, values, caption=caption)


def _reached(history: History) -> dict[str, np.ndarray]:
    """Accuracy of every seed at its kept epoch, by split; splits that no network was measured on are left out."""
    kept = dict(zip(SPLITS, kept_accuracy(history).T, strict=True))
    return {name: reached for name, reached in kept.items() if np.isfinite(reached).any()}


def _accuracy(of_seeds: np.ndarray) -> Estimate:
    return over_seeds_estimate(of_seeds, bounds=SHARE)


def _titled(path: Path, run: Run) -> str:
    diverged = np.flatnonzero(run.history.diverged)
    flags = f"; diverged: seeds {', '.join(map(str, diverged))}" if len(diverged) else ""
    return f"{path}: {describe(run.config)}{flags}"


def number(value: float) -> str:
    """Three decimals with a true minus sign; — for what is not known."""
    return format_number(value, 3)


def spread(estimate: Estimate) -> str:
    """Mean ± sd."""
    return f"{number(estimate.mean)} ± {number(estimate.sd)}"


def interval(estimate: Estimate) -> str:
    """The interval in brackets, or the word that there is none."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return "[no interval]"
    return f"[{number(estimate.low)}, {number(estimate.high)}]"


def _both(estimate: Estimate) -> str:
    return f"{spread(estimate)} {interval(estimate)}"


def _json(table: Table) -> str:
    content = {"title": table.title, "caption": table.caption, "rows": [_plain(row) for row in table.values]}
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def _csv(table: Table) -> str:
    rows = [{name: _cell(value) for name, value in frame.flat(row).items()} for row in table.values]
    return pd.DataFrame(rows, dtype=object).to_csv(index=False, lineterminator="\n")


def _markdown(table: Table) -> str:
    def text(cell: str) -> str:
        return _MARKUP.sub(r"\\\g<0>", cell).replace("\n", "<br>")

    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(map(text, cells))} |"

    title = [f"**{text(table.title)}**", ""] if table.title else []
    caption = ["", text(table.caption)] if table.caption else []
    lines = [line(table.columns), "|" + " --- |" * len(table.columns), *map(line, table.cells)]
    return "\n".join([*title, *lines, *caption]) + "\n"


def _plain(value: Any) -> Any:
    """As JSON has it: what is not a finite number is null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Estimate):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> Any:
    """A value of CSV: what has parts is JSON, what is not a finite number is empty."""
    plain = _plain(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict) else plain


# What would otherwise be markup.
_MARKUP = re.compile(r"[\\`*_<|]")
_EXPORTS: dict[str, Callable[[Table], str]] = {"json": _json, "csv": _csv, "markdown": _markdown}
