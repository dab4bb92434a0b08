"""How is a run shown to someone? One self-contained web page: findings, figures, accuracy, configuration."""

import base64
import dataclasses
import io
import math
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from jaxinterp import train
from jaxinterp.report import tables
from jaxinterp.stats import Estimate, over_seeds_estimate
from jaxinterp.studies.claims import Finding
from jaxinterp.train import SPLITS, History

# The score's axis runs from here to 1; what lies further left is drawn at the edge, as an arrow.
_LOWEST = -1.0


def render(
    title: str,
    findings: Sequence[Finding],
    *,
    sentences: Sequence[str] = (),
    figures: Iterable[Figure] = (),
    history: History | None = None,
    config: Any = None,
) -> str:
    """The page as HTML that needs no other file, no network and no script.

    sentences: what the studies answer, above their findings. figures: shown in order, each with its label as
    alternative text. history: adds the accuracy of every seed. config: a dataclass, such as RunConfig, printed in full.
    """
    environment = Environment(
        loader=PackageLoader("jaxinterp.report", "page"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["pixels"] = _pixels
    return environment.get_template("index.html").render(
        title=title,
        lowest=_LOWEST,
        sentences=sentences,
        findings=list(zip(tables.rows(findings), findings, strict=True)),
        counts=[(v, sum(f.verdict == v for f in findings)) for v in ("holds", "does not hold", "undecided")],
        figures=[(_data_uri(figure), figure.get_label()) for figure in figures],
        accuracy=None if history is None else _accuracy(history),
        config=[] if config is None else list(_settings(dataclasses.asdict(config), "")),
    )


def write(path: str | os.PathLike, html: str) -> None:
    """Write the page to path in one step, so that a reader finds the old page or the new one, never half of one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(html)
        os.chmod(temporary, 0o644)  # mkstemp's own mode would hide the page from other readers
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _data_uri(figure: Figure) -> str:
    """The figure as an SVG image inside the page; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "jaxinterp"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _pixels(score: float) -> float:
    """Where a score lies on an axis 100 wide."""
    return round(100 * (min(max(score, _LOWEST), 1.0) - _LOWEST) / (1.0 - _LOWEST), 2) if not math.isnan(score) else 0


def _accuracy(history: History) -> dict[str, Any]:
    """Accuracy at the epoch whose weights were kept: a summary a split, then every seed. Diverged seeds are flagged."""
    kept, diverged, epoch = train.kept_accuracy(history), np.asarray(history.diverged), np.asarray(history.best)
    present = [split for split in range(len(SPLITS)) if np.isfinite(kept[:, split]).any()]
    summary: list[tuple[str, Estimate]] = [(SPLITS[split], over_seeds_estimate(kept[:, split])) for split in present]
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
