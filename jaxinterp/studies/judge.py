"""Does a claim hold? One judge for all studies: the hardest control, the score, and the verdict.

The claims of a study are judged together: with 95 % probability all its verdicts are right, as far as the intervals
cover (Holm 1979, A simple sequentially rejective multiple test procedure). Of m claims, each is judged by its interval
of level 1 − 0.05/m; those that are decided leave, and the others are judged again with the smaller m, until none is
decided any more.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from jaxinterp import stats
from jaxinterp.stats import LEVEL, Bounds, Estimate, RankCorrelation
from jaxinterp.studies.scores import ITSELF, Score, Values, estimate

Verdict = Literal["holds", "does not hold", "undecided"]
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


@dataclass(frozen=True)
class Claim:
    """One statement of a write-up, the values measured for it, its controls, and the rule that gives its verdict.

    row: number of the statement, such as "3.1" for the first of the third write-up; several claims may share it, so
    name tells them apart. published: the write-up's value; — if it has none. quantity: what is scored, in words.
    bounds: of measured values and controls, such as `SHARE`; if given, intervals stay within. controls: the hardest one
    is compared with: the control with the highest mean, or with the lowest mean if the score must be below the bar.
    shown: further estimates, which do not affect the verdict; the bounds count for those that lie within. recipes: the
    recipes whose diverged networks the note counts; the study's own by default.
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
    score: Score = ITSELF
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
    controls = [{name: _within(own, claim.bounds) for name, own in claim.controls.items()} for claim in claims]
    hardest = [_hardest(*pair) for pair in zip(claims, controls, strict=True)]

    def score(place: int, level: float) -> Estimate:
        claim, control = claims[place], hardest[place]
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
    return [_finding(study, *found) for found in zip(claims, controls, hardest, plain, joint, levels, strict=True)]


def _finding(
    study: str,
    claim: Claim,
    controls: Mapping[str, Estimate],
    hardest: str | None,
    score: Estimate,
    joint: Estimate,
    level: float,
) -> Finding:
    rest = {name: value for name, value in controls.items() if name != hardest}
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
        control=stats.unknown() if hardest is None else controls[hardest],
        control_name=name,
        score=score,
        joint=joint,
        level=level,
        others=tuple(Control(*item) for item in rest.items()),
        note=claim.note.strip(),
    )


def _hardest(claim: Claim, controls: Mapping[str, Estimate]) -> str | None:
    known = {name: own.mean for name, own in controls.items() if math.isfinite(own.mean)}
    if not known:
        return next(iter(controls), None)
    return (min if math.isinf(claim.rule.low) else max)(known, key=known.__getitem__)


def _within(values: Values, bounds: Bounds | None) -> Estimate:
    """The estimate, with the bounds if the values lie within: what is shown beside a quantity may be another one."""
    if bounds is not None and not isinstance(values, RankCorrelation):
        known = values.to_numpy()[np.isfinite(values.to_numpy())]
        if known.size and not bounds.low <= known.min() <= known.max() <= bounds.high:
            bounds = None
    return estimate(values, bounds)
