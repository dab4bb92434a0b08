"""What was claimed, what did we find, and does the claim hold? The verdict follows from the claim's rule alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from jaxinterp.stats import LEVEL, Estimate, Values, over_seeds_estimate

Verdict = Literal["holds", "does not hold", "undecided"]


@dataclass(frozen=True)
class Rule:
    """A claim holds if the whole interval of its score lies between low and high, not if all of it lies outside."""

    score: str
    """what is scored, in words"""
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
    def sentence(self) -> str:
        """The rule in words, thresholds included."""
        if math.isinf(self.high):
            inside, outside = f"above {self.low:g}", "below it"
        elif math.isinf(self.low):
            inside, outside = f"below {self.high:g}", "above it"
        else:
            inside, outside = f"between {self.low:g} and {self.high:g}", "outside"
        interval = f"the {100 * LEVEL:g} % interval of the score"
        return (
            f"Holds if {interval} lies {inside}, does not hold if it lies {outside}, and is undecided otherwise. "
            f"Score: {self.score}."
        )


@dataclass(frozen=True)
class Claim:
    """One row of a study: what a write-up says, and the rule by which it stands or falls."""

    study: str
    id: str
    text: str
    published: str
    """the write-up's figure; — where it has none"""
    rule: Rule


class Control(NamedTuple):
    """What a null gives for the quantity that a claim is about, in the same units."""

    name: str
    estimate: Estimate


class Finding(NamedTuple):
    """A claim beside what was measured. `score` is what the rule judges: the measured figure against `control`."""

    claim: Claim
    measured: Estimate
    control: Estimate
    control_name: str
    score: Estimate
    others: tuple[Control, ...] = ()
    note: str = ""

    study = property(lambda self: self.claim.study)
    id = property(lambda self: self.claim.id)
    row = property(lambda self: self.claim.id.split()[0])
    name = property(lambda self: self.claim.id.partition(" ")[2])
    text = property(lambda self: self.claim.text)
    published = property(lambda self: self.claim.published)
    rule = property(lambda self: self.claim.rule)
    criterion = property(lambda self: self.claim.rule.sentence)

    @property
    def verdict(self) -> Verdict:
        """The claim's rule applied to the score."""
        return self.claim.rule.verdict(self.score)


def judged(
    claim: Claim,
    measured: Values,
    control: Values,
    control_name: str,
    score: Values,
    *,
    others: Mapping[str, Values] = MappingProxyType({}),
    note: str = "",
) -> Finding:
    """A finding from one number a seed of what was measured, of its control, of the score, and of further controls."""
    beside = tuple(Control(name, over_seeds_estimate(values)) for name, values in others.items())
    own, null, scored = map(over_seeds_estimate, (measured, control, score))
    return Finding(claim, own, null, control_name, scored, beside, note.strip())


def left_out(diverged: int, networks: int) -> str:
    """How many networks a finding is not about, as a note tells it; nothing where that is none."""
    return f"{diverged} of {networks} networks diverged and are left out." if diverged else ""


def in_words(value: float, digits: int = 2) -> str:
    """A number as text tells it, with a true minus sign; — where it is not known."""
    return f"{value:z.{digits}f}".replace("-", "−") if math.isfinite(value) else "—"
