"""Does a claim hold? One judge for all studies: estimates, the hardest control, the score, and the verdict.

Values are first averaged over all dimensions but `seeds`, `seeds_other` and `samples` (independent things that are not
networks). The remaining dimensions decide how the interval is computed:

- one dimension: Student's t; or Wilson's interval, if nothing was averaged and every value is 0 or 1;
- `seeds` and `seeds_other`, for pairs of networks: a bootstrap over networks;
- none: the value is a constant without an interval.

A `RankCorrelation` over networks has the interval of Fisher's z.
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
    """A claim holds if the whole interval of its score lies between low and high; outside, it does not hold."""

    low: float = -math.inf
    high: float = math.inf

    def verdict(self, score: Estimate) -> Verdict:
        """The verdict on a score. It is undecided if the interval crosses a bound, or is NaN."""
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
    """How the number that the rule judges is computed from the measured values and the hardest control's."""

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
    """Values that the claim itself supplies, such as 2p − 1 for a probability p.

    high: if the scored quantity is known only to lie between two values, `scored` has the lower and `high` the higher.
    The score's interval then reaches from the lower bound of the one to the upper bound of the other.
    """

    scored: xr.DataArray
    high: xr.DataArray | None = None

    def values(self, measured: Values, control: Values | None) -> Values:
        """The supplied values."""
        return self.scored

    def words(self, quantity: str, control: str) -> str:
        """The quantity's own name."""
        return quantity


@dataclass(frozen=True)
class Difference:
    """Measured − control, paired: seed i of the one minus seed i of the other."""

    def values(self, measured: Values, control: Values | None) -> Values:
        """The differences."""
        return _by_network(measured) - _by_network(_needed(control))

    def words(self, quantity: str, control: str) -> str:
        """Which difference it is."""
        return f"{quantity}, less that of {control}"


@dataclass(frozen=True)
class Calibrated:
    """(T − C)/(1 − C), where T is the measured mean and C the control's: 0 is the control, 1 the best possible value.

    Its interval is that of `stats.calibrated_parts` (the delta method). It is never clipped, and NaN unless C < 1.
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
    """T/C, where T is the measured mean and C the control's; its interval is from the delta method."""

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
    """One statement of a write-up, the values measured for it, its controls, and the rule that gives its verdict.

    row: number of the statement, such as "3.1" for the first of the third write-up; several claims may share it, so
    name tells them apart. published: the write-up's value; — if it has none. quantity: what is scored, in words.
    controls: the hardest one is compared with: the control with the highest mean, or with the lowest mean if the score
    must be below the bar. shown: further estimates, which do not affect the verdict. recipes: the recipes whose
    diverged networks the note counts; the study's own by default.
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
    """The finding of a claim: estimates of its values and controls, its score, and so its verdict."""
    estimates = {name: estimate(values) for name, values in claim.controls.items()}
    hardest = _hardest(estimates, claim.rule)
    control = None if hardest is None else claim.controls[hardest]
    scored = claim.score.values(claim.measured, control)
    judged = scored if isinstance(claim.score, Given) else claim.measured
    score = _estimate(scored, _are_outcomes(scored) and _are_outcomes(judged))
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
    """The mean with the interval that follows from the dimensions of the values; see the module's docstring."""
    return _estimate(values, _are_outcomes(values))


def _estimate(values: Values, outcomes: bool) -> Estimate:
    if isinstance(values, RankCorrelation):
        return stats.rank_correlation_estimate(values)
    values = _by_network(values)
    if not values.dims:
        return stats.unknown()._replace(mean=float(values))
    if values.ndim == 1:
        return (stats.share_estimate if outcomes else stats.over_seeds_estimate)(values.to_numpy())
    if set(values.dims) == {"seeds", "seeds_other"}:
        return stats.over_pairs_estimate(values.transpose("seeds", "seeds_other").to_numpy())
    raise InputError(f"there is no estimator for values over {', '.join(map(str, values.dims))}")


def _are_outcomes(values: Values) -> bool:
    """Whether nothing is averaged within a network."""
    return isinstance(values, RankCorrelation) or set(values.dims) <= set(_INFERENCE)


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
