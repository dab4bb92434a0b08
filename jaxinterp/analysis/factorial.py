"""How do arms of a factorial design differ: what does each factor do, and do factors change what the others do?

A design has every combination of factors that are off or on, one dimension of length 2 for each factor, off first. The
arms may be compared at the same epoch, or at the same training loss: what trains faster has then no advantage.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxinterp.errors import InputError


def effect(values: xr.DataArray, factors: Sequence[str], of: Collection[str]) -> xr.DataArray:
    """The effect of one factor, or the interaction of several, in the units of the values; other dimensions stay.

    One factor: the mean over arms with it less that over arms without it. Two: half of how much the one's effect
    changes with the other; of k factors, Σ ± value / 2^(n − 1) over all arms of n factors, with + where an even number
    of the k are off (Box, Hunter and Hunter 2005, Statistics for experimenters, chapter 5). Effects are twice the
    coefficients of the least squares fit to factors coded −1 and 1. Raises InputError for a factor that is no dimension
    of length 2, and for none.
    """
    if not of or not set(of) <= set(factors):
        raise InputError(f"an effect is of one or more of {', '.join(factors)}, not of {', '.join(of) or 'none'}")
    for factor in factors:
        if values.sizes.get(factor) != 2:
            raise InputError(f"{factor} must be a dimension with two entries, off and on, of values over {values.dims}")
        signs = xr.DataArray([-1.0 if factor in of else 1.0, 1.0], dims=factor)
        values = (values * signs).sum(factor, skipna=False)
    return values / 2 ** (len(factors) - 1)


def effects_of(factors: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every factor and every combination of several, smaller ones first."""
    for size in range(1, len(factors) + 1):
        yield from combinations(factors, size)


def at_loss(values: xr.DataArray, loss: xr.DataArray, target: xr.DataArray, *, along: str) -> xr.DataArray:
    """The values where the loss first falls to its target, between two stages of training along a dimension.

    Linear in the logarithm of the loss. Stages where values or loss are NaN are left out; NaN where the loss never
    falls to the target, or is below it from the start.
    """
    return xr.apply_ufunc(_at_loss, values, loss, target, input_core_dims=[[along], [along], []], vectorize=True)


def _at_loss(values: Float[np.ndarray, " stages"], loss: Float[np.ndarray, " stages"], target: float) -> float:
    known = np.isfinite(values) & np.isfinite(loss) & (loss > 0)
    values, loss = values[known], loss[known]
    reached = np.flatnonzero(loss <= target)
    if not len(reached) or (reached[0] == 0 and loss[0] < target):
        return math.nan
    last = reached[0]
    if loss[last] == target:
        return float(values[last])
    share = math.log(loss[last - 1] / target) / math.log(loss[last - 1] / loss[last])
    return float((1 - share) * values[last - 1] + share * values[last])
