"""How are findings exported? As rows of plain values, and as one pandas table of all that is stored."""

from pathlib import Path
from typing import Any

import pandas as pd

from jaxinterp import store, studies
from jaxinterp.stats import Estimate
from jaxinterp.studies.judge import Finding


def findings_frame(root: Path | str = "checkpoints") -> pd.DataFrame:
    """Every stored finding of the runs in root, one row per claim; an estimate takes a column for each of its parts."""
    rows = [
        {"run": str(path)} | flat(values(finding))
        for path in store.runs(root)
        for answer in studies.answers(path).values()
        for finding in answer.findings
    ]
    return pd.DataFrame(rows)


def values(finding: Finding) -> dict[str, Any]:
    """A finding's values by column name; estimates are whole."""
    return {
        "study": finding.study,
        "id": finding.id,
        "claim": finding.text,
        "published": finding.published,
        "ours": finding.measured,
        "control": finding.control,
        "control_name": finding.control_name,
        "score": finding.score,
        "joint": finding.joint,
        "joint_level": finding.level,
        "over_images": finding.over_images,
        "bar": finding.rule.bar,
        "verdict": finding.verdict,
        "rule": finding.criterion,
        "others": {other.name: other.estimate for other in finding.others},
        "note": finding.note,
    }


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """The same with a column for each part of an estimate, such as ours_mean and ours_low."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        parts = value._asdict() if isinstance(value, Estimate) else None
        cells |= {name: value} if parts is None else {f"{name}_{part}": number for part, number in parts.items()}
    return cells
