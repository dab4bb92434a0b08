"""Does a claim hold? One judge for all studies: estimates, the hardest control, the score, and the verdict.

All dimensions but `seeds`, `seeds_other` and `samples` (of anything independent that is not a network) are averaged
away. The estimator follows from those that are left: one: Student's t, or Wilson's interval where every value is 0 or
1; `seeds × seeds_other`: a bootstrap over networks; none: a constant, without an interval.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import xarray as xr

from jaxinterp import stats
from jaxinterp.errors import InputError
from jaxinterp.stats import LEVEL, Estimate, RankCorrelation

Verdict = Literal["holds", "does not hold", "undecided"]
Values = xr.DataArray | RankCorrelation

_INFERENCE = ("seeds", "seeds_other", "samples")
NO_CONTROL = "—"


@dataclass(frozen=True)
class Rule:
    """A claim holds if the whole interval of its score lies between low and high, not if all of it lies outside."""

    low: float = -math.inf
    high: float = math.inf

    def verdict(self, score: Estimate) -> Verdict:
        """The verdict on a score; an interval that crosses a bound, or that there is none of, leaves it undecided."""
        if self.low < score.low and score.high < self.high:
            return "holds"
        if score.high < self.low or score.low > self.high:
            return "does not hold"
        return "undecided"

    @property
    def bar(self) -> str:
        """The bounds in a few words, such as "> 0.5"."""
        if math.isinf(self.high):
            return f"> {self.low:g}"
        return f"< {self.high:g}" if math.isinf(self.low) else f"{self.low:.3g} to {self.high:.3g}"

    @property
    def sentence(self) -> str:
        """The rule in words, bounds included."""
        if math.isinf(self.high):
            inside, outside = f"above {self.low:g}", "below it"
        elif math.isinf(self.low):
            inside, outside = f"below {self.high:g}", "above it"
        else:
            inside, outside = f"between {self.low:g} and {self.high:g}", "outside"
        interval = f"the {100 * LEVEL:g} % interval of the score"
        return f"Holds if {interval} lies {inside}, does not hold if it lies {outside}, and is undecided otherwise."


def above(low: float) -> Rule:
    """The rule of a claim that holds where its score is above a bar."""
    return Rule(low=low)


def below(high: float) -> Rule:
    """The rule of a claim that holds where its score is below a bar."""
    return Rule(high=high)


def between(low: float, high: float) -> Rule:
    """The rule of a claim that holds where its score is between two bars."""
    return Rule(low, high)


@runtime_checkable
class Score(Protocol):
    """How measured values and those of the hardest control become what the rule judges."""

    def values(self, measured: Values, control: Values | None) -> Values:
        """The score, with the dimensions that decide its estimator."""
        ...

    def words(self, quantity: str, control: str) -> str:
        """What is scored, for a reader."""
        ...


@dataclass(frozen=True)
class Itself:
    """The measured quantity."""

    def values(self, measured: Values, control: Values | None) -> Values:
        """The measured values."""
        return measured

    def words(self, quantity: str, control: str) -> str:
        """The quantity's own name."""
        return quantity


@dataclass(frozen=True)
class Given:
    """Values that the claim brings along, such as 2p − 1 for a probability p, or an interval from low to high values.

    high: where what is scored is known only between two ends. The score's interval then reaches from the low end's
    lower bound to the high end's upper bound.
    """

    scored: xr.DataArray
    high: xr.DataArray | None = None

    def values(self, measured: Values, control: Values | None) -> Values:
        """The values that were brought along."""
        return self.scored

    def words(self, quantity: str, control: str) -> str:
        """The quantity's own name."""
        return quantity


@dataclass(frozen=True)
class Difference:
    """Measured less control, in pairs: seed i of one beside seed i of the other."""

    def values(self, measured: Values, control: Values | None) -> Values:
        """The differences."""
        return _by_network(measured) - _by_network(_needed(control))

    def words(self, quantity: str, control: str) -> str:
        """Which difference it is."""
        return f"{quantity}, less that of {control}"


@dataclass(frozen=True)
class Calibrated:
    """(T − C)/(1 − C) of the means T measured and C of the control: 0 is the control, 1 the most there can be.

    Linearised about the means (the delta method): the interval is the score's, and no single null near 1 makes a pole.
    Never clipped. NaN where the control leaves nothing open.
    """

    def values(self, measured: Values, control: Values | None) -> Values:
        """The linearised parts, whose mean is the score."""
        known, null = xr.broadcast(_by_network(measured), _by_network(_needed(control)))
        both = known.notnull() & null.notnull()
        known, null = known.where(both), null.where(both)
        observed_mean, null_mean = estimate(known).mean, estimate(null).mean
        if not null_mean < 1:
            return xr.full_like(known, np.nan)
        return stats.calibrated_parts(known, null, observed_mean, null_mean)

    def words(self, quantity: str, control: str) -> str:
        """The scale's two ends."""
        return f"{quantity} on a scale where 0 is {control} and 1 the most there can be"


@dataclass(frozen=True)
class Ratio:
    """T/C of the means T measured and C of the control, linearised about them (the delta method)."""

    def values(self, measured: Values, control: Values | None) -> Values:
        """The linearised parts, whose mean is the ratio."""
        known, null = xr.broadcast(_by_network(measured), _by_network(_needed(control)))
        both = known.notnull() & null.notnull()
        known, null = known.where(both), null.where(both)
        null_mean = estimate(null).mean
        ratio = estimate(known).mean / null_mean if null_mean else np.nan
        return (known - ratio * null) * (1 / null_mean if null_mean else np.nan) + ratio

    def words(self, quantity: str, control: str) -> str:
        """What is divided by what."""
        return f"{quantity} as a share of that of {control}"


@dataclass(frozen=True)
class ShareBelow:
    """The share of the measured values that lie below a bar."""

    bar: float

    def values(self, measured: Values, control: Values | None) -> Values:
        """1 below the bar, 0 elsewhere, NaN where nothing is known."""
        values = _array(measured)
        return stats.indicator(values < self.bar, values)

    def words(self, quantity: str, control: str) -> str:
        """The share and its bar."""
        return f"share of {quantity} below {self.bar:g}"


@dataclass(frozen=True)
class Claim:
    """What a write-up says, what was measured of it, and the rule by which it stands or falls.

    row: of the study's table, such as "3.1"; row and name together are unique. published: the write-up's value; — where
    it has none. quantity: what is scored, in words. controls: the hardest one decides: that with the highest mean, or
    the lowest where the bar is from above. shown: further estimates, which decide nothing. recipes: whose diverged
    networks the note counts; the study's own by default.
    """

    row: str
    name: str
    text: str
    measured: Values
    rule: Rule
    quantity: str
    published: str = NO_CONTROL
    controls: Mapping[str, Values] = field(default_factory=dict)
    score: Score = Itself()
    shown: Mapping[str, Values | Estimate] = field(default_factory=dict)
    note: str = ""
    recipes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Row and name."""
        return f"{self.row} {self.name}".strip()


class Control(NamedTuple):
    """A name and an estimate, in the units of what is measured."""

    name: str
    estimate: Estimate


class Finding(NamedTuple):
    """A claim judged: measured and hardest control, the score that the rule judges, and further estimates."""

    study: str
    row: str
    name: str
    text: str
    published: str
    rule: Rule
    scored: str
    measured: Estimate
    control: Estimate
    control_name: str
    score: Estimate
    others: tuple[Control, ...] = ()
    note: str = ""

    @property
    def id(self) -> str:
        """Row and name."""
        return f"{self.row} {self.name}".strip()

    @property
    def verdict(self) -> Verdict:
        """The rule applied to the score."""
        return self.rule.verdict(self.score)

    @property
    def criterion(self) -> str:
        """The rule and what is scored, in words."""
        return f"{self.rule.sentence} Score: {self.scored}."


def judge(study: str, claim: Claim) -> Finding:
    """The finding that a claim's values, controls, score and rule lead to."""
    estimates = {name: estimate(values) for name, values in claim.controls.items()}
    hardest = _hardest(estimates, claim.rule)
    control = None if hardest is None else claim.controls[hardest]
    scored = claim.score.values(claim.measured, control)
    score = estimate(scored)
    if isinstance(claim.score, Given) and claim.score.high is not None:
        score = score._replace(high=max(score.high, estimate(claim.score.high).high))
    rest = {name: value for name, value in estimates.items() if name != hardest}
    rest |= {name: v if isinstance(v, Estimate) else estimate(v) for name, v in claim.shown.items()}
    name = NO_CONTROL if hardest is None else hardest
    return Finding(
        study=study,
        row=claim.row,
        name=claim.name,
        text=claim.text,
        published=claim.published,
        rule=claim.rule,
        scored=claim.score.words(claim.quantity, name),
        measured=estimate(claim.measured),
        control=stats.unknown() if hardest is None else estimates[hardest],
        control_name=name,
        score=score,
        others=tuple(Control(*item) for item in rest.items()),
        note=claim.note.strip(),
    )


def estimate(values: Values) -> Estimate:
    """The estimate and interval that the dimensions of the values call for; see the module's docstring."""
    if isinstance(values, RankCorrelation):
        return stats.rank_correlation_estimate(values)
    values = _by_network(values)
    if not values.dims:
        return stats.unknown()._replace(mean=float(values))
    if values.ndim == 1:
        return stats.share_estimate(values.to_numpy())
    if set(values.dims) == {"seeds", "seeds_other"}:
        return stats.over_pairs_estimate(values.transpose("seeds", "seeds_other").to_numpy())
    raise InputError(f"there is no estimator for values over {', '.join(map(str, values.dims))}")


def _reduced(values: Values) -> Values:
    """The mean over all dimensions but those over which estimates are made."""
    if isinstance(values, RankCorrelation):
        return values
    return values.mean([dim for dim in values.dims if dim not in _INFERENCE])


def _hardest(estimates: Mapping[str, Estimate], rule: Rule) -> str | None:
    known = {name: own.mean for name, own in estimates.items() if math.isfinite(own.mean)}
    if not known:
        return next(iter(estimates), None)
    return (min if math.isinf(rule.low) else max)(known, key=known.__getitem__)


def _array(values: Values) -> xr.DataArray:
    if isinstance(values, RankCorrelation):
        raise InputError("a correlation over networks is one number: it can be scored only by itself")
    return values


def _by_network(values: Values) -> xr.DataArray:
    return _array(_reduced(values))


def _needed(control: Values | None) -> Values:
    if control is None:
        raise InputError("this score compares with a control: give the claim one")
    return control
