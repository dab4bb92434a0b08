"""How is a claim of study `llm-labels` judged? Shares of networks, and scores calibrated by the highest control."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import scipy.stats

from jaxinterp import stats
from jaxinterp.stats import LEVEL, Estimate, Values, known_mean, over_seeds_estimate
from jaxinterp.studies.claims import Claim, Control, Finding, Rule
from jaxinterp.studies.llm_labels.record import STUDY, Seeds

Others = Mapping[str, Values | Estimate]

_NONE: Others = MappingProxyType({})


def claimed(name: str, text: str, score: str, low: float = -np.inf, high: float = np.inf, *, published="—") -> Claim:
    """A claim of this study."""
    return Claim(STUDY, name, text, published, Rule(score, low, high))


def share_estimate(values: Values) -> Estimate:
    """Mean of shares, one a network. Where each is 0 or 1 the interval is Wilson's for as many yes and no.

    Student's passes 0 and 1 there, and has no width where all are alike. Source: Wilson 1927, Probable inference, the
    law of succession, and statistical inference. Fewer than two networks have no interval.
    """
    found = over_seeds_estimate(values)
    known = np.asarray(values)[np.isfinite(values)]
    if found.n < 2 or not np.isin(known, (0, 1)).all():
        return found
    interval = scipy.stats.binomtest(int(known.sum()), found.n).proportion_ci(LEVEL, method="wilson")
    return found._replace(low=float(interval.low), high=float(interval.high))


def judged_shares(
    claim: Claim,
    measured: Seeds,
    control: Seeds,
    control_name: str,
    score: Seeds,
    *,
    others: Others = _NONE,
    note: str = "",
) -> Finding:
    """As `claims.judged`, of shares; what else there is comes as an estimate."""
    own, null, scored = map(share_estimate, (measured, control, score))
    return Finding(claim, own, null, control_name, scored, _beside(others), note.strip())


def judged_beside(
    claim: Claim, measured: Seeds, controls: Mapping[str, Seeds], *, others: Others = _NONE, note: str = ""
) -> Finding:
    """A finding whose score is `calibrated` by the control with the highest mean, and cut at ±1."""
    name = highest(controls)
    score = share_estimate(calibrated(measured, controls[name]))
    mean, low, high = (float(np.clip(value, -1, 1)) for value in (score.mean, score.low, score.high))
    score = score._replace(mean=mean, low=low, high=high)
    rest = {other: values for other, values in controls.items() if other != name}
    own, null = map(share_estimate, (measured, controls[name]))
    return Finding(claim, own, null, name, score, _beside(rest | dict(others)), note.strip())


def calibrated_score(control: str, what: str = "the measured share") -> str:
    """The score of `judged_beside` in words."""
    return f"{what} on a scale where 0 is {control} and 1 all; cut at ±1"


def highest(controls: Mapping[str, Seeds]) -> str:
    """The name of the control with the highest mean; the first where none is known."""
    means = {name: known_mean(values, None) for name, values in controls.items()}
    return max(means, key=lambda name: np.nan_to_num(means[name], nan=-np.inf))


def calibrated(own: Seeds, null: Seeds) -> Seeds:
    """Of what the null leaves open, the share that is reached, linearised about the means: no null makes a pole.

    NaN where the null leaves nothing open.
    """
    both = np.isfinite(own) & np.isfinite(null)
    own, null = np.where(both, own, np.nan), np.where(both, null, np.nan)
    own_mean, null_mean = known_mean(own, None), known_mean(null, None)
    if not null_mean < 1:
        return np.full(own.shape, np.nan)
    return stats.calibrated_parts(own, null, own_mean, null_mean)


def _beside(others: Others) -> tuple[Control, ...]:
    return tuple(
        Control(name, values if isinstance(values, Estimate) else share_estimate(values))
        for name, values in others.items()
    )
