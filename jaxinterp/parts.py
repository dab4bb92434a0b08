"""How do several processes train one run? Each trains a part of the seeds, and saves its part of every checkpoint.

training/parts/<epoch>/<start>-<stop>/   a part: an ordinary checkpoint, of the networks from start up to stop
training/parts.json                      the parts that are the last checkpoint; written when all are on the disk

All save the same epochs, as process 0 says. Parts, which any number of processes can have saved, are read by any number
of processes, or by one: it loads the last checkpoint as if it had trained alone, and writes the run.
"""

import json
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

from jaxinterp import data, files, sizes, store, train
from jaxinterp.config import RunConfig, TrainConfig
from jaxinterp.data import Splits
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP
from jaxinterp.processes import Group
from jaxinterp.train import Checkpoint

Arms = Sequence[tuple[TrainConfig, tuple[float, ...]]]  # as `train.fit_arms` takes them
_FOLDER, _NAMES = "parts", "parts.json"
_PART = re.compile(r"\d+/\d+-\d+")
_REMEDY = "remove the folder training to train from the start"


def divide(model: MLP, splits: Splits, arms: Arms, processes: int) -> list[slice]:
    """The part of the seeds axis of all arms that each process trains: whole chunks, as equally many as can be.

    Raises InputError where there are fewer chunks than processes.
    """
    config, seeds = arms[0][0], _seeds(arms)
    chunk = config.chunk or sizes.default_chunk(model, config, splits.train.images.shape[-1])
    chunks = -(-seeds // chunk)
    if chunks < processes:
        raise InputError(
            f"{seeds} networks in chunks of {chunk} are too few for {processes} processes: use at most {chunks}, or a "
            "smaller train.chunk"
        )
    bounds = [min(number * chunks // processes * chunk, seeds) for number in range(processes + 1)]
    return list(map(slice, bounds[:-1], bounds[1:]))


def fit(
    folder: Path,
    model: MLP,
    splits: Splits,
    arms: Arms,
    config: RunConfig,
    group: Group,
    *,
    seconds: float,
    progress: Callable[[Checkpoint], None] | None = None,
) -> None:
    """Train this process's part; in the end the folder has the last checkpoint of all parts.

    config: of the first arm, which checkpoints record. seconds: between checkpoints. progress: called after every epoch
    with this part's checkpoint.
    """
    divided, fingerprint = divide(model, splits, arms, group.processes), data.fingerprint(splits)
    part = divided[group.process]
    saved, have_all_ended = time.monotonic(), False

    def restore(like: Checkpoint) -> Checkpoint | None:
        nonlocal have_all_ended
        stored = load(folder, like, config=config, splits=splits, seeds=_seeds(arms), part=part)
        group.check_equal(str(stored and stored.epoch), f"another checkpoint in {folder}")
        have_all_ended = all(group.agree("ended" if stored and train.all_ended(stored) else ""))
        return stored

    def after_epoch(checkpoint: Checkpoint) -> None:
        nonlocal saved, have_all_ended
        is_due = time.monotonic() - saved > seconds or checkpoint.epoch == config.train.epochs
        words = group.agree(f"{'ended' if train.all_ended(checkpoint) else 'trains'}{' save' if is_due else ''}")
        have_all_ended = all(word.startswith("ended") for word in words)
        if words[0].endswith("save") or have_all_ended:
            there = folder / _FOLDER / str(checkpoint.epoch) / _name(part)
            store.save_checkpoint(there, checkpoint, config, fingerprint)
            group.agree()
            if group.process == 0:
                _join(folder, checkpoint.epoch, divided)
            saved = time.monotonic()
        if progress is not None:
            progress(checkpoint)

    checkpoint = train.fit_part(model, splits, arms, part, progress=after_epoch, restore=restore)
    while checkpoint.epoch < config.train.epochs and not have_all_ended:  # only other parts train any more
        checkpoint = _an_epoch_later(checkpoint)
        after_epoch(checkpoint)


def load(
    folder: Path, like: Checkpoint, *, config: RunConfig, splits: Splits, seeds: int, part: slice
) -> Checkpoint | None:
    """A part of the last checkpoint in a folder, of this many networks, or None, however it was saved.

    like: a checkpoint of the same shapes. Raises InputError where it is damaged, or was made by another config or from
    other data.
    """
    epoch, saved = _last(folder, seeds)
    alone = store.load_checkpoint(folder, _with_seeds(like, seeds), config, splits)
    if alone is not None and alone.epoch >= epoch:
        return _take(alone, part)
    found = []
    for other in saved:
        start, stop = max(other.start, part.start), min(other.stop, part.stop)
        if start < stop:
            there = folder / _FOLDER / str(epoch) / _name(other)
            stored = store.load_checkpoint(there, _with_seeds(like, other.stop - other.start), config, splits)
            if stored is None:
                raise InputError(f"{there} is missing; {_REMEDY}")
            found.append(_take(stored, slice(start - other.start, stop - other.start)))
    return _of_trees(lambda *leaves: np.concatenate(leaves), *found) if found else None


def remove_lone(folder: Path, seeds: int) -> None:
    """Remove parts that were saved before their training was killed, and that never became a checkpoint."""
    _remove_but(_last(folder, seeds)[0], folder)


def _join(folder: Path, epoch: int, parts: Sequence[slice]) -> None:
    """Make the parts of an epoch the last checkpoint, and remove earlier ones."""
    for part in parts:
        if not (there := folder / _FOLDER / str(epoch) / _name(part)).is_dir():
            raise InputError(f"{there}, which another process has saved, is not there: all need the same file system")
    names = [f"{epoch}/{_name(part)}" for part in parts]
    files.write(folder / _NAMES, json.dumps(names).encode())
    _remove_but(epoch, folder)
    for child in folder.iterdir():
        if child.name.isdigit():  # a checkpoint of one process alone
            shutil.rmtree(child)


def _remove_but(epoch: int, folder: Path) -> None:
    for child in (folder / _FOLDER).glob("*"):
        if child.name != str(epoch):
            shutil.rmtree(child)


def _last(folder: Path, seeds: int) -> tuple[int, list[slice]]:
    """The epoch and the parts of the last checkpoint that has parts; 0 and none where there is none."""
    if not (file := folder / _NAMES).is_file():
        return 0, []
    names = files.read_names(file, _REMEDY)
    with files.readable(file, _REMEDY):
        if bad := [name for name in names if not _PART.fullmatch(name)]:
            raise ValueError(f"{bad[0]!r} is the name of no part")
        epochs, starts, stops = zip(*(map(int, re.split("[/-]", name)) for name in names), strict=True)
        if len(set(epochs)) > 1 or starts != (0, *stops[:-1]) or stops[-1] != seeds:
            raise ValueError(f"its parts are not of {seeds} networks")
    return epochs[0], list(map(slice, starts, stops))


def _seeds(arms: Arms) -> int:
    return len(arms) * arms[0][0].seeds


def _name(part: slice) -> str:
    return f"{part.start}-{part.stop}"


def _of_trees(fn: Callable, checkpoint: Checkpoint, *others: Checkpoint) -> Checkpoint:
    """fn of every array of checkpoints, which have the same epoch."""
    trees = [(other.state, other.metrics, other.snapshots) for other in (checkpoint, *others)]
    return Checkpoint(checkpoint.epoch, *jax.tree.map(fn, *trees))


def _take(checkpoint: Checkpoint, part: slice) -> Checkpoint:
    return _of_trees(lambda leaf: leaf[part], checkpoint)


def _with_seeds(like: Checkpoint, seeds: int) -> Checkpoint:
    """A checkpoint of this many networks, with any values."""
    return _of_trees(lambda leaf: np.empty((seeds, *leaf.shape[1:]), leaf.dtype), like)


def _an_epoch_later(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint an epoch later of networks that have all ended: they stay as they are."""
    epoch = checkpoint.epoch + 1
    snapshots = {
        number: checkpoint.state.variables if epoch - 1 < number <= epoch else variables
        for number, variables in checkpoint.snapshots.items()
    }
    return checkpoint._replace(epoch=epoch, snapshots=snapshots)
