"""Which neurons see the stroke that makes a 1 a 7, and is it their number or their identity that counts?

The write-up drew strokes into images of 1s and 7s, knocked out the neurons whose mean activation differs between the
two, and stopped at the question whether accuracy fell because of how many neurons were removed, or because of which.
"""

from collections.abc import Mapping

import numpy as np

from jaxinterp import ensemble
from jaxinterp.studies.claims import Finding, in_words
from jaxinterp.studies.one_vs_seven import (
    analogous,
    drops,
    edits,
    knockouts,
    rows,
    strokes,
)
from jaxinterp.studies.one_vs_seven.knockouts import ALL, MATCHED, RANDOM, SHOWN
from jaxinterp.studies.one_vs_seven.record import ARMS, LAYERS, PLAIN, SMALL, STROKES, STUDY, OneVsSeven, mean
from jaxinterp.studies.subjects import Subject

__all__ = ["LEAST_SEEDS", "RECIPES", "STUDY", "Record", "answer", "findings", "measure"]

RECIPES = {STUDY: 8, PLAIN: 8, SMALL: 32, STROKES: 32}
LEAST_SEEDS = 2  # it compares pairs

Record = OneVsSeven

_MEASURING = (
    edits,
    rows,
    knockouts,
    strokes,
    analogous,
)


def measure(subjects: Mapping[str, Subject]) -> OneVsSeven:
    """Ask every row's question of the networks that it is about, diverged ones left out."""
    seeds = max(ensemble.size(subjects[recipe].run.networks) for recipe in RECIPES)
    fields = {}
    for part in _MEASURING:
        fields |= part.measure(subjects, seeds)
    return OneVsSeven(
        recipes=tuple(RECIPES),
        arms=ARMS,
        layers=LAYERS,
        classes=("1", "7"),
        networks=np.array([ensemble.size(subjects[recipe].run.networks) for recipe in RECIPES]),
        diverged=np.array([subjects[recipe].diverged.sum() for recipe in RECIPES]),
        **fields,
    )


def findings(record: OneVsSeven) -> list[Finding]:
    """Every claim judged on the record, row by row."""
    judging = (
        edits,
        rows,
        drops,
        strokes,
        analogous,
    )
    found = [finding for part in judging for finding in part.findings(record)]
    return sorted(found, key=lambda finding: int(finding.claim.id.split()[0].removeprefix("1.")))


def answer(record: OneVsSeven) -> str:
    """Number or identity: the sentence that rows 1.9 and 1.11 support."""
    found = {finding.claim.id: finding for finding in drops.findings(record)}
    random, matched = ([found[f"1.9 {kind}, {group}"] for kind in record.kinds] for group in ("random", "matched"))
    plain, small = found["1.11 plain, random"], found["1.11 small, random"]
    verdicts = {finding.verdict for finding in random}
    if not any(np.isfinite(finding.score.mean) for finding in random):
        word = "There is no drop to explain"
    elif verdicts == {"holds"}:
        word = "To which"
    elif verdicts == {"does not hold"}:
        word = "To how many"
    else:
        counts = [sum(finding.verdict == verdict for finding in random) for verdict in ("holds", "does not hold")]
        word = f"To which by {counts[0]} of {len(random)} ablations, to how many by {counts[1]}"
    arm, every, zero = record.arms.index(STUDY), record.signs.index(ALL), record.kinds.index("zero")
    chosen, units = record.knocked[arm, every, SHOWN, zero], record.selected_units[arm, every, SHOWN]
    drawn = record.drawn_mean[arm, record.groups.index(RANDOM), SHOWN, zero]
    overlap = record.drawn_overlap[arm, record.groups.index(MATCHED), SHOWN]
    shares = ", ".join(f"{_score(finding)} by {kind}" for kind, finding in zip(record.kinds, random, strict=True))
    same = ", ".join(map(_score, matched))
    return (
        f"Is the drop due to how many neurons are removed, or to which? {word}: without the {mean(units, 0)} neurons "
        f"whose class difference exceeds {record.thresholds[SHOWN]:g} accuracy is {mean(chosen, 2)}, without as many "
        f"random ones {mean(drawn, 2)}; the share of the drop that random ones do not cause is {shares}-ablation, "
        f"{same} for random ones of the same mean activation, which hold {mean(overlap, 2)} of the same neurons, and, "
        f"by {record.kinds[zero]}-ablation, {_score(plain)} without dropout and {_score(small)} in small networks."
    )


def _score(finding: Finding) -> str:
    return in_words(finding.score.mean)
