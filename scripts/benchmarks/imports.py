"""How long does it take to import 100 networks from 100 files?

Each file holds an untrained network of recipe bottleneck-neurons in the names of a PyTorch module. `jaxinterp import`
runs in its own process, first without compiled programs in the cache and then with them.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from benchmarks import processes
from benchmarks.ablation import untrained
from benchmarks.options import Options
from benchmarks.race import Result, Timing, spread
from jaxinterp import data, ensemble

FILES = 100


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    with tempfile.TemporaryDirectory() as folder:
        files = written(Path(folder), splits.test.images.shape[-1])
        seconds = [imported(files, Path(folder), str(turn)) for turn in range(1 + min(options.rounds, 3))]
    note = f"{FILES} files; their accuracy measured, process and imports included"
    return {"import": Timing(1, seconds[0], seconds[1:])}, [
        Result("cold", "s", spread(seconds[:1]), target="< 10", note=f"{note}; nothing compiled before"),
        Result("warm", "s", spread(seconds[1:]), target="< 10", note=note),
    ]


def written(folder: Path, pixels: int) -> list[Path]:
    """One file for each network."""
    many, files = untrained(FILES, pixels), []
    for seed in range(FILES):
        params = ensemble.take(many, seed).variables["params"]
        names = [*(layer.name for layer in many.model.layers), "output"]
        tensors = {}
        for number, name in enumerate(names):
            tensors[f"{2 * number}.weight"] = np.array(params[name]["kernel"]).T.copy()
            tensors[f"{2 * number}.bias"] = np.array(params[name]["bias"])
        files.append(folder / f"seed{seed}.safetensors")
        save_file(tensors, files[-1])
    return files


def imported(files: list[Path], folder: Path, name: str) -> float:
    """Seconds of one import. Untrained networks are at chance, so that it takes --force."""
    options = ["--name", name, "--root", str(folder / "runs"), "--model.activation", "relu", "--force"]
    return processes.command_seconds("import", *map(str, files), *options, cache=folder / "cache")
