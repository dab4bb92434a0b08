"""How sure are we? Estimates over seeds with intervals, p-values by permutation, scores calibrated against a null.

The unit of inference is the network. The values of a network that diverged are NaN; estimates leave them out, and `n`
is the number of networks that remain.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy  # its parts load when they are first used
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.errors import InputError

__all__ = [
    "LEVEL", "SHARE", "SIGNED", "Bounds", "Ceiling", "Estimate", "Pairs", "RankCorrelation", "Values",
    "benjamini_hochberg", "calibrated", "calibrated_parts", "indicator", "known_mean",
    "noise_ceiling", "over_pairs_estimate", "over_seeds_estimate", "paired_estimate", "permutation_p",
    "permutation_p_over", "permuted_spearman", "rank_correlation_estimate", "spearman", "spearman_over",
    "unexplained_share", "unknown", "with_images",
]  # fmt: skip

LEVEL = 0.95
_ALIKE = 1e-6  # relative to their range: values that differ by less differ by rounding alone

# Looser than what is accepted, since the functions themselves say in plain words what they need.
Values = Float[Array | np.ndarray, "..."]
Pairs = Float[Array | np.ndarray, "seeds seeds_other"]


class Bounds(NamedTuple):
    """The least and the greatest value that there can be.

    things: of how many things a value is the mean, each of which is at the one bound or at the other, such as digits
    that are lost or not; 1 if this is not known.
    """

    low: float
    high: float
    things: float = 1.0


SHARE = Bounds(0.0, 1.0)  # also of accuracies and probabilities
SIGNED = Bounds(-1.0, 1.0)  # correlations, and differences between shares


class Ceiling(NamedTuple):
    """How well a set of images measures the differences between items.

    reliability: expected correlation, over items, with the same values from an independent image set of equal size
    (split-half, Spearman–Brown). ceiling: its square root, the largest correlation with any other quantity that is
    expected. standard_error: of each item's value from all images.
    """

    reliability: float
    ceiling: float
    standard_error: Float[np.ndarray, " items"]


class Estimate(NamedTuple):
    """A mean, the standard deviation around it, and its interval; NaN where n is too small to say."""

    mean: float
    sd: float
    low: float
    high: float
    n: int


class RankCorrelation(NamedTuple):
    """Two values per network, for an estimate of their Spearman correlation over networks."""

    first: Values
    second: Values


def unknown(n: int = 0) -> Estimate:
    """The estimate of an unknown quantity: everything is NaN but n."""
    return Estimate(np.nan, np.nan, np.nan, np.nan, n)


def over_seeds_estimate(values: Values, *, bounds: Bounds | None = None, level: float | None = LEVEL) -> Estimate:
    """Mean over seeds with an interval; see docs/statistics.md for how often it covers.

    bounds: of the values, such as `SHARE`. The interval is then that of a share among effective outcomes: as many
    independent yes-or-no outcomes as would have the mean's variance, with quantiles of beta distributions halfway
    between Jeffreys' and Clopper and Pearson's (Korn and Graubard 1998, Confidence intervals for proportions with small
    expected number of positive counts). It stays within the bounds. Networks that are all alike count as one outcome
    for each of their things, of which there are at least 1/x if they are at a distance of x from a bound.
    Without bounds it is the longer, on each side, of Student's t interval and of Hall's, which corrects it for skewness
    (Hall 1992, On the removal of skewness by transformation). Networks that are all alike then have no interval.
    For one seed the interval is NaN; for none, the mean too; for no level, too, and no time is spent on it. Raises
    InputError for a value outside the bounds.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1:
        raise InputError(f"one number a seed is needed, got an array of shape {values.shape}")
    values = values[np.isfinite(values)]
    n = len(values)
    if bounds is not None:
        values = _within(values, bounds)
    if n < 2:
        return unknown(n)._replace(mean=float(values.mean()) if n else np.nan)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    if bounds is not None and level is not None:
        low, high = _bounded_interval(mean, sd / np.sqrt(n), n, bounds, level)
        return Estimate(mean, sd, low, high, n)
    if level is None or sd <= _ALIKE * np.abs(values).max():
        return Estimate(mean, sd, np.nan, np.nan, n)
    standard = (values - mean) / sd
    skewness = float(np.mean(standard**3) / np.mean(standard**2) ** 1.5)
    t = float(scipy.stats.t.ppf((1 + level) / 2, n - 1))
    above, below = (max(t, -_hall(-t, skewness, n)), max(t, _hall(t, skewness, n)))
    return Estimate(mean, sd, float(mean - below * sd / np.sqrt(n)), float(mean + above * sd / np.sqrt(n)), n)


def _hall(quantile: float, skewness: float, n: int) -> float:
    """The quantile of (sample mean − mean)/standard error whose transform, free of skewness, is this quantile."""
    if abs(skewness) < 1e-6:
        return quantile
    root = np.sqrt(n)
    return float(3 * root / skewness * (np.cbrt(1 + skewness / root * (quantile - skewness / (6 * root))) - 1))


def _bounded_interval(mean: float, standard_error: float, n: int, bounds: Bounds, level: float) -> tuple[float, float]:
    """The interval of a mean over n networks between bounds; see `over_seeds_estimate`."""
    low, high, things = bounds
    share, error, tail = (mean - low) / (high - low), standard_error / (high - low), (1 - level) / 2
    if error <= _ALIKE / np.sqrt(n):
        least = min(share, 1 - share)  # a mean of things this far from a bound needs 1/least of them
        outcomes, shift = n * max(things, 1 / least if least > _ALIKE else 1.0), 0.0  # Clopper and Pearson's
    else:
        outcomes, shift = share * (1 - share) / error**2, 0.25
        if outcomes > 2:  # the variance is known from n networks only
            outcomes *= min(1.0, (scipy.stats.t.ppf(tail, outcomes - 1) / scipy.stats.t.ppf(tail, n - 1)) ** 2)
    yes, no = share * outcomes, (1 - share) * outcomes
    lowest = 0.0 if share < _ALIKE else scipy.stats.beta.ppf(tail, yes + shift, no + 1 - shift)
    highest = 1.0 if share > 1 - _ALIKE else scipy.stats.beta.ppf(1 - tail, yes + 1 - shift, no + shift)
    return low + (high - low) * float(lowest), low + (high - low) * float(highest)


def _within(values: np.ndarray, bounds: Bounds) -> np.ndarray:
    """The values, those at the bounds but for rounding in single precision exactly there."""
    slack = 1e-4 * (bounds.high - bounds.low)
    for wrong in values[(values < bounds.low - slack) | (values > bounds.high + slack)]:
        raise InputError(f"values from {bounds.low:g} to {bounds.high:g} are needed, got {wrong:g}")
    return np.clip(values, bounds.low, bounds.high)


def rank_correlation_estimate(values: RankCorrelation, *, level: float | None = LEVEL) -> Estimate:
    """Spearman's correlation over networks, its interval from Fisher's z with se² = (1 + r²/2)/(n − 3).

    Source: Bonett and Wright 2000, Sample size requirements for estimating Pearson, Kendall and Spearman correlations.
    No interval for fewer than four networks or no level, and no correlation where either is constant.
    """
    first, second = (np.asarray(part, np.float64) for part in values)
    known = np.isfinite(first) & np.isfinite(second)
    n = int(known.sum())
    r = float(spearman(first, second))
    if n < 4 or not np.isfinite(r) or level is None:
        return unknown(n)._replace(mean=r)
    half = scipy.stats.norm.ppf((1 + level) / 2) * np.sqrt((1 + r**2 / 2) / (n - 3))
    z = np.arctanh(np.clip(r, -0.9999999, 0.9999999))
    return Estimate(r, np.nan, float(np.tanh(z - half)), float(np.tanh(z + half)), n)


def spearman(first: Values, second: Values) -> Float[np.ndarray, "..."]:
    """Spearman's correlation along the last axis, over what is known of both; NaN where either is constant.

    The arrays broadcast. For labelled arrays see `spearman_over`.
    """
    first, second = np.broadcast_arrays(np.asarray(first, np.float64), np.asarray(second, np.float64))
    known = ~(np.isnan(first) | np.isnan(second))

    def standard(values):
        ranks = scipy.stats.rankdata(np.where(known, values, np.nan), axis=-1, nan_policy="omit")
        centred = np.where(known, ranks - known_mean(ranks, -1)[..., None], 0)
        size = np.sqrt(np.sum(centred**2, axis=-1, keepdims=True))
        return centred / np.where(size > 0, size, np.nan)

    return np.asarray(np.sum(standard(first) * standard(second), axis=-1))


def permuted_spearman(first: Values, second: Values, *, draws: int, seed: int = 0) -> Float[np.ndarray, " draws"]:
    """Spearman's correlation of two vectors with the first in random orders: what chance gives. See `spearman`."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    return spearman(np.random.default_rng(seed).permuted(np.tile(first, (draws, 1)), axis=1), second)


def spearman_over(dims: str | tuple[str, ...], first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """Spearman's correlation over these dimensions of two labelled arrays, with the dimensions of both that are left.

    The arrays broadcast by name. See `spearman`.
    """
    dims = (dims,) if isinstance(dims, str) else dims
    first, second = (part.stack(ranked=dims).drop_vars((*dims, "ranked")) for part in xr.broadcast(first, second))
    return xr.apply_ufunc(spearman, first, second, input_core_dims=[["ranked"], ["ranked"]])


def paired_estimate(first: Values, second: Values, *, bounds: Bounds | None = None) -> Estimate:
    """Mean of first − second over seeds, seed i of one arm compared with seed i of the other; bounds: of that."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        raise InputError(f"paired arms need the same seeds, got shapes {first.shape} and {second.shape}")
    return over_seeds_estimate(first - second, bounds=bounds)


def over_pairs_estimate(
    matrix: Pairs, *, bounds: Bounds | None = None, level: float | None = LEVEL, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """Mean over the pairs of different networks, with an interval over networks; sd is over pairs, n counts networks.

    Pairs that share a network are not independent. The standard error is the larger of two: that of leaving one network
    out at a time (the jackknife), and that of resampling networks with replacement (the bootstrap), where a network's
    pairs with its own copies are dropped; the latter is multiplied by √(n/(n−1)). The interval is Student's with n − 1
    degrees of freedom, or, if there are bounds, that of `over_seeds_estimate`.
    Where (i, j) and (j, i) differ, both count. The diagonal is ignored; a network whose pairs are all NaN is left out.
    Fewer than three networks have no interval, nor has any for no level. Raises InputError for a value outside the
    bounds.
    """
    matrix = np.asarray(matrix, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"one number for each pair of seeds is needed, got an array of shape {matrix.shape}")
    matrix = (matrix + matrix.T) / 2
    known = np.isfinite(matrix) & ~np.eye(len(matrix), dtype=bool)
    kept = known.any(axis=0)
    matrix, known = matrix[np.ix_(kept, kept)], known[np.ix_(kept, kept)]
    n = len(matrix)
    if n < 2:
        return unknown(n)
    values = matrix[np.triu(known)]
    if bounds is not None:
        values = _within(values, bounds)
    mean, sd = values.mean(), values.std(ddof=1) if len(values) > 1 else np.nan
    estimate = Estimate(float(mean), float(sd), np.nan, np.nan, n)
    if n < 3 or level is None:
        return estimate
    copies = _copies(n, resamples, seed)
    # A pair counts once for each pair of copies. Centred first, so that equal entries give exactly no spread.
    totals = np.sum((copies @ np.where(known, matrix - mean, 0.0)) * copies, axis=1)
    pairs = np.sum((copies @ known.astype(np.float64)) * copies, axis=1)
    means = totals[pairs > 0] / pairs[pairs > 0]
    bootstrap = means.std(ddof=1) * np.sqrt(n / (n - 1))
    error = float(np.fmax(bootstrap, _jackknife(np.where(known, matrix - mean, 0.0), known)))
    if bounds is not None:
        low, high = _bounded_interval(estimate.mean, error, n, bounds, level)
        return estimate._replace(low=low, high=high)
    if error <= _ALIKE * np.abs(values).max():
        return estimate
    half = scipy.stats.t.ppf((1 + level) / 2, n - 1) * error
    return estimate._replace(low=estimate.mean - half, high=estimate.mean + half)


def with_images(
    estimate: Estimate,
    by_part: Float[Array | np.ndarray, " parts"],
    *,
    bounds: Bounds | None = None,
    level: float = LEVEL,
) -> Estimate:
    """An estimate over networks with an interval that allows for other images, too.

    by_part: what it estimates, from each of several disjoint parts of the images alone. The parts' variance, divided by
    their number, is that due to the images (random groups: Wolter 2007, Introduction to variance estimation). On each
    side of the mean, the squares of the distances to the ends of the two intervals, that over networks and Student's
    over images, are added (Zou and Donner 2008, Construction of confidence intervals about effect measures). What
    networks and images do together counts in both, so that the interval is rather too long than too short.
    bounds: the interval stays within. An estimate that is no mean over networks (n = 0) gets the interval over images.
    Parts where it is not defined are left out; with fewer than two others, or without variance, nothing changes.
    """
    by_part = np.asarray(by_part, np.float64)
    known = by_part[np.isfinite(by_part)]
    if len(known) < 2 or np.ptp(known) <= _ALIKE * np.abs(known).max() or not np.isfinite(estimate.mean):
        return estimate
    reach = scipy.stats.t.ppf((1 + level) / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(by_part))
    mean, (below, above) = estimate.mean, (estimate.mean - estimate.low, estimate.high - estimate.mean)
    if estimate.n == 0:
        below = above = 0.0
    low, high = mean - np.hypot(below, reach), mean + np.hypot(above, reach)
    if bounds is not None:
        low, high = max(low, bounds.low), min(high, bounds.high)
    return estimate._replace(low=float(low), high=float(high))


def noise_ceiling(halves: Float[Array | np.ndarray, "draws halves items"]) -> Ceiling:
    """How well are differences between items measured? From values on one half of the images and on the other.

    Correlation over items between halves, averaged over draws and raised to that of all images by Spearman and Brown's
    formula 2r/(1 + r); 0 where r is not above 0, NaN with fewer than three items or none that differ. The standard
    error is half the root mean square of the difference of the halves. Items: such as the pairs of networks,
    `similarity.half_samples(…)[:, :, *np.triu_indices(seeds, 1)]`; one that is not finite throughout is left out of the
    reliability, and NaN. Raises InputError unless there are two halves.
    """
    halves = np.asarray(halves, np.float64)
    if halves.shape[1] != 2:
        raise InputError(f"values on two halves are needed, got {halves.shape[1]}")
    first, second = np.moveaxis(halves, 1, 0)
    standard_error = np.sqrt(np.mean((first - second) ** 2, axis=0)) / 2
    known = np.isfinite(standard_error)
    first, second = (x[:, known] - x[:, known].mean(axis=1, keepdims=True) for x in (first, second))
    sizes = np.sqrt(np.sum(first**2, axis=1) * np.sum(second**2, axis=1))
    if known.sum() < 3 or not sizes.all():
        return Ceiling(np.nan, np.nan, standard_error)
    r = max(float(np.mean(np.sum(first * second, axis=1) / sizes)), 0.0)
    return Ceiling(2 * r / (1 + r), float(np.sqrt(2 * r / (1 + r))), standard_error)


@lru_cache(maxsize=8)  # an estimate is made at several levels
def _copies(n: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of n networks is drawn in each resample."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)


def _jackknife(centred: np.ndarray, known: np.ndarray) -> float:
    """Standard error of the mean over known pairs, by leaving out one network at a time; NaN where no pair is left."""
    n = len(known)
    left = known.sum() - 2 * known.sum(axis=0)
    means = (centred.sum() - 2 * centred.sum(axis=0)) / np.where(left > 0, left, np.nan)
    return float(np.sqrt((n - 1) / n * np.sum((means - means.mean()) ** 2)))


def permutation_p(
    observed: Float[Array | np.ndarray, "*tests"], null: Float[Array | np.ndarray, "*tests draws"]
) -> Float[np.ndarray, "*tests"]:
    """One-sided Monte-Carlo p-value (b + 1)/(B + 1): b of the B null draws are at least as large as observed.

    Source: Phipson and Smyth 2010, arXiv 1603.05766. Never 0, since the observation is itself a draw under the null.
    NaN draws are left out; an observation that is NaN, or has no draw, is no test, and NaN.
    """
    observed, null = np.asarray(observed), np.asarray(null)
    if null.ndim == 0 or null.shape[-1] == 0:
        raise InputError("a permutation p-value needs at least one draw of the null")
    draws = np.sum(~np.isnan(null), axis=-1)
    p = (np.sum(null >= observed[..., None], axis=-1) + 1) / (draws + 1)
    return np.where(np.isnan(observed) | (draws == 0), np.nan, p)


def permutation_p_over(dim: str, observed: xr.DataArray, null: xr.DataArray) -> xr.DataArray:
    """`permutation_p` of labelled arrays, with the draws along this dimension of the null."""
    return observed.copy(data=permutation_p(observed.to_numpy(), null.transpose(*observed.dims, dim).to_numpy()))


def unexplained_share(drop: xr.DataArray, control: xr.DataArray) -> xr.DataArray:
    """Share of a drop that a control does not cause: 1 − control/drop; 0: the control explains all, 1: none of it.

    Where the control drops more it is drop/control − 1, so that it lies in [−1, 1]. A rise counts as no drop. NaN where
    neither drops.
    """
    drop, control = drop.clip(min=0), control.clip(min=0)
    larger = drop.where(drop > control, control)
    return (drop - control) / larger.where(larger > 0)


def calibrated(observed, null_mean, maximum=1.0):
    """(observed − null mean)/(maximum − null mean): 0 is what the null gives, 1 the most there can be.

    All three broadcast. NaN where the null leaves no room below the maximum.
    """
    observed, null_mean = np.asarray(observed, np.float64), np.asarray(null_mean, np.float64)
    room = np.asarray(maximum - null_mean)
    return (observed - null_mean) / np.where(room > 0, room, np.nan)


def calibrated_parts(observed, null, observed_mean: float, null_mean: float) -> Any:
    """The score (T − C)/(1 − C) of the means T and C, linearised about them (delta method): one value per observation.

    The mean of these values is the score, and their interval is the score's interval. An observation whose null is
    close to 1 gets no huge value, as it would if each observation were scored by itself.
    """
    score = calibrated(observed_mean, null_mean)
    return score + (observed - observed_mean - (1 - score) * (null - null_mean)) / (1 - null_mean)


def known_mean(values, axis: int | tuple[int, ...] | None) -> Any:
    """Mean that ignores NaN, as np.nanmean, but without a warning where all values are NaN; the mean is NaN there."""
    values = np.asarray(values, np.float64)
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    return np.where(known, values, 0).sum(axis=axis) / np.where(count, count, np.nan)


def indicator(condition, values) -> Any:
    """1 and 0 for true and false; NaN where the values are. Both are labelled arrays, or both plain ones."""
    if isinstance(values, xr.DataArray):
        return condition.astype(float).where(values.notnull())
    return np.where(np.isnan(values), np.nan, condition)


def benjamini_hochberg(p_values: Float[Array | np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """q-values of a family of tests (`scipy.stats.false_discovery_control`); a NaN is no test and stays NaN."""
    p_values = np.asarray(p_values, np.float64)
    q_values = np.full_like(p_values, np.nan)
    tested = ~np.isnan(p_values)
    q_values[tested] = scipy.stats.false_discovery_control(p_values[tested])
    return q_values
