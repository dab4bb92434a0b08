"""How much of a similarity is more than chance? Values of pairs beside their nulls, with p- and q-values."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from jaxinterp import stats
from jaxinterp.analysis.similarity.measure import Measure
from jaxinterp.errors import InputError

# A null this close to the best value leaves no room to be more alike.
_NO_ROOM = 1e-5


class Calibration(NamedTuple):
    """score: 0 is the null's mean, 1 the best value that there is. p: one-sided, for more alike than the null; q: its
    Benjamini–Hochberg value among all pairs.
    """

    observed: Float[np.ndarray, "seeds seeds_other"]
    null_mean: Float[np.ndarray, "seeds seeds_other"]
    score: Float[np.ndarray, "seeds seeds_other"]
    p: Float[np.ndarray, "seeds seeds_other"]
    q: Float[np.ndarray, "seeds seeds_other"]


def calibrate(
    measure: Measure,
    observed: Float[Array | np.ndarray, "seeds seeds_other"],
    null: Float[Array | np.ndarray, "draws #seeds #seeds_other"],
    *,
    themselves: bool = True,
) -> Calibration:
    """A table of `all_pairs` against draws of its null, higher being more alike whatever the measure's direction.

    null: each pair's own draws, as from `permuted`, or draws "draws 1 1" for all pairs alike, such as the pairs of
    untrained networks. themselves: whether networks are compared with themselves; then the diagonal is no test, and
    NaN, as is every pair that the measure does not define. A pair whose null is already the best (canonical
    correlations of more units than examples) has no score. On the host, in float64.
    Raises InputError for a table that cannot be one of networks with themselves.
    """
    observed, null = np.array(observed, np.float64), np.asarray(null, np.float64)
    if themselves:
        if observed.shape[0] != observed.shape[1]:
            raise InputError(f"networks compared with themselves give a square table, got shape {observed.shape}")
        np.fill_diagonal(observed, np.nan)
    sign = 1.0 if measure.direction == "higher" else -1.0
    known = np.isfinite(null)
    mean = np.sum(np.where(known, null, 0.0), 0) / np.where(known.any(0), known.sum(0), np.nan)
    null_mean = np.where(np.isnan(observed), np.nan, mean)
    room = np.where(np.abs(measure.best - null_mean) > _NO_ROOM, null_mean, measure.best)
    draws = np.broadcast_to(np.moveaxis(null, 0, -1), (*observed.shape, len(null)))
    p = stats.permutation_p(sign * observed, sign * draws)
    return Calibration(
        observed=observed,
        null_mean=null_mean,
        score=stats.calibrated(sign * observed, sign * room, sign * measure.best),
        p=p,
        q=stats.benjamini_hochberg(p.ravel()).reshape(p.shape),
    )
