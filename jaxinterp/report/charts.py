"""How do networks' values over the epochs become a chart that a page draws at once? As points, ticks and text.

Figures of studies are matplotlib's, which takes longer to load than an epoch may take.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxinterp.text import format_number
from jaxinterp.train import SPLITS

QUANTITIES = {"loss": "loss, mean over images", "accuracy": "accuracy, share correct"}
_POINTS = 200  # of a curve at most
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 480, 270, 52, 12, 28, 34  # of a chart, and its margins


class Curve(NamedTuple):
    """A split's values by epoch: the mean over networks, and the ends of a band that holds 90 % of them."""

    epochs: np.ndarray
    low: np.ndarray
    mean: np.ndarray
    high: np.ndarray
    latest: str


def chart(quantity: str, values: Float[np.ndarray, "seeds epochs splits"], epochs: int) -> dict[str, Any]:
    """What a template draws, and the same as text. epochs: where the axis ends; values may be of the first ones."""
    curves = {split: curve for number, split in enumerate(SPLITS) if (curve := _curve(values[:, :, number]))}
    ends = [float(end) for curve in curves.values() for end in (curve.low.min(), curve.high.max())] or [0.0]
    heights = ticks_around(min(ends), max(ends), most=1.0 if quantity == "accuracy" else math.inf)

    def across(epoch):
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (epoch - 1) / max(epochs - 1, 1), 1)

    def up(value):
        share = (value - heights[0]) / (heights[-1] - heights[0])
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * float(share), 1)

    def path(places, values):
        return " ".join(f"{across(x)},{up(y)}" for x, y in zip(places, values, strict=True))

    return {
        "quantity": QUANTITIES[quantity],
        "size": (_WIDTH, _HEIGHT),
        "frame": (_LEFT, _TOP, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM),
        "lines": [
            (
                split,
                path(curve.epochs, curve.mean),
                f"{path(curve.epochs, curve.low)} {path(curve.epochs[::-1], curve.high[::-1])}",
                (across(curve.epochs[0]), up(curve.mean[0])) if len(curve.epochs) == 1 else None,
            )
            for split, curve in curves.items()
        ],
        "heights": [(up(tick), f"{tick:.10g}") for tick in heights],
        "epochs": [(across(tick), tick) for tick in _named(epochs)],
        "now": {split: curve.latest for split, curve in curves.items()},
    }


def _curve(values: Float[np.ndarray, "seeds epochs"]) -> Curve | None:
    """None where no value is known. Of many epochs some are left out, never the last."""
    known = np.flatnonzero(np.isfinite(values).any(axis=0))
    if not len(known):
        return None
    shown = known[np.unique(np.linspace(0, len(known) - 1, min(len(known), _POINTS)).astype(int))]
    low, high = np.nanquantile(values[:, shown], (0.05, 0.95), axis=0)
    last = values[:, shown[-1]]
    last = last[np.isfinite(last)]
    sd = np.std(last, ddof=1) if len(last) > 1 else math.nan
    latest = f"{format_number(float(last.mean()), 3)} ± {format_number(float(sd), 3)}"
    return Curve(shown + 1, low, np.nanmean(values[:, shown], axis=0), high, latest)


def ticks_around(low: float, high: float, *, most: float = math.inf) -> list[float]:
    """Two to seven round numbers that hold two of at least 0, the last of them at most `most`, as the two are."""
    room = max(high - low, 1e-3 * high) or 1.0
    step = 10.0 ** math.floor(math.log10(room / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if room / (factor * step) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    first, last = (first, last) if first < last else (max(first - 1, 0), last + (first == 0 or last * step < most))
    return [tick for number in range(first, last + 1) if (tick := round(number * step, 12)) <= most]


def _named(epochs: int) -> list[int]:
    """The epochs that are named below the axis: the first, and round numbers."""
    step = max(ticks_around(0.0, float(epochs))[1], 1)
    return [1, *(int(number * step) for number in range(1, int(epochs / step) + 1) if number * step > 1)]
