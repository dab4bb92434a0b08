"""Where do the numbers of a finding lie on its small axes?"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from jaxinterp.report import tables
from jaxinterp.stats import Estimate
from jaxinterp.studies.judge import Finding

_MARGIN = 0.06  # of the axis, at each end
_APART = 24  # of an axis 100 wide: labels that are closer become one
_EDGE = 14  # labels that are closer to an end start, or end, where they stand


class Axis(NamedTuple):
    """From low to high, on 100 units of width."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Where a value is drawn; what lies beyond an end is drawn there."""
        place = 100 * (value - self.low) / (self.high - self.low)
        return round(min(max(place, 0.0), 100.0), 2)

    @property
    def zero(self) -> float | None:
        """Where 0 is drawn; None if the axis does not reach it."""
        return self.at(0.0) if self.low <= 0 <= self.high else None


def axis(values: Iterable[float]) -> Axis:
    """An axis that just holds the finite ones of these values, and reaches 0 where that is near.

    An axis of values between 0 and 1, as shares are, stays between 0 and 1.
    """
    finite = [float(value) for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    within = low >= 0 and high <= 1
    if 0 <= low < high - low:  # a nearby zero says more than a scale that starts just above it
        low = 0.0
    margin = _MARGIN * (high - low) or (0.1 if within else 0.5)
    low, high = low - margin * (low != 0), high + margin
    return Axis(max(low, 0.0), min(high, 1.0)) if within else Axis(low, high)


def measured(finding: Finding) -> dict[str, Any]:
    """Ours and the control, each with its interval, on an axis that just holds both."""
    estimates = {"ours": finding.measured, "control": finding.control}
    drawn = axis(value for e in estimates.values() for value in (e.low, e.mean, e.high))
    marks = [
        (name, *_interval(drawn, estimate), y)
        for (name, estimate), y in zip(estimates.items(), (5, 11), strict=True)
        if math.isfinite(estimate.mean)
    ]
    return {
        "marks": marks,
        "zero": drawn.zero,
        "low": short(drawn.low),
        "high": short(drawn.high),
        "label": f"ours {tables.number(finding.measured.mean)} {tables.interval(finding.measured)}, control "
        f"{tables.number(finding.control.mean)} {tables.interval(finding.control)}",
    }


def scored(finding: Finding) -> dict[str, Any]:
    """The score with both of its intervals, and where the claim holds.

    inside: where the region starts, and how wide it is. bars: place, text and anchor of each label.
    """
    score, joint, rule = finding.score, finding.joint, finding.rule
    bounds = [bound for bound in (rule.low, rule.high) if math.isfinite(bound)]
    drawn = axis([*bounds, score.low, score.mean, score.high, joint.low, joint.high])
    start, end = drawn.at(max(rule.low, drawn.low)), drawn.at(min(rule.high, drawn.high))
    labels = [(drawn.at(bound), short(bound)) for bound in bounds]
    if len(labels) == 2 and labels[1][0] - labels[0][0] < _APART:
        labels = [((labels[0][0] + labels[1][0]) / 2, f"{labels[0][1]} to {labels[1][1]}")]
    known = math.isfinite(score.mean)
    return {
        "inside": (start, round(end - start, 2)),
        "lines": [drawn.at(bound) for bound in bounds],
        "bars": [(place, text, _anchor(place)) for place, text in labels],
        "zero": drawn.zero,
        "score": _interval(drawn, score) if known else None,
        "joint": _interval(drawn, joint) if known else None,
        "value": (tables.number(score.mean), _anchor(drawn.at(score.mean))) if known else None,
        "label": f"score {tables.number(score.mean)}, joint interval {tables.interval(joint)}, bar {rule.bar}",
    }


def short(value: float) -> str:
    """Three digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")


def _interval(drawn: Axis, estimate: Estimate) -> tuple[float, float, float]:
    """Low, mean and high; where the interval is not known, all are the mean."""
    low, high = (value if math.isfinite(value) else estimate.mean for value in (estimate.low, estimate.high))
    return drawn.at(low), drawn.at(estimate.mean), drawn.at(high)


def _anchor(place: float) -> str:
    """Which part of a label stands at its place, so that it stays on the axis."""
    return "start" if place < _EDGE else "end" if place > 100 - _EDGE else "middle"
