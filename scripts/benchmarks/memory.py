"""How much memory does ablation need? As much as its chunks require, measured in fresh processes."""

from functools import partial
from pathlib import Path
from typing import Any

import jax

from benchmarks import processes
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, calls, seconds_of, spread
from jaxinterp import controls, data, ensemble, networks, recipes
from jaxinterp.analysis import ablation
from jaxinterp.config import DataConfig

SEEDS = 4
CHUNKS = ((1, 8), (1, 32), (4, 8))  # (seeds, units) at once


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Bytes and seconds of each pair of chunks, and the table's rows."""
    usage = {chunks: processes.call("memory", "unit_ablation", *chunks) for chunks in CHUNKS}
    timings = {f"chunks: seeds {seeds}, units {units}": entry for (seeds, units), entry in usage.items()}
    return timings, [_result(name, entry) for name, entry in timings.items()]


def unit_ablation(seeds: int, units: int) -> dict[str, float | None]:
    """The cost of the mean-ablation of each first-layer unit of 512-512 networks, with these chunks.

    peak: the most bytes that this process ever held; None where the system does not report it. allocated: bytes that
    the program needs in addition to its arguments and results. seconds: its run time.
    """
    test = jax.device_put(data.load(DataConfig()).test)
    model = networks.build(recipes.config("one-vs-seven").model)
    many = controls.untrained(ensemble.keys(0, SEEDS), model, test.images.shape[-1])
    fn = partial(ablation.units, site="hidden0/post", kind="mean", chunk=units)
    program = jax.jit(ensemble.over_seeds(fn, chunk=seeds)).lower(many, test).compile()
    seconds = seconds_of(Contestant(1, calls(program, many, test)))
    analysis: Any = program.memory_analysis()
    return {"peak": peak(), "allocated": analysis.temp_size_in_bytes, "seconds": seconds}


def peak() -> int | None:
    """The most bytes that this process ever held; None where the system does not report it."""
    # Not getrusage: on Linux its ru_maxrss starts at the memory of the parent process.
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return 1024 * int(lines["VmHWM"].split()[0])


def _result(name: str, usage: dict[str, Any]) -> Result:
    allocated = f"the program allocates {usage['allocated'] / 1e9:.2f}"
    known = usage["peak"] is not None
    note = f"{SEEDS} networks 512-512, every unit of hidden0 in {usage['seconds']:.0f} s; "
    size, note = (
        (usage["peak"], f"{note}process's peak; {allocated}") if known else (usage["allocated"], note + allocated)
    )
    return Result(name, "GB", spread([size / 1e9]), target="< 2", note=note)
