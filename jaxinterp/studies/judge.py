"""Does a claim hold? One judge for all studies: the hardest control, the score, and the verdict.

The claims of a study are judged together: with 95 % probability all its verdicts are right, as far as the intervals
cover (Holm 1979, A simple sequentially rejective multiple test procedure). Of m claims, each is judged by its interval
of level 1 − 0.05/m; those that are decided leave, and the others are judged again with the smaller m, until none is
decided any more.
"""

import math
from collections.abc import Callable, Mapping, Sequence
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
    a study are judged together; level is its level. over_images: whether all intervals allow for other test images.
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
    over_images: bool = False
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


def judge(study: str, claims: Sequence[Claim], by_part: Sequence[Sequence[Claim]] = ()) -> list[Finding]:
    """The findings of all claims of a study, with their estimates, scores and verdicts.

    by_part: the same claims, measured on each of several parts of the test images; all intervals then allow for other
    images, too. A claim that a part lacks counts as not defined there.
    """
    parts = [{claim.id: claim for claim in part} for part in by_part]
    cases = [_Case(claim, [part.get(claim.id) for part in parts]) for claim in claims]
    plain = [case.score(LEVEL) for case in cases]
    joint, levels = list(plain), [LEVEL] * len(cases)
    undecided = [place for place, known in enumerate(plain) if math.isfinite(known.low) or math.isfinite(known.high)]
    while undecided:
        level = 1 - (1 - LEVEL) / len(undecided)
        for place in undecided:
            joint[place], levels[place] = cases[place].score(level), level
        left = [place for place in undecided if cases[place].claim.rule.verdict(joint[place]) == "undecided"]
        if len(left) == len(undecided):
            break
        undecided = left
    return [
        case.finding(study, *found) for case, found in zip(cases, zip(plain, joint, levels, strict=True), strict=True)
    ]


class _Case:
    """A claim with what decides it: its estimates, and its hardest control.

    parts: the same claim on parts of the test images, or None where it is not made.
    """

    def __init__(self, claim: Claim, parts: Sequence[Claim | None]):
        self.claim, self.parts = claim, parts
        self.controls = {name: self._estimate(lambda own, name=name: own.controls.get(name)) for name in claim.controls}
        self.control = _hardest(claim, self.controls)
        self.means = self._by_part(lambda own: self._score(own, None))

    def score(self, level: float) -> Estimate:
        """The score with its interval of this level."""
        limits = self.claim.score.limits(self.claim.bounds)
        return stats.with_images(self._score(self.claim, level), self.means, bounds=limits, level=level)

    def finding(self, study: str, score: Estimate, joint: Estimate, level: float) -> Finding:
        """The claim judged by its joint interval, with all its estimates."""
        claim = self.claim
        rest = {name: value for name, value in self.controls.items() if name != self.control}
        rest |= {name: self._estimate(lambda own, name=name: own.shown.get(name)) for name in claim.shown}
        name = NO_CONTROL if self.control is None else self.control
        return Finding(
            study=study,
            row=claim.row,
            name=claim.name,
            text=claim.text,
            published=claim.published,
            rule=claim.rule,
            scored=claim.score.words(claim.quantity, name),
            measured=self._estimate(lambda own: own.measured, surely_within=True),
            control=stats.unknown() if self.control is None else self.controls[self.control],
            control_name=name,
            score=score,
            joint=joint,
            level=level,
            over_images=bool(self.parts),
            others=tuple(Control(*item) for item in rest.items()),
            note=claim.note.strip(),
        )

    def _score(self, claim: Claim, level: float | None) -> Estimate:
        control = None if self.control is None else claim.controls.get(self.control)
        return claim.score.estimate(claim.measured, control, claim.bounds, level)

    def _estimate(self, values: Callable[[Claim], Values | Estimate | None], surely_within: bool = False) -> Estimate:
        """The estimate of some of the claim's values, and of the same on parts of the images."""

        def of(claim: Claim, level: float | None = None) -> Estimate:
            own = values(claim)
            if own is None or isinstance(own, Estimate):
                return stats.unknown() if own is None else own
            return estimate(own, bounds if surely_within or _within(own, bounds) else None, level)

        bounds = self.claim.bounds
        whole = of(self.claim, LEVEL)
        limits = bounds if bounds is not None and bounds.low <= whole.mean <= bounds.high else None
        return stats.with_images(whole, self._by_part(of), bounds=limits)

    def _by_part(self, of: Callable[[Claim], Estimate]) -> np.ndarray:
        """The means of what is estimated, by part: their intervals are not used."""
        return np.array([math.nan if part is None else of(part).mean for part in self.parts])


def _hardest(claim: Claim, controls: Mapping[str, Estimate]) -> str | None:
    known = {name: own.mean for name, own in controls.items() if math.isfinite(own.mean)}
    if not known:
        return next(iter(controls), None)
    return (min if math.isinf(claim.rule.low) else max)(known, key=known.__getitem__)


def _within(values: Values, bounds: Bounds | None) -> bool:
    """Whether the values lie within the bounds: what is shown beside a quantity may be another one."""
    if bounds is None or isinstance(values, RankCorrelation):
        return False
    known = values.to_numpy()[np.isfinite(values.to_numpy())]
    return not known.size or bool(bounds.low <= known.min() <= known.max() <= bounds.high)
