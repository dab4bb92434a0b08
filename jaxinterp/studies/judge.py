"""Does a claim hold? One judge for all studies: estimates, the hardest control, the score, and the verdict.

Values are first averaged over all dimensions but `seeds`, `seeds_other` and `samples` (independent things that are not
networks). The remaining dimensions decide how the interval is computed (see `stats`):

- one dimension: `over_seeds_estimate`;
- `seeds` and `seeds_other`, for pairs of networks: `over_pairs_estimate`;
- none: the value is a constant without an interval.

A `RankCorrelation` over networks has the interval of Fisher's z. The claims of a study are judged together: with 95 %
probability all its verdicts are right, as far as the intervals cover (Holm 1979, A simple sequentially rejective
multiple test procedure). Of m claims, each is judged by its interval of level 1 − 0.05/m; those that are decided leave,
and the others are judged again with the smaller m, until none is decided any more.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import xarray as xr

from jaxinterp import stats
from jaxinterp.errors import InputError
from jaxinterp.stats import LEVEL, Bounds, Estimate, RankCorrelation

Verdict = Literal["holds", "does not hold", "undecided"]
Values = xr.DataArray | RankCorrelation

_INFERENCE = ("seeds", "seeds_other", "samples")
NO_CONTROL = "—"

# Bounds: of shares, accuracies and probabilities; of correlations and of differences between shares.
SHARE, SIGNED = (0.0, 1.0), (-1.0, 1.0)


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
        interval = "the joint interval of the score"
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

    def estimate(self, measured: Values, control: Values | None, bounds: Bounds | None, level: float) -> Estimate:
        """The score with its interval of this level; bounds: those of the measured values and the control's."""
        ...

    def words(self, quantity: str, control: str) -> str:
        """What is scored, for a reader."""
        ...


@dataclass(frozen=True)
class Itself:
    """The measured quantity."""

    def estimate(self, measured: Values, control: Values | None, bounds: Bounds | None, level: float) -> Estimate:
        """That of the measured values."""
        return estimate(measured, bounds, level)

    def words(self, quantity: str, control: str) -> str:
        """The quantity's own name."""
        return quantity


@dataclass(frozen=True)
class Given:
    """Values that the claim itself supplies, such as 2p − 1 for a probability p.

    bounds: the least and the greatest value that there can be, or None. high: if the scored quantity is known only to
    lie between two values, `scored` has the lower and `high` the higher. The score's interval then reaches from the
    lower end of the one to the upper end of the other.
    """

    scored: xr.DataArray
    bounds: Bounds | None
    high: xr.DataArray | None = None

    def estimate(self, measured: Values, control: Values | None, bounds: Bounds | None, level: float) -> Estimate:
        """That of the supplied values."""
        score = estimate(self.scored, self.bounds, level)
        if self.high is None:
            return score
        return score._replace(high=estimate(self.high, self.bounds, level).high)

    def words(self, quantity: str, control: str) -> str:
        """The quantity's own name."""
        return quantity


@dataclass(frozen=True)
class Difference:
    """Measured − control, paired: seed i of the one minus seed i of the other."""

    def estimate(self, measured: Values, control: Values | None, bounds: Bounds | None, level: float) -> Estimate:
        """That of the differences."""
        known, null = _by_network(measured), _by_network(_needed(control))
        if bounds is None:
            return estimate(known - null, None, level)
        least, most = (float(null), float(null)) if not null.dims else bounds
        return estimate(known - null, (bounds[0] - most, bounds[1] - least), level)

    def words(self, quantity: str, control: str) -> str:
        """Which difference it is."""
        return f"{quantity}, less that of {control}"


@dataclass(frozen=True)
class Calibrated:
    """(T − C)/(1 − C), where T is the measured mean and C the control's: 0 is the control, 1 the best possible value.

    It is NaN unless C < 1. Its interval is that of `stats.calibrated_parts` (the delta method). If the measured values
    have bounds, it also contains the interval of T, with C as if it were known, and is just that if C is a constant:
    where T is nearly 1 for every network, the delta method sees no uncertainty at all.
    """

    def estimate(self, measured: Values, control: Values | None, bounds: Bounds | None, level: float) -> Estimate:
        """That of the linearised score."""
        known, null = _paired(measured, _needed(control))
        mean, null_mean = estimate(known).mean, estimate(null).mean
        if not null_mean < 1:
            return stats.unknown(estimate(known).n)

        def score(value: float) -> float:
            return (value - null_mean) / (1 - null_mean)

        parts = stats.calibrated_parts(known, null, mean, null_mean)
        return _combined(parts, known, null, bounds, level, score)

    def words(self, quantity: str, control: str) -> str:
        """The scale's two ends."""
        return f"{quantity} on a scale where 0 is {control} and 1 the most there can be"


@dataclass(frozen=True)
class Ratio:
    """T/C, where T is the measured mean and C the control's; NaN unless C > 0. Its interval is as for `Calibrated`."""

    def estimate(self, measured: Values, control: Values | None, bounds: Bounds | None, level: float) -> Estimate:
        """That of the linearised ratio."""
        known, null = _paired(measured, _needed(control))
        null_mean = estimate(null).mean
        if not null_mean > 0:
            return stats.unknown(estimate(known).n)
        ratio = estimate(known).mean / null_mean
        parts = (known - ratio * null) / null_mean + ratio
        return _combined(parts, known, null, bounds, level, lambda value: value / null_mean)

    def words(self, quantity: str, control: str) -> str:
        """What is divided by what."""
        return f"{quantity} as a share of that of {control}"


@dataclass(frozen=True)
class ShareBelow:
    """The share of the measured values that lie below a bar."""

    bar: float

    def estimate(self, measured: Values, control: Values | None, bounds: Bounds | None, level: float) -> Estimate:
        """That of 1 below the bar and 0 elsewhere; what is NaN is left out."""
        values = _array(measured)
        return estimate(stats.indicator(values < self.bar, values), SHARE, level)

    def words(self, quantity: str, control: str) -> str:
        """The share and its bar."""
        return f"share of {quantity} below {self.bar:g}"


@dataclass(frozen=True)
class Claim:
    """One statement of a write-up, the values measured for it, its controls, and the rule that gives its verdict.

    row: number of the statement, such as "3.1" for the first of the third write-up; several claims may share it, so
    name tells them apart. published: the write-up's value; — if it has none. quantity: what is scored, in words.
    bounds: the least and the greatest value that measured values and controls can have, such as (0, 1) for a share or
    an accuracy; if given, intervals stay within. controls: the hardest one is compared with: the control with the
    highest mean, or with the lowest mean if the score must be below the bar. shown: further estimates, which do not
    affect the verdict; the bounds count for those that lie within. recipes: the recipes whose diverged networks the
    note counts; the study's own by default.
    """

    row: str
    name: str
    text: str
    measured: Values
    rule: Rule
    quantity: str
    published: str = NO_CONTROL
    bounds: Bounds | None = None
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
    """A claim judged: measured and hardest control, the score that the rule judges, and further estimates.

    score: with its own 95 % interval. joint: with the wider interval that the verdict follows from, since all claims of
    a study are judged together; level is its level.
    """

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
    joint: Estimate
    level: float = LEVEL
    others: tuple[Control, ...] = ()
    note: str = ""

    @property
    def id(self) -> str:
        """Row and name."""
        return f"{self.row} {self.name}".strip()

    @property
    def verdict(self) -> Verdict:
        """The rule applied to the joint interval of the score."""
        return self.rule.verdict(self.joint)

    @property
    def criterion(self) -> str:
        """The rule and what is scored, in words."""
        return f"{self.rule.sentence} Score: {self.scored}."


def judge(study: str, claims: Sequence[Claim]) -> list[Finding]:
    """The findings of all claims of a study, with their estimates, scores and verdicts."""
    controls = [_hardest(claim) for claim in claims]

    def score(place: int, level: float) -> Estimate:
        claim, control = claims[place], controls[place]
        values = None if control is None else claim.controls[control]
        return claim.score.estimate(claim.measured, values, claim.bounds, level)

    plain = [score(place, LEVEL) for place in range(len(claims))]
    joint, levels = list(plain), [LEVEL] * len(claims)
    undecided = [place for place, known in enumerate(plain) if math.isfinite(known.low) or math.isfinite(known.high)]
    while undecided:
        level = 1 - (1 - LEVEL) / len(undecided)
        for place in undecided:
            joint[place], levels[place] = score(place, level), level
        left = [place for place in undecided if claims[place].rule.verdict(joint[place]) == "undecided"]
        if len(left) == len(undecided):
            break
        undecided = left
    return [_finding(study, *found) for found in zip(claims, controls, plain, joint, levels, strict=True)]


def _finding(study: str, claim: Claim, hardest: str | None, score: Estimate, joint: Estimate, level: float) -> Finding:
    estimates = {name: _within(values, claim.bounds) for name, values in claim.controls.items()}
    rest = {name: value for name, value in estimates.items() if name != hardest}
    rest |= {name: v if isinstance(v, Estimate) else _within(v, claim.bounds) for name, v in claim.shown.items()}
    name = NO_CONTROL if hardest is None else hardest
    return Finding(
        study=study,
        row=claim.row,
        name=claim.name,
        text=claim.text,
        published=claim.published,
        rule=claim.rule,
        scored=claim.score.words(claim.quantity, name),
        measured=estimate(claim.measured, claim.bounds),
        control=stats.unknown() if hardest is None else estimates[hardest],
        control_name=name,
        score=score,
        joint=joint,
        level=level,
        others=tuple(Control(*item) for item in rest.items()),
        note=claim.note.strip(),
    )


def estimate(values: Values, bounds: Bounds | None = None, level: float = LEVEL) -> Estimate:
    """The mean with the interval that follows from the dimensions of the values; see the module's docstring."""
    if isinstance(values, RankCorrelation):
        return stats.rank_correlation_estimate(values, level=level)
    values = _by_network(values)
    if not values.dims:
        return stats.unknown()._replace(mean=float(values))
    if values.ndim == 1:
        return stats.over_seeds_estimate(values.to_numpy(), bounds=bounds, level=level)
    if set(values.dims) == {"seeds", "seeds_other"}:
        matrix = values.transpose("seeds", "seeds_other").to_numpy()
        return stats.over_pairs_estimate(matrix, bounds=bounds, level=level)
    raise InputError(f"there is no estimator for values over {', '.join(map(str, values.dims))}")


def _within(values: Values, bounds: Bounds | None) -> Estimate:
    """The estimate, with the bounds if the values lie within: what is shown beside a quantity may be another one."""
    if bounds is not None and not isinstance(values, RankCorrelation):
        known = values.to_numpy()[np.isfinite(values.to_numpy())]
        if known.size and not bounds[0] <= known.min() <= known.max() <= bounds[1]:
            bounds = None
    return estimate(values, bounds)


def _combined(
    parts: xr.DataArray,
    known: xr.DataArray,
    null: xr.DataArray,
    bounds: Bounds | None,
    level: float,
    scaled: Callable[[float], float],
) -> Estimate:
    """The estimate of a score from its linearised parts; if there are bounds, also from the measured values alone.

    scaled: the score of a measured value, with the control's mean as if it were known.
    """
    score = estimate(parts, None, level)
    if bounds is None:
        return score
    alone = estimate(known, bounds, level)
    low, high = scaled(alone.low), scaled(alone.high)
    if null.dims:
        low, high = float(np.fmin(score.low, low)), float(np.fmax(score.high, high))
    return score._replace(low=low, high=high)


def _paired(measured: Values, control: Values) -> tuple[xr.DataArray, xr.DataArray]:
    """Both by network, where both are known; the control without dimensions if it is a constant."""
    known, null = _by_network(measured), _by_network(control)
    both = known.notnull() & null.notnull()
    return known.where(both), null.where(both) if null.dims else null


def _reduced(values: Values) -> Values:
    """The mean over all dimensions but those over which estimates are made."""
    if isinstance(values, RankCorrelation):
        return values
    return values.mean([dim for dim in values.dims if dim not in _INFERENCE])


def _hardest(claim: Claim) -> str | None:
    means = {name: estimate(values).mean for name, values in claim.controls.items()}
    known = {name: mean for name, mean in means.items() if math.isfinite(mean)}
    if not known:
        return next(iter(means), None)
    return (min if math.isinf(claim.rule.low) else max)(known, key=known.__getitem__)


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
