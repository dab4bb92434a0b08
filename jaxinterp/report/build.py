"""How is a run's report made? One HTML file that needs no other: findings, explorer, canvas, seeds, configuration."""

import base64
import dataclasses
import hashlib
import io
import json
import math
import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from jaxinterp import files, train
from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.report import glossary, tables
from jaxinterp.report.figures import common, training
from jaxinterp.stats import SHARE, Estimate, over_seeds_estimate
from jaxinterp.studies.judge import Finding
from jaxinterp.train import SPLITS, History

# The page's script: these files of page/, one after the other, since a page on disk cannot import modules.
SCRIPTS = (
    *("dom.js", "glossary.js", "decode.js", "network.js", "pictures.js", "state.js", "quantities.js", "roles.js"),
    *("card.js", "explorer.js", "embedding.js", "classes.js", "draw.js", "respond.js", "seeds.js", "main.js"),
)
STYLES = ("style.css", "explorer.css")
# The score's axis runs from here to 1; what lies further left is drawn at the edge, as an arrow.
_LOWEST = -1.0
_DPI = 150  # of what figures draw as pixels


class Drawn(NamedTuple):
    """A figure of the page: the image is there once, and the rows that it belongs to refer to it by its number.

    source: the image; label: its alternative text; rows: of the study's table, which it shows; owned: by one of the
    findings, or else it follows them.
    """

    source: str
    label: str
    rows: tuple[str, ...]
    number: int = 0
    owned: bool = False


def render(
    title: str,
    findings: Sequence[Finding],
    *,
    folder: str = "RUN",
    from_scratch: Mapping[str, str] = MappingProxyType({}),
    sentences: Sequence[tuple[str, str]] = (),
    analyses: Sequence[tables.Table] = (),
    figures: Iterable[Drawn] = (),
    history: History | None = None,
    config: Any = None,
    payload: str = "",
    reason: str = "",
) -> str:
    """The page as HTML that needs no other file and no network.

    folder: the run's, for the commands that the page shows; from_scratch: by study, the command that makes the run.
    sentences: every study's question and answer, above the findings. analyses: measurements without a study. figures:
    each with its label as alternative text; a row unfolds to those that show it (see figures.common.shows), the others
    follow in order. history: adds the accuracy of every seed. config: a dataclass, such as RunConfig, printed in full.
    payload: what report.explorer.encode returned, adds the views that need the networks; reason: why there is none.
    """
    environment = Environment(
        loader=PackageLoader("jaxinterp.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["pixels"] = _pixels
    environment.filters["scale"] = _scale
    script, style = script_text(), _joined(STYLES)
    rows = {_row(finding) for finding in findings}
    shown = [
        figure._replace(number=number, owned=bool(rows & set(figure.rows)))
        for number, figure in enumerate(figures, start=1)
    ]
    return environment.get_template("index.html").render(
        title=title,
        script=script,
        style=style,
        script_hash=_hash(script),
        style_hash=_hash(style),
        lowest=_LOWEST,
        sentences=sentences,
        analyses=analyses,
        findings=_entries(findings, shown, folder, from_scratch),
        over_images=all(finding.over_images for finding in findings),
        counts=[(v, sum(f.verdict == v for f in findings)) for v in ("holds", "does not hold", "undecided")],
        figures=shown,
        accuracy=None if history is None else _accuracy(history),
        curves=None if history is None else drawn(training.learning_curves(history)),
        config=[] if config is None else list(_settings(dataclasses.asdict(config), "")),
        payload=payload,
        reason=reason,
        terms=glossary.terms(),
    )


def drawn(figure: Figure) -> Drawn:
    """The figure as an SVG image inside the page; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "jaxinterp"}):
        figure.savefig(buffer, format="svg", dpi=_DPI, metadata={"Date": None})
    source = f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return Drawn(source, str(figure.get_label()), common.rows_of(figure))


def write(path: str | os.PathLike, html: str) -> None:
    """Write the page to path in one step, so that a reader finds the old page or the new one, never half of one."""
    files.write(Path(path), html.encode())


def script_text() -> str:
    """The page's one script: activation functions and norms as their tables give them, then the files of SCRIPTS."""
    functions = {name: f"(x) => {entry.javascript}" for name, entry in ACTIVATIONS.items()}
    over_units = {name: norm.over_units.javascript for name, norm in NORMS.items() if norm.over_units is not None}
    return f"{_constant('ACTIVATIONS', functions)}{_constant('NORMS_OVER_UNITS', over_units)}{_joined(SCRIPTS)}"


def _constant(name: str, entries: Mapping[str, str]) -> str:
    """An object whose values are JavaScript expressions, as a constant of the script."""
    lines = (f"  {json.dumps(key)}: {value}," for key, value in entries.items())
    return "\n".join([f"\nconst {name} = {{", *lines, "};\n"])


def _joined(names: Sequence[str]) -> str:
    folder = resources.files("jaxinterp.report") / "page"
    return "\n" + "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def _hash(text: str) -> str:
    """How the page's policy names the one script, or style, that may be run: whatever else got in stays dead."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _entries(
    findings: Sequence[Finding], figures: Sequence[Drawn], folder: str, from_scratch: Mapping[str, str]
) -> list[dict[str, Any]]:
    """All that a row and its fold show of a finding."""
    entries, taken = [], set()
    for row, finding in zip(tables.rows(findings), findings, strict=True):
        anchor = "row-" + re.sub(r"[^\w.]+", "-", f"{finding.study} {row.id}", flags=re.ASCII)
        while anchor in taken:
            anchor += "-again"
        taken.add(anchor)
        entries.append(
            {
                "row": row,
                "finding": finding,
                "anchor": anchor,
                "command": shlex.join(["jaxinterp", "study", finding.study, "--run", folder]),
                "from_scratch": from_scratch.get(finding.study),
                "figures": [figure.number for figure in figures if _row(finding) in figure.rows],
            }
        )
    return entries


def _row(finding: Finding) -> str:
    """The row of the study's table that a finding belongs to: the first word of its id."""
    return finding.row


def _pixels(score: float) -> float:
    """Where a score lies on an axis 100 wide."""
    return round(100 * (min(max(score, _LOWEST), 1.0) - _LOWEST) / (1.0 - _LOWEST), 2) if not math.isnan(score) else 0


def _scale(finding: Finding) -> dict[str, Any]:
    """Where ours and the control lie on an axis 100 wide that just holds both of them and their intervals."""
    estimates = {"ours": finding.measured, "control": finding.control}
    values = [v for e in estimates.values() for v in (e.low, e.mean, e.high) if math.isfinite(v)] or [0.0]
    low, high = min(values), max(values)
    if low >= 0 and low < high - low:  # a nearby zero says more than a scale that starts just above it
        low = 0.0
    margin = 0.04 * (high - low) or 0.5
    low, high = low - margin * (low != 0), high + margin

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    marks = [
        (name, *(at(v if math.isfinite(v) else e.mean) for v in (e.low, e.mean, e.high)), y)
        for (name, e), y in zip(estimates.items(), (5, 11), strict=True)
        if math.isfinite(e.mean)
    ]
    return {
        "marks": marks,
        "zero": at(0.0) if low <= 0 <= high else None,
        "low": f"{low:.3g}".replace("-", "−"),
        "high": f"{high:.3g}".replace("-", "−"),
        "label": f"ours {tables.number(finding.measured.mean)} {tables.interval(finding.measured)}, control "
        f"{tables.number(finding.control.mean)} {tables.interval(finding.control)}",
    }


def _accuracy(history: History) -> dict[str, Any]:
    """Accuracy at the epoch whose weights were kept: a summary of each split, then every seed."""
    kept, diverged, epoch = train.kept_accuracy(history), np.asarray(history.diverged), np.asarray(history.best)
    present = [split for split in range(len(SPLITS)) if np.isfinite(kept[:, split]).any()]
    summary: list[tuple[str, Estimate]] = [
        (SPLITS[split], over_seeds_estimate(kept[:, split], bounds=SHARE)) for split in present
    ]
    seeds = [
        (seed, [tables.number(float(kept[seed, split])) for split in present], int(diverged[seed]), int(epoch[seed]))
        for seed in range(len(kept))
    ]
    return {
        "summary": [(name, tables.spread(e), tables.interval(e), e.n) for name, e in summary],
        "splits": [SPLITS[split] for split in present],
        "seeds": seeds,
        "diverged": int((diverged > 0).sum()),
    }


def _settings(settings: dict[str, Any], prefix: str):
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{prefix}{name}.")
        else:
            yield (
                f"{prefix}{name}",
                f"{value:g}" if isinstance(value, float) else ("—" if value in (None, (), "") else str(value)),
            )
