"""Do 1,024 networks take sixteen times as long as 64, and little more memory than their weights?

Recipe bottleneck-neurons, trained into a folder for few epochs, in a fresh process for each number of seeds; and the
similarity of all pairs of 1,024 networks at two sites, beside a loop with NumPy.
"""

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import processes, similarity
from benchmarks.memory import peak
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, Timing, calls, race, ratios, spread
from jaxinterp import data, ensemble, jobs, recipes
from jaxinterp.analysis.similarity import MEASURES

FEW, MANY, EPOCHS = 64, 1024, 2
EXAMPLES, UNITS = 10_000, (32, 16)  # of the similarity, at each of the two sites
PAIRS = 64  # in a turn of NumPy's loop


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    few, many = (processes.call("many", "trained", seeds, EPOCHS) for seeds in (FEW, MANY))
    timings: dict[str, Any] = {"few": few, "many": many}
    pairs = timings["pairs"] = {f"{units} units": compared(units, rounds=1) for units in UNITS}
    longer = many["seconds"] / few["seconds"] * FEW / MANY
    more = many["peak"] / (few["peak"] + many["weights"] - few["weights"])
    seconds = sum(own["ours"].seconds[0] for own in pairs.values())
    results = [
        _result(
            "training", "s/epoch", many["seconds"], longer, "≤ 1.1", f"ratio: to {MANY // FEW} times {FEW} networks"
        ),
        _result("peak", "GB", many["peak"] / 1e9, more, "≤ 1.25", f"ratio: to that of {FEW}, and the others' weights"),
        _result(
            "debiased CKA of all pairs, both sites", "s", seconds, None, "< 120", f"{similarity.pairs(MANY)} pairs"
        ),
    ]
    for site, own in pairs.items():
        name, rate, ratio = f"debiased CKA, {site}", spread(own["ours"].rates), ratios(own["ours"], own["numpy"])
        results.append(Result(name, "pairs/s", rate, ratio, "≥ 15", "ratio: to a loop of NumPy's"))
    return timings, results


def _result(name: str, unit: str, value: float, ratio: float | None, target: str, note: str) -> Result:
    return Result(f"{MANY} networks: {name}", unit, spread([value]), spread([ratio]) if ratio else None, target, note)


def trained(seeds: int, epochs: int) -> dict[str, float | None]:
    """Seconds per epoch after the first, this process's peak of memory, and the bytes of the networks' weights."""
    ensemble.use_every_core()
    config = recipes.config("bottleneck-neurons", seeds=seeds, epochs=epochs)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, snapshots=()))
    ended: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        run = jobs.train_run(Path(folder) / "run", config, progress=lambda _: ended.append(time.perf_counter()))
        weights = sum(leaf.nbytes for leaf in jax.tree.leaves(run.networks.variables))
    return {"seconds": (ended[-1] - ended[0]) / (len(ended) - 1), "peak": peak(), "weights": weights}


def compared(units: int, *, rounds: int) -> dict[str, Timing]:
    """All pairs of many networks, and some pairs by NumPy, network by network prepared as they come."""
    activations = similarity.made(MANY, EXAMPLES, units)
    ours = similarity.ours(MEASURES["debiased_cka"], activations)
    some = np.asarray(activations[: 2 * PAIRS])
    return race({"ours": ours, "numpy": Contestant(PAIRS, calls(_loop, some))}, rounds)


def _loop(activations: np.ndarray) -> list[float]:
    first, second = activations[:PAIRS], activations[PAIRS:]
    return [
        similarity.compare(similarity.prepare(x), similarity.prepare(y)) for x, y in zip(first, second, strict=True)
    ]
