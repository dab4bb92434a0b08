"""Where are trained networks stored? A run is a folder that can be resumed, and that is complete once it has weights.

<run>/config.json     everything that the run depends on; written first
<run>/training/       the last checkpoint, until the run is complete
<run>/history.nc      loss and accuracy, as an xarray.Dataset
<run>/probe.npz       a few hundred test images, and the accuracy of every seed on them
<run>/snapshots/      weights at chosen epochs, which may be fractions such as 0.25
<run>/weights/        the trained weights; written last, so a run with this folder is complete
<run>/results/        results of studies and analyses, as xarray.Datasets
<run>/explanation/    answers of language models, one file each (see explanation.answers)
"""

import io
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray
from orbax.checkpoint import v1 as ocp

from jaxinterp import data, ensemble, files, machine, metrics, networks, records, train
from jaxinterp.config import RunConfig, difference, from_json, to_json
from jaxinterp.data import Dataset, Splits
from jaxinterp.errors import InputError, InputWarning
from jaxinterp.files import replacing as _replacing
from jaxinterp.networks import Network
from jaxinterp.text import suggestion
from jaxinterp.train import Checkpoint, History, Trained

__all__ = [
    "PROBE_SIZE", "ROOT", "Run", "begin", "check_complete", "check_data", "data_of", "epoch_name", "is_complete",
    "is_run", "load", "load_checkpoint", "load_result", "read_config", "read_history", "read_made", "read_sources",
    "results", "runs", "save", "save_checkpoint", "save_result",
]  # fmt: skip

ROOT = Path("checkpoints")  # where runs are stored unless another folder is named
PROBE_SIZE = 300  # images on which a loaded network must reach its recorded accuracy
# Predictions that rounding on another machine may flip. A wrong activation function flips many more.
_MAX_FLIPS = 2.5
_ARRAYS, _ORIGIN = "arrays", "made_by.json"  # in a folder of weights
_EPOCH = re.compile(r"\d+(\.\d+)?")


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
    found = (path.parent for pattern in patterns for path in Path(root).glob(pattern))
    return sorted(path for path in found if not path.name.startswith("."))  # not those that are being written


def read_config(path: Path | str) -> RunConfig:
    """A run's config.

    Raises InputError where it is damaged, and where there is no run; the error lists the runs in the same folder, or in
    checkpoints where the same folder has none.
    """
    path = Path(path)
    if not is_run(path):
        root = path.parent if runs(path.parent) else ROOT
        known = {run.name: run for run in runs(root)}
        names = ", ".join(run.relative_to(root).as_posix() for run in runs(root)) or "none"
        raise InputError(f"no run at {path}{suggestion(path.name, known, shown=known.get)}; runs in {root}: {names}")
    with files.readable(path / "config.json") as file:
        return from_json(file.read_text())


def save(
    path: Path | str,
    config: RunConfig,
    trained: Trained,
    test: Dataset,
    *,
    fingerprint: str = "",
    sources: Sequence[str] = (),
) -> None:
    """Write a complete run. The weights come last, so that a run that is cut short never looks complete.

    fingerprint: of the data (`data.fingerprint`); what was trained on other data is then refused. sources: of imported
    networks, the file of each.
    """
    path = Path(path)
    begin(path, config)
    files.write_summed(path / "history.nc", _netcdf(_history_dataset(config, trained.history)))
    probe = jax.tree.map(np.asarray, test.take(slice(PROBE_SIZE)))
    accuracy, stream = _accuracies(trained.networks, probe, config), io.BytesIO()
    np.savez_compressed(stream, images=probe.images, labels=probe.labels, accuracy=accuracy)
    files.write_summed(path / "probe.npz", stream.getvalue())
    made_by = _Origin(config, fingerprint, tuple(sources))
    for number, snapshot in trained.snapshots.items():
        _save_weights(path / "snapshots" / epoch_name(number), snapshot.variables, made_by)
    _save_weights(path / "weights", trained.networks.variables, made_by)


def begin(path: str | os.PathLike, config: RunConfig) -> None:
    """Create a run's folder with its config. From then on training can be resumed."""
    with _replacing(Path(path) / "config.json") as file:
        file.write_text(to_json(config))


def data_of(path: Path | str, config: RunConfig, splits: Splits | None = None) -> Splits:
    """The data of a run; splits: these, where they are loaded.

    Raises InputError where they are missing, or are not those that the run was trained on.
    """
    splits = data.load(config.data) if splits is None else splits
    check_data(Path(path) / "weights", config, splits)
    return splits


def check_data(folder: Path, config: RunConfig, splits: Splits) -> None:
    """Raise InputError if a folder of weights was made from other data than these."""
    made_by = _read_origin(folder)
    if made_by is not None and made_by.fingerprint and made_by.fingerprint != data.fingerprint(splits):
        raise InputError(
            f"{config.data.source} is not what {folder.parent} was trained on: its images or labels have changed; put "
            "back the old data, or train a new run"
        )


def read_made(path: Path | str) -> dict[str, str]:
    """With which version, when and on what machine a run's weights were stored; nothing of a run that does not say."""
    file = Path(path) / "weights" / _ORIGIN
    if not file.is_file():
        return {}
    with files.readable(file):
        made = json.loads(file.read_text()).get("made", {})
        return {str(name): str(value) for name, value in dict(made).items()}


def read_sources(path: Path | str) -> tuple[str, ...]:
    """The file that each of a run's networks was imported from; nothing of others, and of a run that does not say."""
    made_by = _read_origin(Path(path) / "weights")
    return () if made_by is None else made_by.sources


def epoch_name(epoch: int | float) -> str:
    """An epoch, or a fraction of one, as text that `float` reads: the folder of a snapshot has it as its name."""
    return np.format_float_positional(epoch, trim="-")


def _epochs(names: Iterable[str]) -> list[int | float]:
    """The epochs that these are names of, in order; other names are passed over."""
    return sorted(float(name) if "." in name else int(name) for name in names if _EPOCH.fullmatch(name))


def load(path: Path | str, *, epoch: int | float | None = None) -> Run:
    """A complete run, with the weights of a snapshot where an epoch is given.

    Raises InputError where there is no run, where it is not complete, and where the networks do not reach their
    recorded accuracy on the probe images, as when the weights belong to another architecture.
    """
    path = Path(path)
    check_complete(path)
    config = read_config(path)
    if not _has_sums(path):
        note = InputWarning(f"{path} was stored without checksums: damage to its files would not be noticed")
        warnings.warn(note, stacklevel=2)
    model = networks.build(config.model)
    ensemble_ = Network(model, _load_weights(path / "weights", config))
    _check_accuracy(path, ensemble_, config)
    if epoch is not None:
        stored = _epochs(folder.name for folder in (path / "snapshots").glob("*"))
        if epoch not in stored:
            raise InputError(f"no snapshot of epoch {epoch_name(epoch)} in {path}; there are {stored or 'none'}")
        ensemble_ = Network(model, _load_weights(path / "snapshots" / epoch_name(epoch), config))
    return Run(config, ensemble_, read_history(path))


def read_history(path: Path | str) -> History:
    """The history of a complete run, without loading its weights."""
    file = Path(path) / "history.nc"
    dataset = _from_netcdf(path, file)
    with files.readable(file):
        history = History(*(dataset[name].to_numpy() for name in History._fields))
        _check_history(history)
    return history


def _check_history(history: History) -> None:
    """Raise ValueError unless arrays, which may be of a run without checksums, fit together."""
    *curves, of_classes = history[:3]
    shape, epochs = history.loss.shape, history[3:]
    fit = len(shape) == 3 and all(shape) and shape[2] == len(train.SPLITS)
    fit = fit and {curve.shape for curve in curves} | {of_classes.shape[:-1]} == {shape}
    fit = fit and {values.shape for values in epochs} == {shape[:1]}
    fit = fit and all(part.dtype.kind == "f" for part in history[:3]) and all(part.dtype.kind == "i" for part in epochs)
    if not fit or any(values.min() < 0 or values.max() > shape[1] for values in epochs):
        raise ValueError("its arrays do not fit together")


def save_result(path: Path | str, name: str, record: Any, **attrs) -> Path:
    """Write an analysis's record, or a Dataset, to <run>/results/<name>.nc and return that file.

    name: may have folders, such as "instance-variation/features". attrs: are added to the Dataset's own.
    """
    file = Path(path) / "results" / f"{name}.nc"
    dataset = record if isinstance(record, xarray.Dataset) else records.to_xarray(record)
    files.write_summed(file, _netcdf(dataset.assign_attrs(attrs)))
    return file


def results(path: Path | str) -> list[str]:
    """Names of a run's stored results."""
    folder = Path(path) / "results"
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.nc"))


def load_result(path: Path | str, name: str) -> xarray.Dataset:
    """A stored result as a Dataset with named dimensions.

    Raises InputError where it is damaged, and, listing the run's results, where there is none of that name.
    """
    file = Path(path) / "results" / f"{name}.nc"
    if not file.is_file():
        raise InputError(f"no result {name!r} in {path}; results: {', '.join(results(path)) or 'none'}")
    remedy = "the study or the analysis makes it again"
    dataset = _from_netcdf(path, file, remedy)
    with files.readable(file, remedy):
        if no_numbers := [name for name, values in dataset.data_vars.items() if values.dtype.kind not in "biuf"]:
            raise ValueError(f"{no_numbers[0]} has no numbers")
        if no_labels := [name for name, values in dataset.coords.items() if not _are_labels(values.to_numpy())]:
            raise ValueError(f"{no_labels[0]} has neither numbers nor text")
    return dataset


def _are_labels(values: np.ndarray) -> bool:
    return values.dtype.kind in "biufU" or all(isinstance(value, str) for value in values.flat)


def save_checkpoint(folder: Path, checkpoint: Checkpoint, config: RunConfig, fingerprint: str = "") -> None:
    """Save a checkpoint in a folder, then remove earlier ones. config, fingerprint: of what trains and of its data."""
    target = folder / str(checkpoint.epoch)
    _save_weights(target, _as_stored(checkpoint), _Origin(config, fingerprint))
    for other in folder.iterdir():
        if other.is_dir() and other != target:
            shutil.rmtree(other)


def load_checkpoint(folder: Path, like: Checkpoint, config: RunConfig, splits: Splits) -> Checkpoint | None:
    """The last checkpoint in a folder, or None. like: a checkpoint of the same shapes, such as the initial one.

    Raises InputError where it is damaged, or was made by another config or from other data.
    """
    steps = [child for child in folder.glob("*") if child.name.isdigit() and _is_whole(child)]
    if not steps:
        return None
    last = max(steps, key=lambda step: int(step.name))
    check_data(last, config, splits)
    stored = _load_weights(last, config, like=jax.tree.map(np.asarray, _as_stored(like)))
    snapshots = {number: stored["snapshots"][epoch_name(number)] for number in _epochs(stored["snapshots"])}
    return Checkpoint(int(stored["epoch"]), stored["members"], stored["measured"], snapshots)


def _as_stored(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint under the keys that files have. They are older than the names of the fields."""
    snapshots = {epoch_name(number): variables for number, variables in checkpoint.snapshots.items()}
    keys = {"epoch": checkpoint.epoch, "members": checkpoint.state, "measured": checkpoint.metrics}
    return jax.device_get(keys | {"snapshots": snapshots})


class _Origin(NamedTuple):
    """What weights were made by: a config, and data with this fingerprint ("" if it is not known); or these files."""

    config: RunConfig
    fingerprint: str
    sources: tuple[str, ...] = ()


def _save_weights(target: Path, variables, made_by: _Origin) -> None:
    def fill(folder: Path) -> None:
        ocp.save(str((folder / _ARRAYS).absolute()), jax.device_get(variables))
        (folder / _ARRAYS / "commit_success.txt").unlink(missing_ok=True)  # nothing reads it; it has the absolute path
        origin = {
            "config": json.loads(to_json(made_by.config)),
            "data": made_by.fingerprint,
            "made": machine.made_here(),
        }
        origin |= {"sources": made_by.sources} if made_by.sources else {}
        (folder / _ORIGIN).write_text(json.dumps(origin, indent=1))

    files.write_summed_folder(target, fill)


def _load_weights(folder: Path, config: RunConfig | None = None, like: Any = None) -> Any:
    """Stored variables. Raises InputError where they are damaged, or were made by another config than the given one."""
    files.check_folder(folder, required=(folder / _ORIGIN).is_file())
    made_by = _read_origin(folder)
    if made_by is not None and config is not None and (edited := difference(made_by.config, config)):
        raise InputError(f"config.json of {folder.parent} was changed after training began: {edited}; change it back")
    arrays = folder if made_by is None else folder / _ARRAYS
    with files.readable(folder):
        stored = ocp.load(str(arrays.absolute()), *(() if like is None else (like,)))
        return stored if like is not None else jax.tree.map(jnp.asarray, stored)


def _is_whole(folder: Path) -> bool:
    """Whether a folder holds weights, and not what is left of some that were being removed."""
    return (folder / _ORIGIN).is_file() or (not (folder / _ARRAYS).exists() and ocp.is_orbax_checkpoint(str(folder)))


def _has_sums(path: Path | str) -> bool:
    """Whether a run's files must have checksums: not those of a run that was stored before there were any."""
    return (Path(path) / "weights" / files.SUMS).is_file()


def _read_origin(folder: Path) -> _Origin | None:
    """What made the weights in a folder; None for those from before it was stored."""
    if not (folder / _ORIGIN).is_file():
        return None
    with files.readable(folder / _ORIGIN) as file:
        origin = json.loads(file.read_text())
        sources = tuple(str(name) for name in origin.get("sources", ()))
        return _Origin(from_json(json.dumps(origin["config"])), str(origin["data"]), sources)


def _netcdf(dataset: xarray.Dataset) -> bytes:
    return bytes(dataset.to_netcdf(engine="scipy"))


def _from_netcdf(path: Path | str, file: Path, remedy: str = files.REMEDY) -> xarray.Dataset:
    with files.readable(file, remedy):
        content = files.read_summed(file, required=_has_sums(path))
        with warnings.catch_warnings():  # of odd attributes, which only damaged files have
            warnings.simplefilter("ignore")
            return xarray.load_dataset(io.BytesIO(content), engine="scipy")


def _history_dataset(config: RunConfig, history: History) -> xarray.Dataset:
    coords = {"epochs": np.arange(1, history.loss.shape[1] + 1), "splits": list(train.SPLITS)}
    return records.to_xarray(history, coords=coords, attrs={"recipe": config.recipe})


def _accuracies(networks: Network, probe: Dataset, config: RunConfig) -> np.ndarray:
    return np.asarray(_accuracy(networks, probe, config.train.loss))


@partial(jax.jit, static_argnums=2)
def _accuracy(networks: Network, probe: Dataset, loss: str):
    def of_network(network: Network):
        logits, _ = network(probe.images)
        return metrics.correct(loss, logits, probe.labels).mean()

    return ensemble.over_seeds(of_network)(networks)


def _check_accuracy(path: Path, networks: Network, config: RunConfig) -> None:
    with files.readable(path / "probe.npz") as file:
        content = files.read_summed(file, required=_has_sums(path))
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            probe, recorded = Dataset(stored["images"], stored["labels"]), stored["accuracy"]
    if (seeds := ensemble.size(networks)) != len(recorded):
        raise InputError(f"{path} refused: its weights are of {seeds} seeds, but probe.npz records {len(recorded)}")
    try:
        measured = _accuracies(networks, probe, config)
    except Exception as error:
        raise InputError(
            f"the weights in {path} do not fit the model in its config.json: {files.line(error)}"
        ) from error
    worst = int(np.argmax(np.abs(measured - recorded)))
    if abs(measured[worst] - recorded[worst]) > _MAX_FLIPS / len(probe.labels):
        raise InputError(
            f"{path} refused: seed {worst} reaches {measured[worst]:.1%} on {len(probe.labels)} images, but "
            f"{recorded[worst]:.1%} is recorded; config.json and the weights do not belong together"
        )
