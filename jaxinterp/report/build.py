"""How is a run's report made? One HTML file that needs no other: findings, explorer, canvas, seeds, configuration."""

import base64
import io
import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxinterp import files, train
from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.config import RunConfig
from jaxinterp.report import axes, glossary, settings, tables, templates
from jaxinterp.report.figures import common, training
from jaxinterp.stats import SHARE, Estimate, over_seeds_estimate
from jaxinterp.studies.judge import Finding, Verdict
from jaxinterp.text import format_number
from jaxinterp.train import SPLITS, History

# The page's script: these files of page/, one after the other, since a page on disk cannot import modules.
SCRIPTS = (
    *("dom.js", "glossary.js", "decode.js", "network.js", "pictures.js", "state.js", "quantities.js", "roles.js"),
    *("card.js", "explorer.js", "samples.js", "guide.js", "embedding.js", "classes.js", "draw.js", "upload.js"),
    *("respond.js", "read.js", "mistakes.js", "compare.js", "seeds.js", "findings.js", "save.js", "main.js"),
)
STYLES = ("style.css", "explorer.css", "print.css")
_DPI = 150  # of what figures draw as pixels
_PIXELS = 100  # of the page for an inch of a figure, whose text is then as large as the page's tables'


class Drawn(NamedTuple):
    """A figure of the page: the image is there once, and the rows that it belongs to refer to it by its number.

    source: the image; label: its alternative text; rows: of the study's table, which it shows; size: width and height
    in pixels; owned: by one of the findings, or else it follows them.
    """

    source: str
    label: str
    rows: tuple[str, ...]
    size: tuple[int, int]
    number: int = 0
    owned: bool = False


class Summary(NamedTuple):
    """What a page says first of a study: its question, the answer, and the findings that matter most."""

    question: str
    sentence: str
    highlights: Sequence[Finding] = ()


def render(
    title: str,
    findings: Sequence[Finding],
    *,
    folder: str = "RUN",
    from_scratch: Mapping[str, str] = MappingProxyType({}),
    summaries: Sequence[Summary] = (),
    analyses: Sequence[tables.Table] = (),
    figures: Iterable[Drawn] = (),
    history: History | None = None,
    config: RunConfig | None = None,
    made: Mapping[str, str] = MappingProxyType({}),
    payload: str = "",
    reason: str = "",
    class_names: Sequence[str] = (),
    sources: Sequence[str] = (),
) -> str:
    """The page as HTML that needs no other file and no network.

    folder: the run's, for the commands that the page shows; from_scratch: by study, the command that makes the run.
    summaries: of every study, above the findings. analyses: measurements without a study. figures: each with its label
    as alternative text; it stands below the first row that it shows (see figures.common.shows), or below all rows.
    history: adds the accuracy of every seed. config: a run's, printed in full; made: how, when and where the run was
    trained, as far as that is known. payload: what report.explorer.encode returned, adds the views that need the
    networks; reason: why there is none. class_names: as far as they are known.
    sources: the file that each network was imported from, if it was.
    """
    rows = {finding.row for finding in findings}
    shown = [
        figure._replace(number=number, owned=bool(rows & set(figure.rows)))
        for number, figure in enumerate(figures, start=1)
    ]
    entries = _entries(findings, shown, folder, from_scratch)
    return page(
        "index.html",
        title=title,
        payloads=[payload] if payload else [],
        told=bool(findings or shown or not payload),
        networks=networks(history, config),
        summaries=[summary._replace(highlights=_placed(summary, entries)) for summary in summaries],
        analyses=analyses,
        findings=entries,
        over_images=all(finding.over_images for finding in findings),
        counts=[(v, sum(f.verdict == v for f in findings)) for v in get_args(Verdict)],
        figures=shown,
        accuracies=[] if history is None else [accuracy(history, title, sources)],
        config=[] if config is None else settings.settings(config, class_names),
        made=made,
        reason=reason,
    )


def page(template: str, *, title: str, payloads: Sequence[str], told: bool, **values: Any) -> str:
    """A page from a template that extends base.html. payloads: of each run's networks; told: whether a view of findings
    comes first; values: what the template shows.
    """
    environment = templates.environment()
    environment.filters["measured"] = axes.measured
    environment.filters["scored"] = axes.scored
    script, style = script_text(), templates.joined(STYLES)
    return environment.get_template(template).render(
        title=title,
        payloads=payloads,
        told=told,
        script=script,
        style=style,
        script_hash=templates.policy_hash(script),
        style_hash=templates.policy_hash(style),
        terms=glossary.terms(),
        **values,
    )


def drawn(figure: Figure) -> Drawn:
    """The figure as an SVG image inside the page; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "jaxinterp"}):
        figure.savefig(buffer, format="svg", dpi=_DPI, metadata={"Date": None})
    source = f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    width, height = (round(_PIXELS * inches) for inches in figure.get_size_inches())
    return Drawn(source, str(figure.get_label()), common.rows_of(figure), (width, height))


def write(path: str | os.PathLike, html: str) -> None:
    """Write the page to path in one step, so that a reader finds the old page or the new one, never half of one."""
    files.write(Path(path), html.encode())


def script_text() -> str:
    """The page's one script: activation functions and norms as their tables give them, then the files of SCRIPTS."""
    functions = {name: f"(x) => {entry.javascript}" for name, entry in ACTIVATIONS.items()}
    over_units = {name: norm.over_units.javascript for name, norm in NORMS.items() if norm.over_units is not None}
    return (
        f"{_constant('ACTIVATIONS', functions)}{_constant('NORMS_OVER_UNITS', over_units)}{templates.joined(SCRIPTS)}"
    )


def _constant(name: str, entries: Mapping[str, str]) -> str:
    """An object whose values are JavaScript expressions, as a constant of the script."""
    lines = (f"  {json.dumps(key)}: {value}," for key, value in entries.items())
    return "\n".join([f"\nconst {name} = {{", *lines, "};\n"])


def _entries(
    findings: Sequence[Finding], figures: Sequence[Drawn], folder: str, from_scratch: Mapping[str, str]
) -> list[dict[str, Any]]:
    """All that the page shows of each finding. below: the figures that stand below it, which no finding above has."""
    entries, taken, left = [], set(), list(figures)
    for place, (row, finding) in enumerate(zip(tables.rows(findings), findings, strict=True)):
        anchor = "row-" + re.sub(r"[^\w.]+", "-", f"{finding.study} {row.id}", flags=re.ASCII)
        while anchor in taken:
            anchor += "-again"
        taken.add(anchor)
        own = [figure for figure in figures if finding.row in figure.rows]
        last = place + 1 == len(findings) or findings[place + 1].row != finding.row
        below = [figure for figure in own if last and figure in left]
        left = [figure for figure in left if figure not in below]
        entries.append(
            {
                "row": row,
                "finding": finding,
                "anchor": anchor,
                "command": shlex.join(["jaxinterp", "study", finding.study, "--run", folder]),
                "from_scratch": from_scratch.get(finding.study),
                "figures": [figure.number for figure in own],
                "below": below,
            }
        )
    return entries


def _placed(summary: Summary, entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What the page shows of a summary's highlights."""
    return [entry for finding in summary.highlights for entry in entries if entry["finding"] is finding]


def networks(history: History | None, config: RunConfig | None) -> dict[str, str]:
    """Which networks the page is about, and how accurate they are."""
    if history is None or config is None:
        return {}
    reached = over_seeds_estimate(train.kept_accuracy(history)[:, SPLITS.index("test")], bounds=SHARE)
    accuracy = f"{format_number(100 * reached.mean, 1)} ± {format_number(100 * reached.sd, 1)} %"
    return {"described": tables.describe(config), "n": f"{reached.n}", "accuracy": accuracy}


def accuracy(history: History, name: str, sources: Sequence[str] = ()) -> dict[str, Any]:
    """Accuracy at the epoch whose weights were kept: a summary of each split, every seed, and learning curves.

    name: of the run; sources: the file that each network was imported from, if it was.
    """
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
        "name": name,
        "curves": drawn(training.learning_curves(history)),
        "summary": [(split, tables.spread(e), tables.interval(e), e.n) for split, e in summary],
        "splits": [SPLITS[split] for split in present],
        "seeds": seeds,
        "diverged": int((diverged > 0).sum()),
        "sources": list(sources),
    }
