"""Claims about a few numbers, one a network, and their findings."""

import numpy as np
import xarray as xr
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp.studies.judge import Claim, above, judge

shares = hnp.arrays(float, 6, elements=st.floats(0.0, 1.0))


def seeds(values):
    return xr.DataArray(np.asarray(values, float), dims="seeds")


def claim(measured, score, controls=None, rule=None, **fields):
    return Claim(
        "1.1", "a", "text", measured, rule or above(0.5), "quantity", score=score, controls=controls or {}, **fields
    )


def only(claim):
    """The finding of a claim that is judged alone."""
    (found,) = judge("s", [claim])
    return found
