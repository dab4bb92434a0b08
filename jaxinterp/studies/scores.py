"""What is judged of measured values? The values themselves, or how they compare with a control's; with an interval.

Values are first averaged over all dimensions but `seeds`, `seeds_other` and `samples` (independent things that are not
networks). The remaining dimensions decide how the interval is computed (see `stats`):

- one dimension: `over_seeds_estimate`;
- `seeds` and `seeds_other`, for pairs of networks: `over_pairs_estimate`;
- none: the value is a constant without an interval.

A `RankCorrelation` over networks has the interval of Fisher's z.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import xarray as xr

from jaxinterp import stats
from jaxinterp.errors import InputError
from jaxinterp.stats import LEVEL, SHARE, Bounds, Estimate, RankCorrelation

Values = xr.DataArray | RankCorrelation

_INFERENCE = ("seeds", "seeds_other", "samples")


@runtime_checkable
class Score(Protocol):
    """How the number that the rule judges is computed from the measured values and the hardest control's."""

    def estimate(
        self, measured: Values, control: Values | None, bounds: Bounds | None, level: float | None
    ) -> Estimate:
        """The score, with its interval of this level if any; bounds: those of measured values and control."""
        ...

    def words(self, quantity: str, control: str) -> str:
        """What is scored, for a reader."""
        ...

    def limits(self, bounds: Bounds | None) -> Bounds | None:
        """The least and the greatest score that there can be, if both are known."""
        ...


@dataclass(frozen=True)
class Itself:
    """The measured quantity."""

    def estimate(
        self, measured: Values, control: Values | None, bounds: Bounds | None, level: float | None
    ) -> Estimate:
        """That of the measured values."""
        return estimate(measured, bounds, level)

    def words(self, quantity: str, control: str) -> str:
        """The quantity's own name."""
        return quantity

    def limits(self, bounds: Bounds | None) -> Bounds | None:
        """Those of the measured values."""
        return bounds


ITSELF = Itself()


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

    def estimate(
        self, measured: Values, control: Values | None, bounds: Bounds | None, level: float | None
    ) -> Estimate:
        """That of the supplied values."""
        score = estimate(self.scored, self.bounds, level)
        if self.high is None:
            return score
        return score._replace(high=estimate(self.high, self.bounds, level).high)

    def words(self, quantity: str, control: str) -> str:
        """The quantity's own name."""
        return quantity

    def limits(self, bounds: Bounds | None) -> Bounds | None:
        """Those of the supplied values."""
        return self.bounds


@dataclass(frozen=True)
class Difference:
    """Measured − control, paired: seed i of the one minus seed i of the other.

    Differences that are all alike tell nothing of how they vary. With bounds, their interval is then that between the
    ends of the two intervals.
    """

    def estimate(
        self, measured: Values, control: Values | None, bounds: Bounds | None, level: float | None
    ) -> Estimate:
        """That of the differences."""
        known, null = _by_network(measured), _by_network(_needed(control))
        if bounds is None:
            return estimate(known - null, None, level)
        if not null.dims:
            constant = float(null)
            return estimate(known - null, Bounds(bounds.low - constant, bounds.high - constant, bounds.things), level)
        if level is None or np.isfinite(estimate(known - null, None, level).low):
            return estimate(known - null, Bounds(bounds.low - bounds.high, bounds.high - bounds.low), level)
        first, second = (estimate(values, bounds, level) for values in (measured, _needed(control)))
        alike = estimate(known - null, level=None)
        return alike._replace(low=first.low - second.high, high=first.high - second.low)

    def words(self, quantity: str, control: str) -> str:
        """Which difference it is."""
        return f"{quantity}, less that of {control}"

    def limits(self, bounds: Bounds | None) -> Bounds | None:
        """Those of a difference."""
        return None if bounds is None else Bounds(bounds.low - bounds.high, bounds.high - bounds.low)


@dataclass(frozen=True)
class Calibrated:
    """(T − C)/(1 − C), where T is the measured mean and C the control's: 0 is the control, 1 the best possible value.

    It is NaN unless C < 1. Its interval is that of `stats.calibrated_parts` (the delta method). If the measured values
    have bounds, it also contains the interval of T, with C as if it were known, and is just that if C is a constant:
    where T is nearly 1 for every network, the delta method sees no uncertainty at all.
    """

    def estimate(
        self, measured: Values, control: Values | None, bounds: Bounds | None, level: float | None
    ) -> Estimate:
        """That of the linearised score."""
        known, null = _paired(measured, _needed(control))
        null_mean = estimate(null, level=None).mean
        if not null_mean < 1:
            return stats.unknown(estimate(known, level=None).n)
        parts = stats.calibrated_parts(known, null, estimate(known, level=None).mean, null_mean)
        return _combined(parts, known, null, bounds, level, lambda value: float(stats.calibrated(value, null_mean)))

    def words(self, quantity: str, control: str) -> str:
        """The scale's two ends."""
        return f"{quantity} on a scale where 0 is {control} and 1 the most there can be"

    def limits(self, bounds: Bounds | None) -> Bounds | None:
        """None below; above, 1 if the measured values have bounds."""
        return None if bounds is None else Bounds(-np.inf, 1.0)


@dataclass(frozen=True)
class Ratio:
    """T/C, where T is the measured mean and C the control's; NaN unless C > 0. Its interval is as for `Calibrated`."""

    def estimate(
        self, measured: Values, control: Values | None, bounds: Bounds | None, level: float | None
    ) -> Estimate:
        """That of the linearised ratio."""
        known, null = _paired(measured, _needed(control))
        null_mean = estimate(null, level=None).mean
        if not null_mean > 0:
            return stats.unknown(estimate(known, level=None).n)
        ratio = estimate(known, level=None).mean / null_mean
        parts = (known - ratio * null) / null_mean + ratio
        return _combined(parts, known, null, bounds, level, lambda value: value / null_mean)

    def words(self, quantity: str, control: str) -> str:
        """What is divided by what."""
        return f"{quantity} as a share of that of {control}"

    def limits(self, bounds: Bounds | None) -> Bounds | None:
        """None: the control can be as small as it likes."""
        return None


@dataclass(frozen=True)
class ShareBelow:
    """The share of the measured values that lie below a bar."""

    bar: float

    def estimate(
        self, measured: Values, control: Values | None, bounds: Bounds | None, level: float | None
    ) -> Estimate:
        """That of 1 below the bar and 0 elsewhere; what is NaN is left out."""
        values = _array(measured)
        return estimate(stats.indicator(values < self.bar, values), SHARE, level)

    def words(self, quantity: str, control: str) -> str:
        """The share and its bar."""
        return f"share of {quantity} below {self.bar:g}"

    def limits(self, bounds: Bounds | None) -> Bounds | None:
        """Those of a share."""
        return SHARE


def estimate(values: Values, bounds: Bounds | None = None, level: float | None = LEVEL) -> Estimate:
    """The mean with the interval that follows from the dimensions of the values; see the module's docstring.

    level: None for the mean alone, which takes a hundredth of the time of an interval over pairs.
    """
    if isinstance(values, RankCorrelation):
        return stats.rank_correlation_estimate(values, level=level)
    bounds = None if bounds is None else _with_things(bounds, values)
    values = _by_network(values)
    if not values.dims:
        return stats.unknown()._replace(mean=float(values))
    if values.ndim == 1:
        return stats.over_seeds_estimate(values.to_numpy(), bounds=bounds, level=level)
    if set(values.dims) == {"seeds", "seeds_other"}:
        matrix = values.transpose("seeds", "seeds_other").to_numpy()
        return stats.over_pairs_estimate(matrix, bounds=bounds, level=level)
    raise InputError(f"there is no estimator for values over {', '.join(map(str, values.dims))}")


def _with_things(bounds: Bounds, values: xr.DataArray) -> Bounds:
    """With as many things as are averaged in a network, if each of them is at a bound."""
    averaged, known = _averaged(values), values.notnull()
    networks = int(known.any(averaged).sum())
    if not (averaged and networks and np.isin(values.to_numpy()[known.to_numpy()], bounds[:2]).all()):
        return bounds
    return bounds._replace(things=bounds.things * int(known.sum()) / networks)


def _combined(
    parts: xr.DataArray,
    known: xr.DataArray,
    null: xr.DataArray,
    bounds: Bounds | None,
    level: float | None,
    scaled: Callable[[float], float],
) -> Estimate:
    """The estimate of a score from its linearised parts; if there are bounds, also from the measured values alone.

    scaled: the score of a measured value, with the control's mean as if it were known.
    """
    score = estimate(parts, None, level)
    if bounds is None or level is None:
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


def _averaged(values: xr.DataArray) -> list:
    """All dimensions but those over which estimates are made."""
    return [dim for dim in values.dims if dim not in _INFERENCE]


def _array(values: Values) -> xr.DataArray:
    if isinstance(values, RankCorrelation):
        raise InputError("a correlation over networks is one number: it can be scored only by itself")
    return values


def _by_network(values: Values) -> xr.DataArray:
    array = _array(values)
    return array.mean(_averaged(array))


def _needed(control: Values | None) -> Values:
    if control is None:
        raise InputError("this score compares with a control: give the claim one")
    return control
