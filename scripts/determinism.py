"""Which trainings give the same networks, to the last bit or within rounding? Writes the table in docs/determinism.md.

    python scripts/determinism.py             # about five minutes
    python scripts/determinism.py --epochs 2  # a quick look

Small networks train in processes of their own, since the number of devices is fixed once JAX has started: again, with
other seeds beside them, interrupted, on another number of devices, in other chunks. Each is compared with the first.
"""

import dataclasses
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import tyro
from documents import insert

from jaxinterp import cli
from jaxinterp.config import RunConfig

RECIPE = "bottleneck-neurons"
ORDERS = {"independent": "own orders", "shared": "a shared order"}
DOCUMENT = Path(__file__).parents[1] / "docs" / "determinism.md"
EPOCHS, SEEDS, IMAGES = 12, 5, 6000

# Trains the run in a folder, from its last checkpoint, and ends after an epoch, if it is given one.
_PROGRAM = """
import os, sys
from pathlib import Path
from jaxinterp import jobs, store
path, last = Path(sys.argv[1]), int(sys.argv[2])
jobs.CHECKPOINT_SECONDS = 0.0
def end(checkpoint):
    if checkpoint.epoch == last:
        os._exit(0)
jobs.train_run(path, store.read_config(path), resume=True, progress=end)
"""


class Training(NamedTuple):
    """One way of training the same networks.

    devices: of the processes that train one after the other; all but the last are killed, at equal distances.
    more_seeds: how many networks train beside them. chunk: None is the usual one.
    """

    devices: tuple[int, ...] = (2,)
    more_seeds: int = 0
    chunk: int | None = None


FIRST = Training()
OTHERS = {
    "the same again": FIRST,
    "other seeds beside them": Training(more_seeds=SEEDS + 2),
    "interrupted and resumed": Training(devices=(2, 2)),
    "on 1 device": Training(devices=(1,)),
    "begun on 1 device, resumed on 2": Training(devices=(1, 2)),
    "chunk 1": Training(chunk=1),
    "chunk 2": Training(chunk=2),
}


class Difference(NamedTuple):
    """The largest differences of networks: in their first weights, their weights at the end, their test accuracy."""

    before: float
    after: float
    accuracy: float


def train(path: Path, config: RunConfig, training: Training = FIRST) -> None:
    """Train a config in one of the ways, into the folder path."""
    from jaxinterp import store

    options = {"seeds": config.train.seeds + training.more_seeds, "chunk": training.chunk, "snapshots": (0,)}
    store.begin(path, dataclasses.replace(config, train=dataclasses.replace(config.train, **options)))
    processes = len(training.devices)
    for number, devices in enumerate(training.devices, start=1):
        last = -1 if number == processes else number * config.train.epochs // processes
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "JAX_PLATFORMS": "cpu"}
        subprocess.run([sys.executable, "-c", _PROGRAM, str(path), str(last)], check=True, env=os.environ | flags)


def difference(first: Path, other: Path) -> Difference:
    """How the networks of a run differ from the first of another one."""
    import jax
    import numpy as np

    from jaxinterp import store
    from jaxinterp.train import SPLITS, kept_accuracy

    def largest(ours, theirs) -> float:
        pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
        return float(max(np.abs(np.asarray(a, float) - np.asarray(b, float)[: len(a)]).max() for a, b in pairs))

    runs = [[store.load(path, epoch=epoch) for path in (first, other)] for epoch in (0, None)]
    before, after = (largest(ours.networks.variables, theirs.networks.variables) for ours, theirs in runs)
    accuracies = [kept_accuracy(run.history)[:, SPLITS.index("test")] for run in runs[0]]
    return Difference(before, after, largest(*accuracies))


def table(found: dict[str, list[Difference]]) -> str:
    """The table in Markdown: for each way, the difference with own orders and with a shared one."""

    def cell(value: float) -> str:
        return f"{value:.1e}" if value else "0"

    columns = [f"{name}: {what}" for name in ORDERS.values() for what in ("weights", "test accuracy")]
    lines = [f"| trained | first weights | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for name, differences in found.items():
        cells = [cell(value) for one in differences for value in (one.after, one.accuracy)]
        lines.append(f"| {name} | {cell(max(one.before for one in differences))} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measure(epochs: int = EPOCHS, seeds: int = SEEDS, images: int = IMAGES, document: Path = DOCUMENT) -> None:
    """Train in all ways, with own orders and with a shared one, and write how much the networks differ."""
    from jaxinterp import recipes

    text = document.read_text(encoding="utf-8")
    insert(text, "determinism.py", "")  # a document without markers is refused before anything is trained
    config = recipes.config(RECIPE, seeds=seeds, epochs=epochs)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, train_size=images))
    found: dict[str, list[Difference]] = {name: [] for name in OTHERS}
    with tempfile.TemporaryDirectory() as folder:
        for order in ORDERS:
            own = dataclasses.replace(config, train=dataclasses.replace(config.train, data_order=order))
            first = Path(folder) / order
            train(first, own)
            for name, training in OTHERS.items():
                other = Path(folder) / f"{order}, {name}"
                train(other, own, training)
                found[name].append(difference(first, other))
                print(f"{name}, {ORDERS[order]}: {found[name][-1]}", flush=True)
    size = (
        f"{seeds} networks of recipe `{RECIPE}`, {images:,} training images, {epochs} epochs, on 2 devices and in "
        "chunks of the usual size: the largest difference of any weight, and of any network's test accuracy, when the "
        "same networks are trained in another way. 0: equal to the last bit."
    )
    document.write_text(insert(text, "determinism.py", f"{size}\n\n{table(found)}"), encoding="utf-8")
    print(f"wrote {document}")


if __name__ == "__main__":
    sys.exit(cli.guarded(lambda arguments: tyro.cli(measure, args=arguments), sys.argv[1:]))
