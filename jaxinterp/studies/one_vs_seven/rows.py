"""How many rows must a 7 lose until it is read as a 1? Row 1.5.

The write-up erased rows from the top of one 7 until it was read as a 1, by a binary search, with dropout on.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import counterfactuals
from jaxinterp.data import image_shape
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.one_vs_seven.common import MOST, ONE, SEVEN, of_class
from jaxinterp.studies.scores import Calibrated
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import mean

TOP, BOTTOM = DIRECTIONS = ("from the top", "from the bottom")
NEVER = -1  # the label of 7s that are still read as such when all rows are gone
WINDOWED = 256  # 7s for which every window of rows is tried
CRUCIAL = 13  # the row that the write-up names

# The search errs on one 7 in twenty at most.
RELIABLE = 0.95


class Rows(NamedTuple):
    """Rows erased from those 7s that are read rightly.

    as_seven: share that is still read as a 7 after so many rows. flips: share that is first read as a 1 when this row
    goes. fewest: mean number of rows, over those that flip. bisection_wrong: share for which a binary search errs.
    window: mean size of the smallest window of rows whose erasure makes a 1; window_none: share that has none;
    window_covers: share of the windows that hold this row.
    """

    as_seven: Float[Array, "directions steps"]
    flips: Float[Array, "directions last_rows"]
    fewest: Float[Array, " directions"]
    bisection_wrong: Float[Array, ""]
    window: Float[Array, ""]
    window_none: Float[Array, ""]
    window_covers: Float[Array, " rows"]


def erase_rows(
    network: Network,
    sevens: Float[Array | np.ndarray, "examples pixels"],
    windowed: Float[Array | np.ndarray, "first_examples pixels"],
) -> Rows:
    """How many rows a 7 can lose, from the top, from the bottom and, the first of them, anywhere, until it is a 1."""
    side = image_shape(sevens.shape[-1])[0]
    margins = [counterfactuals.erase_rows(network, sevens, SEVEN, ONE, bottom=bottom) for bottom in (False, True)]
    fewest = [counterfactuals.fewest_rows(margin) for margin in margins]
    window = counterfactuals.fewest_window(network, windowed, SEVEN, ONE)
    right, rows = margins[0][:, 0] > 0, jnp.arange(side)
    right_first = right[: len(windowed)]
    found = right_first & (window.start >= 0)
    covered = (window.start[:, None] <= rows) & (rows < (window.start + window.rows)[:, None])
    return Rows(
        as_seven=jnp.stack([_mean(margin > 0, right) for margin in margins]),
        flips=jnp.stack([_mean(jax.nn.one_hot(count - 1, side + 1), right) for count in fewest]),
        fewest=jnp.stack([_mean(count, right & (count <= side)) for count in fewest]),
        bisection_wrong=_mean(counterfactuals.bisected_rows(margins[0]) != fewest[0], right),
        window=_mean(window.rows, found),
        window_none=_mean(window.start < 0, right_first),
        window_covers=_mean(covered, found),
    )


def _mean(values: Array, members: Array) -> Array:
    """Mean over those examples that are members; NaN where there are none."""
    return jnp.mean(values, axis=0, where=members.reshape(-1, *(1,) * (values.ndim - 1)))


def _coords(inputs: Inputs) -> dict[str, Sequence[Any]]:
    rows = range(image_shape(inputs.splits.test.images.shape[-1])[0])
    return {"directions": DIRECTIONS, "steps": (*rows, len(rows)), "last_rows": (*rows, NEVER), "rows": rows}


def _shared(inputs: Inputs) -> tuple:
    sevens = of_class(inputs.test, SEVEN)
    return sevens, sevens[: inputs.at_most(WINDOWED)]


MEASUREMENTS = (Measurement("rows", erase_rows, _shared, _coords, chunk=1),)


def claims(results: Results) -> list[Claim]:
    """Row 1.5, but for rows 0–14, which `edits` removes."""
    rows = results["rows"]
    side, flips = rows.sizes["rows"], rows.flips.sel(directions=TOP)
    usual = int(flips.sel(last_rows=rows.rows.to_numpy()).mean("seeds").fillna(0).idxmax("last_rows"))
    near = flips.sel(last_rows=[CRUCIAL - 1, CRUCIAL, CRUCIAL + 1]).sum("last_rows", skipna=False)
    top, bottom = (mean(rows.fewest.sel(directions=name), 1) for name in DIRECTIONS)
    return [
        Claim(
            row="1.5",
            name=f"row {CRUCIAL}",
            text=f"Row {CRUCIAL} is crucial: erased from the top, a 7 turns into a 1 when it goes",
            published="one 7",
            bounds=SHARE,
            quantity=f"the share of the 7s that turn into a 1 when row {CRUCIAL} goes",
            measured=flips.sel(last_rows=CRUCIAL),
            controls={f"one row in {side}": xr.DataArray(1 / side)},
            score=Calibrated(),
            rule=above(MOST),
            note=f"Most often it is row {usual} ({mean(flips.sel(last_rows=usual))} of the 7s); rows {CRUCIAL - 1} to "
            f"{CRUCIAL + 1} together {mean(near)}. Mean number of rows until a 7 is a 1: {top} from the top, {bottom} "
            f"from the bottom, {mean(rows.window, 1)} for the smallest window anywhere (the first {WINDOWED} 7s; "
            f"{mean(rows.window_none)} of them have none). Never from the top: {mean(flips.sel(last_rows=NEVER))}.",
        ),
        Claim(
            row="1.5",
            name="search",
            text="A binary search of rows finds where a 7 stops being one",
            published="the method",
            bounds=SHARE,
            quantity="the share of the 7s for which the search finds the fewest rows that make it a 1",
            measured=1 - rows.bisection_wrong,
            controls={"every row tried": xr.DataArray(1.0)},
            rule=above(RELIABLE),
            note="It errs where erasing more rows turns a 1 back into a 7.",
        ),
    ]
