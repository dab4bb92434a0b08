"""How much of a similarity is more than chance? Values of pairs compared with their nulls, with p- and q-values."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from jaxinterp import stats
from jaxinterp.analysis.similarity.measure import Measure
from jaxinterp.errors import InputError

# A null this close to the best value leaves no room for more similarity.
_NO_ROOM = 1e-5


class Calibration(NamedTuple):
    """score: 0 is the null's mean, 1 the best possible value. p: one-sided, for more similar than the null.

    q: the Benjamini–Hochberg value of p among all pairs.
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
    """A table of `all_pairs` compared with draws of its null. A higher score is more similar for every measure.

    null: each pair's own draws, as from `permuted`, or draws "draws 1 1" for all pairs, such as the pairs of untrained
    networks. themselves: whether networks are compared with themselves; then the diagonal is no test and becomes NaN.
    Pairs for which the measure is undefined are NaN. A pair whose null already has the best value (canonical
    correlations of more units than examples) has no score. Computed on the host, in float64. Raises InputError for a
    table that cannot be one of networks with themselves.
    """
    observed, null = np.array(observed, np.float64), np.asarray(null, np.float64)
    if themselves:
        if observed.shape[0] != observed.shape[1]:
            raise InputError(f"networks compared with themselves need a square table, got shape {observed.shape}")
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
