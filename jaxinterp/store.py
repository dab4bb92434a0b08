"""Where are trained networks stored? A run is a folder that can be resumed, and that is complete once it has weights.

<run>/config.json     everything that the run depends on; written first
<run>/training/       the last checkpoint, until the run is complete
<run>/history.nc      loss and accuracy, as an xarray.Dataset
<run>/probe.npz       a few hundred test images, and the accuracy of every seed on them
<run>/snapshots/      weights at chosen epochs
<run>/weights/        the trained weights; written last, so a run with this folder is complete
<run>/results/        results of analyses, as xarray.Datasets
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray
from orbax.checkpoint import v1 as ocp

from jaxinterp import ensemble, metrics, networks, records, train
from jaxinterp.config import RunConfig, from_json, to_json
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import Network
from jaxinterp.train import Checkpoint, History, Trained

PROBE_SIZE = 300  # images on which a loaded network must reach its recorded accuracy
# Predictions that rounding on another machine may flip. A wrong activation function flips many more.
_MAX_FLIPS = 2.5


class Run(NamedTuple):
    """A complete run."""

    config: RunConfig
    networks: Network
    history: History


def is_complete(path: Path | str) -> bool:
    """Whether a folder holds a complete run."""
    return (Path(path) / "weights").is_dir()


def check_complete(path: Path | str) -> None:
    """Raise InputError where there is no run at the path, or where it is not complete."""
    read_config(path)
    if not is_complete(path):
        raise InputError(f"the run {path} is not complete; go on with: jaxinterp train --resume {path}")


def is_run(path: Path | str) -> bool:
    """Whether a folder holds a run, complete or not."""
    return (Path(path) / "config.json").is_file()


def runs(root: Path | str) -> list[Path]:
    """The run folders in root, sorted by name, with those of sweeps and of the arms that studies trained."""
    patterns = ("*/config.json", "*/*/config.json", "*/arms/*/config.json")
    return sorted(path.parent for pattern in patterns for path in Path(root).glob(pattern))


def read_config(path: Path | str) -> RunConfig:
    """A run's config.

    Raises InputError where it is damaged, and where there is no run; the error lists the runs in the same folder.
    """
    path = Path(path)
    if not is_run(path):
        names = ", ".join(run.name for run in runs(path.parent)) or "none"
        raise InputError(f"no run at {path}; runs in {path.parent}: {names}")
    with _readable(path / "config.json") as file:
        return from_json(file.read_text())


def save(path: Path | str, config: RunConfig, trained: Trained, test: Dataset) -> None:
    """Write a complete run. The weights come last, so that a run that is cut short never looks complete."""
    path = Path(path)
    begin(path, config)
    with _replacing(path / "history.nc") as file:
        _history_dataset(config, trained.history).to_netcdf(file, engine="scipy")
    probe = Dataset(*(np.asarray(part[:PROBE_SIZE]) for part in test))
    with _replacing(path / "probe.npz") as file, file.open("wb") as stream:
        accuracy = _accuracies(trained.networks, probe, config)
        np.savez_compressed(stream, images=probe.images, labels=probe.labels, accuracy=accuracy)
    for number, snapshot in trained.snapshots.items():
        _save_weights(path / "snapshots" / str(number), snapshot.variables)
    _save_weights(path / "weights", trained.networks.variables)


def begin(path: Path | str, config: RunConfig) -> None:
    """Create a run's folder with its config. From then on training can be resumed."""
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    with _replacing(path / "config.json") as file:
        file.write_text(to_json(config))


def load(path: Path | str, *, epoch: int | None = None) -> Run:
    """A complete run, with the weights of a snapshot where an epoch is given.

    Raises InputError where there is no run, where it is not complete, and where the networks do not reach their
    recorded accuracy on the probe images, as when the weights belong to another architecture.
    """
    path = Path(path)
    check_complete(path)
    config = read_config(path)
    model = networks.build(config.model)
    ensemble_ = Network(model, _load_weights(path / "weights"))
    _check_accuracy(path, ensemble_, config)
    if epoch is not None:
        stored = sorted(int(folder.name) for folder in (path / "snapshots").glob("*") if folder.name.isdigit())
        if epoch not in stored:
            raise InputError(f"no snapshot of epoch {epoch} in {path}; there are {stored or 'none'}")
        ensemble_ = Network(model, _load_weights(path / "snapshots" / str(epoch)))
    return Run(config, ensemble_, read_history(path))


def read_history(path: Path | str) -> History:
    """The history of a complete run, without loading its weights."""
    with _readable(Path(path) / "history.nc") as file, file.open("rb") as stream:
        dataset = xarray.load_dataset(stream, engine="scipy")
    return History(*(dataset[name].to_numpy() for name in History._fields))


def save_result(path: Path | str, name: str, record: Any, **attrs) -> Path:
    """Write an analysis's record, or a Dataset, to <run>/results/<name>.nc and return that file.

    name: may have folders, such as "instance-variation/features". attrs: are added to the Dataset's own.
    """
    file = Path(path) / "results" / f"{name}.nc"
    file.parent.mkdir(parents=True, exist_ok=True)
    dataset = record if isinstance(record, xarray.Dataset) else records.to_xarray(record)
    with _replacing(file) as temporary:
        dataset.assign_attrs(attrs).to_netcdf(temporary, engine="scipy")
    return file


def results(path: Path | str) -> list[str]:
    """Names of a run's stored results."""
    folder = Path(path) / "results"
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.nc"))


def load_result(path: Path | str, name: str) -> xarray.Dataset:
    """A stored result as a Dataset with named dimensions.

    Raises InputError, listing the run's results, where there is none of that name.
    """
    file = Path(path) / "results" / f"{name}.nc"
    if not file.is_file():
        raise InputError(f"no result {name!r} in {path}; results: {', '.join(results(path)) or 'none'}")
    return xarray.load_dataset(file, engine="scipy")


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Save a checkpoint in a folder, then remove earlier ones."""
    target = folder / str(checkpoint.epoch)
    _save_weights(target, _as_stored(checkpoint))
    for other in folder.iterdir():
        if other.is_dir() and other != target:
            shutil.rmtree(other)


def load_checkpoint(folder: Path, like: Checkpoint) -> Checkpoint | None:
    """The last checkpoint in a folder, or None. like: a checkpoint of the same shapes, such as the initial one."""
    steps = [child for child in folder.glob("*") if child.name.isdigit() and ocp.is_orbax_checkpoint(str(child))]
    if not steps:
        return None
    last = max(steps, key=lambda step: int(step.name))
    with _readable(last):
        stored = ocp.load(str(last.absolute()), jax.tree.map(np.asarray, _as_stored(like)))
    snapshots = {int(number): variables for number, variables in stored["snapshots"].items()}
    return Checkpoint(int(stored["epoch"]), stored["members"], stored["measured"], snapshots)


def _as_stored(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint under the keys that files have. They are older than the names of the fields."""
    snapshots = {str(number): variables for number, variables in checkpoint.snapshots.items()}
    keys = {"epoch": checkpoint.epoch, "members": checkpoint.state, "measured": checkpoint.metrics}
    return jax.device_get(keys | {"snapshots": snapshots})


def _save_weights(target: Path, variables) -> None:
    # Orbax writes next to the target and then renames. An earlier write that was killed may have left its folder.
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in (target, *target.parent.glob(f"{target.name}.orbax-checkpoint-tmp*")):
        shutil.rmtree(leftover, ignore_errors=True)
    ocp.save(str(target.absolute()), jax.device_get(variables))
    (target / "commit_success.txt").unlink(missing_ok=True)  # nothing reads it, and it contains the absolute path


def _load_weights(path: Path):
    with _readable(path):
        return jax.tree.map(jnp.asarray, ocp.load(str(path.absolute())))


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    try:
        yield path
    except Exception as error:
        raise InputError(f"{path} is missing or damaged: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


@contextmanager
def _replacing(file: Path) -> Iterator[Path]:
    """A temporary file to write to, which replaces the real one only once it is whole."""
    temporary = file.with_name(f".{file.name}.partial")
    yield temporary
    os.replace(temporary, file)


def _history_dataset(config: RunConfig, history: History) -> xarray.Dataset:
    coords = {"epochs": np.arange(1, history.loss.shape[1] + 1), "splits": list(train.SPLITS)}
    return records.to_xarray(history, coords=coords, attrs={"recipe": config.recipe})


def _accuracies(networks: Network, probe: Dataset, config: RunConfig) -> np.ndarray:
    def accuracy(network):
        logits, _ = network(probe.images)
        return metrics.correct(config.train.loss, logits, probe.labels).mean()

    return np.asarray(jax.jit(ensemble.over_seeds(accuracy))(networks))


def _check_accuracy(path: Path, networks: Network, config: RunConfig) -> None:
    with (
        _readable(path / "probe.npz") as file,
        file.open("rb") as stream,
        np.load(stream, allow_pickle=False) as stored,
    ):
        probe, recorded = Dataset(stored["images"], stored["labels"]), stored["accuracy"]
    if (seeds := ensemble.size(networks)) != len(recorded):
        raise InputError(f"{path} refused: its weights are of {seeds} seeds, but probe.npz records {len(recorded)}")
    try:
        measured = _accuracies(networks, probe, config)
    except Exception as error:
        raise InputError(f"the weights in {path} do not fit the model in its config.json: {_line(error)}") from error
    worst = int(np.argmax(np.abs(measured - recorded)))
    if abs(measured[worst] - recorded[worst]) > _MAX_FLIPS / len(probe.labels):
        raise InputError(
            f"{path} refused: seed {worst} reaches {measured[worst]:.1%} on {len(probe.labels)} images, but "
            f"{recorded[worst]:.1%} is recorded; config.json and the weights do not belong together"
        )
