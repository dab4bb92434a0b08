"""How fast is jaxinterp, and how much memory does it need, compared with its peers and with the machine's limits?

    python scripts/benchmark.py                   # peers need: pip install .[bench]
    python scripts/benchmark.py --only ablation   # only that part
    python scripts/benchmark.py --full            # also times `jaxinterp run` end to end
    python scripts/benchmark.py --against 15ef53b   # `run`, `report` and each study, beside an older commit's

It takes over half an hour on two CPU cores, and says which part it is at. Leave the machine idle meanwhile: load slows
the peers' threads far more than ours. The table shows a target next to each number, and every raw timing is written to
benchmark.json, part by part. Expect, on two cores of an AMD EPYC:

- training: 15 seed-epochs/s with SGD, 10 times the PyTorch loop, 2.7 times torch.func; with Adam 14, 13 times the loop.
- ablation: 160 to 270 times captum, one logit per call; all of ablation for 32 networks in 42 s.
- similarity: debiased CKA of a pair in .6 ms, 7 times NumPy's loop; Procrustes 11 times SciPy's.
- maximization: 12,288 images in 3 s, 700 times torch-lucent per image; at least .999 of the closed-form optimum.
- attribution: integrated gradients 70 to 180 times captum; the exact ones complete to 1e-7.
- convolutions: 16 networks trained at 2.8 times the PyTorch loop of one thread; ablation 90 to 230 times captum.
- imports: 100 files in 8 to 10 s.
- dynamics: 32 networks at 20 epochs, 22 times a loop of NumPy, SciPy and scikit-learn.
- pruning: 384 pruned networks retrained at once, 38 times the PyTorch loop.
- superposition: 640 toy models for 10,000 steps, of 20 features in 5 units, in about 28 s.
- coalitions: F1 of all 65,536 subsets of 16 units on 10,000 images in 1.1 s per network, all interactions in .014 s;
  Shapley values of a digit at 1,700 times the rate of captum's to a standard error of .001.
- page: 9 MB, made in 29 s, 40 s where nothing is compiled, and opened in 1.5 s.

docs/performance.md has one record of it, which scripts/performance.py writes.

Everything except imports, one matrix product and memory peaks runs in one process; the contestants take turns, round
after round. benchmarks/ has one module per part. To add a part, write a module with `measure` and add its name to
benchmarks/options.py.
"""

import dataclasses
import importlib
import json
import os
import platform
import sys
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import jax
import tyro
from benchmarks.options import Options
from benchmarks.race import Result, Timing
from rich.table import Table

from jaxinterp import cli, data, ensemble
from jaxinterp.config import DataConfig

OURS = ("jaxinterp", "jax", "jaxlib", "flax", "optax", "numpy")
PEERS = ("torch", "captum", "torch-lucent", "ckatorch", "rsatoolbox")


def machine_description() -> dict[str, Any]:
    """The machine, its load before the benchmark, and the versions of the libraries."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    installed = {distribution.name for distribution in distributions()}
    versions = {name: version(name) for name in (*OURS, *PEERS) if name in installed}
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.processor(),
        "cores": ensemble.cores(),
        "system": platform.platform(),
        "devices": [str(device) for device in jax.devices()],
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version()} | versions,
    }


def table(results: dict[str, list[Result]], machine: dict[str, Any]) -> Table:
    """The results as one row each, part after part, and the machine's load."""
    view = Table("", "median (lowest – highest)", "unit", "ratio", "target", "note")
    if machine["load"]:
        view.caption = f"load before: {machine['load'][0]:.1f} on {machine['cores']} cores"

    def cell(values):
        return "" if values is None else "{:.3g} ({:.3g} – {:.3g})".format(*values)

    for part, rows in results.items():
        for row in rows:
            view.add_row(f"{part}: {row.name}", cell(row.rate), row.unit, cell(row.ratio), row.target, row.note)
        view.add_section()
    return view


def _record(timing):
    return timing._asdict() if isinstance(timing, Timing) else timing


def main(options: Options) -> None:
    """Measure, write the record, print the table."""
    # Peers that use OpenMP, which reads these when they are imported, would spin while ours computes, and stand still.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    ensemble.use_every_core()
    machine, splits = machine_description(), data.load(DataConfig())
    timings: dict[str, Any] = {}
    results: dict[str, list[Result]] = {}
    parts = options.only if options.against is None else ("versions",)
    for number, part in enumerate(parts, start=1):
        print(f"{part} ({number} of {len(parts)})", file=sys.stderr, flush=True)
        timings[part], results[part] = importlib.import_module(f"benchmarks.{part}").measure(splits, options)
        record = {  # written after every part, so that an interruption loses one at most
            "machine": machine,
            "options": dataclasses.asdict(options) | {"output": str(options.output)},
            "timings": jax.tree.map(_record, timings, is_leaf=lambda value: isinstance(value, Timing)),
            "results": {name: [row._asdict() for row in rows] for name, rows in results.items()},
        }
        options.output.write_text(json.dumps(record, indent=2) + "\n")
    cli.show(table(results, machine))


if __name__ == "__main__":
    main(tyro.cli(Options))
