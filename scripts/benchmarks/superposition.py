"""How long do toy models of superposition take, of all sparsities and seeds in one program?

There is no peer: libraries for this train one model at a time.
"""

from typing import Any

import jax
import numpy as np

from benchmarks.options import Options
from benchmarks.race import Contestant, Result, Timing, calls, race, spread
from jaxinterp import data, ensemble
from jaxinterp.analysis import superposition

SEEDS, STEPS = 32, 10_000
SPARSITIES = 1 - np.geomspace(1, 0.01, 20, dtype=np.float32)
SIZES = ((5, 2), (20, 5))  # features and units


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    timings = {f"{features} in {units}": timing(features, units) for features, units in SIZES}
    name = f"{len(SPARSITIES)} sparsities × {SEEDS} seeds × {STEPS} steps"
    results = [
        Result(f"{name}, {size}", "s", spread(own.seconds), target="< 60", note=own.compiling)
        for size, own in timings.items()
    ]
    return timings, results


def timing(features: int, units: int) -> Timing:
    """The time of one fit of all models, on every core."""
    fit = jax.jit(superposition.fit, static_argnames=("units", "steps"))
    importance = 0.9 ** np.arange(features, dtype=np.float32)
    turns = calls(lambda: fit(ensemble.keys(0, SEEDS), SPARSITIES, importance, units=units, steps=STEPS))
    return race({"ours": Contestant(1, turns)}, 1)["ours"]
