"""How well do so few neurons do, and how many of them are alive? Row 2.2.

The write-up states one network of six neurons: 63.05 % of the test images right, four neurons dead.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.stats
from jaxtyping import Array, Float

from jaxinterp.analysis import responses
from jaxinterp.networks import Network
from jaxinterp.stats import LEVEL, Estimate, indicator, known_mean
from jaxinterp.studies.claims import Control, Finding, judged
from jaxinterp.studies.llm_labels.judging import claimed, judged_shares, share_estimate
from jaxinterp.studies.llm_labels.record import (
    ARMS,
    SITE,
    SIX,
    TRAINED,
    UNTRAINED,
    WIDE,
    Asked,
    LlmLabels,
    Seeds,
    ask,
    ask_both,
    by_arm,
    figure_of,
    left_out,
    live,
)

PUBLISHED_ACCURACY, PUBLISHED_DEAD = 0.6305, 4
USUAL = 0.05  # the middle nine tenths of the networks are usual
LEAST_DEAD, MOST_DEAD = 3.5 / 6, 4.5 / 6  # nearer to four of six than to three or to five
DRAWS = 200
STRONG = 0.5  # a correlation that explains at least a quarter of the variance of ranks


def measure(groups: Mapping[str, Asked], seeds: int) -> dict[str, Any]:
    """The record's fields of row 2.2, and which networks pictures are of."""
    found = by_arm(groups, seeds, _of_arm)
    accuracy = [found["accuracy"][:, place] for place in range(len(ARMS))]
    return found | {"example": np.array([nearest_median(values) for values in accuracy])}


def nearest_median(values: Seeds) -> int:
    """The network whose value is nearest to the median of all; 0 where there is none."""
    if not np.isfinite(values).any():
        return 0
    return int(np.nanargmin(np.abs(values - np.nanmedian(values))))


def _of_arm(group: Asked) -> dict[str, np.ndarray]:
    return {
        "accuracy": group.accuracy,
        "dead": ask_both(dead, group, group.splits.test.images),
        "dead_training": ask(dead, group.networks, group.splits.train.images),
    }


def dead(network: Network, images: Float[Array | np.ndarray, "examples pixels"]) -> Float[Array, " units"]:
    """1 for a neuron that fires on none of the images."""
    return responses.liveness(network(images)[1][SITE]).dead.astype("float32")


def alive(record: LlmLabels, arm: str) -> Seeds:
    """How many neurons of each network are alive."""
    fires = live(record, arm)
    known = ~np.isnan(fires).all(axis=1)
    return np.where(known, np.nansum(fires, axis=1), np.nan)


def accuracy(record: LlmLabels, arm: str) -> Seeds:
    """Test accuracy of each network."""
    return record.accuracy[:, record.arms.index(arm)]


def rank_correlation(first: Seeds, second: Seeds) -> Estimate:
    """Spearman's correlation over networks, its interval from Fisher's z, se² = (1 + r²/2)/(n − 3).

    Source: Bonett and Wright 2000, Sample size requirements for estimating Pearson, Kendall and Spearman correlations.
    No interval for fewer than four networks, and no correlation where either is constant.
    """
    known = np.isfinite(first) & np.isfinite(second)
    n = int(known.sum())
    if n < 2 or np.ptp(first[known]) == 0 or np.ptp(second[known]) == 0:
        return Estimate(np.nan, np.nan, np.nan, np.nan, n)
    r = float(np.corrcoef(scipy.stats.rankdata(first[known]), scipy.stats.rankdata(second[known]))[0, 1])
    if n < 4:
        return Estimate(r, np.nan, np.nan, np.nan, n)
    half = scipy.stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt((1 + r**2 / 2) / (n - 3))
    z = np.arctanh(np.clip(r, -0.9999999, 0.9999999))
    return Estimate(r, np.nan, float(np.tanh(z - half)), float(np.tanh(z + half)), n)


def beyond_live(record: LlmLabels) -> Seeds:
    """Each wider network's accuracy less the mean of the narrower ones with as many live neurons; NaN without any."""
    here, there = (alive(record, arm) for arm in (WIDE, SIX))
    reached, compared = (accuracy(record, arm) for arm in (WIDE, SIX))
    found = np.full(len(here), np.nan)
    for count in np.unique(there[np.isfinite(there)]):
        found[here == count] = (reached - compared[there == count].mean())[here == count]
    return found


def findings(record: LlmLabels) -> list[Finding]:
    """Row 2.2 judged."""
    own, wide = accuracy(record, SIX), accuracy(record, WIDE)
    count, apart = alive(record, SIX), left_out(record, SIX)
    below = indicator(own <= PUBLISHED_ACCURACY, own)
    text = "The published network is a usual one of its recipe: its accuracy lies in the middle nine tenths of ours"
    claim = claimed(
        "2.2 accuracy",
        text,
        f"share of our networks at or below {100 * PUBLISHED_ACCURACY:.2f} %",
        USUAL,
        1 - USUAL,
        published=f"{100 * PUBLISHED_ACCURACY:.2f} %, one network",
    )
    counts = np.unique(count[np.isfinite(count)]).astype(int)
    others = {f"with {k} live neurons": np.where(count == k, own, np.nan) for k in counts}
    alike = count == record.widths[record.arms.index(SIX)] - PUBLISHED_DEAD
    ends = f"{np.nanmin(own):.3f} to {np.nanmax(own):.3f}" if np.isfinite(own).any() else "—"
    note = (
        f"Test accuracy, from {ends}. Of the networks with as many dead neurons as the published one, at or "
        f"below its accuracy: {figure_of(np.where(alike, below, np.nan), 2)} of {int(np.sum(alike))}.{apart}"
    )
    of_networks = judged(claim, own, wide, "twelve neurons", below, others=others, note=note)
    found = [of_networks._replace(score=share_estimate(below))]

    share, before, wide_share = (
        1 - known_mean(live(record, arm, condition), 1)
        for arm, condition in ((SIX, TRAINED), (SIX, UNTRAINED), (WIDE, TRAINED))
    )
    text, published = "Four neurons of six are dead", f"{PUBLISHED_DEAD} of 6"
    claim = claimed("2.2 dead", text, "share of neurons", LEAST_DEAD, MOST_DEAD, published=published)
    silent = known_mean(record.dead_training[:, record.arms.index(SIX)], 1)
    note = (
        f"Dead: fires on no test image. Networks with {PUBLISHED_DEAD} dead: {figure_of(indicator(alike, own), 2)}. "
        f"Fire on no training image: {figure_of(silent)}.{apart}"
    )
    others = {"twelve neurons": wide_share}
    found.append(judged_shares(claim, share, before, UNTRAINED, share, others=others, note=note))
    return [*found, _correlation(record), _wider(record)]


def _correlation(record: LlmLabels) -> Finding:
    text = "The more neurons are alive, the better the network: rank correlation over networks of six"
    claim = claimed("2.2 live", text, "Spearman's correlation of live neurons with test accuracy", STRONG)
    count, own = alive(record, SIX), accuracy(record, SIX)
    known = np.isfinite(own)
    null = _permuted_correlations(count[known], own[known])
    low, high = np.quantile(null, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    spread = Estimate(float(np.mean(null)), float(np.std(null)), float(low), float(high), DRAWS)
    r = rank_correlation(count, own)
    wide = Control("networks of twelve", rank_correlation(alive(record, WIDE), accuracy(record, WIDE)))
    note = (
        f"Interval by Fisher's z over networks; the control's figure is the mean of {DRAWS} permutations, of which "
        f"the middle {100 * LEVEL:g} % lie from {spread.low:.2f} to {spread.high:.2f}.{left_out(record, SIX)}"
    ).replace("-", "−")
    return Finding(claim, r, spread, "live neurons permuted", r, (wide,), note)


def _permuted_correlations(first: Seeds, second: Seeds) -> Float[np.ndarray, " draws"]:
    """Spearman's correlation with the first in random orders; NaN where there is none."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.full(DRAWS, np.nan)
    ranks = np.stack([scipy.stats.rankdata(values) for values in (first, second)])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    own, other = centred / ranks.std(axis=1, keepdims=True)
    return np.random.default_rng(0).permuted(np.tile(own, (DRAWS, 1)), axis=1) @ other / len(first)


def _wider(record: LlmLabels) -> Finding:
    own, wide = accuracy(record, SIX), accuracy(record, WIDE)
    gain = wide - own
    text = "Twelve neurons do better than six: test accuracy"
    claim = claimed("2.2 width", text, "difference in test accuracy, seed by seed", 0.0)
    others = {
        "live neurons of six": alive(record, SIX),
        "live neurons of twelve": alive(record, WIDE),
        "gain over networks of six with as many live neurons": beyond_live(record),
    }
    note = f"Seed i of one width beside seed i of the other: the same batches.{left_out(record, WIDE)}"
    return judged(claim, wide, own, "six neurons", gain, others=others, note=note)
