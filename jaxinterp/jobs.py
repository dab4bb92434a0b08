"""How does training survive interruption? A job trains runs into folders, saves checkpoints and resumes from them."""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

from jaxinterp import data, files, foreign, networks, parts, store, train
from jaxinterp.config import PoolKind, RunConfig, TrainConfig, difference, to_json
from jaxinterp.data import Splits
from jaxinterp.epoch import Hyperparameters
from jaxinterp.errors import InputError
from jaxinterp.networks import Network
from jaxinterp.processes import ALONE, Group
from jaxinterp.text import format_percent
from jaxinterp.train import Checkpoint

__all__ = [
    "CHECKPOINT_SECONDS", "IMPORTED", "READ_FROM_FILE", "TRACED", "Import", "check_arms", "import_run",
    "program_of", "train_arms", "train_run", "with_shape",
]  # fmt: skip

IMPORTED = "imported"  # the recipe of a run whose weights were trained elsewhere
CHECKPOINT_SECONDS = 5.0  # an interruption loses at most this much work, and one epoch
# Fields of ModelConfig that imported weights determine, and those that some files tell.
READ_FROM_FILE = ("widths", "outputs", "norm", "channels", "kernel_size", *foreign.TOLD)
# Fields of TrainConfig in which the arms of one compiled program may differ; dropout is the model's.
TRACED = tuple(name for name in Hyperparameters._fields if name != "dropout")


class Import(NamedTuple):
    """What became of files: pairs (tensor in the file, variable), what the files tell, how well the networks do.

    fitted: guesses, of what nobody tells, and shapes leave one common value for.
    """

    mapping: list[tuple[str, str]]
    told: dict[str, Any]
    check: foreign.Check
    fitted: dict[str, tuple[int, ...]]


def train_run(
    path: Path | str, config: RunConfig, *, resume: bool = False, progress: Callable[[Checkpoint], None] | None = None
) -> store.Run:
    """Train config into the folder path and return the complete run; see `train_arms`."""
    train_arms({Path(path): config}, resume=resume, progress=progress)
    return store.load(path)


def train_arms(
    arms: dict[Path, RunConfig],
    *,
    resume: bool = False,
    progress: Callable[[Checkpoint], None] | None = None,
    group: Group = ALONE,
) -> None:
    """Train runs that differ only in hyperparameters, each into its folder, in one compiled program.

    resume: skip complete runs and continue the others from their last checkpoint. Without it, a folder that contains a
    run is refused. progress: called after every epoch. group: the processes that train them together, all of which call
    this; the runs are complete when all have left the group. Raises InputError, before anything is written, where the
    configs do not fit, and for more processes than chunks of networks.
    """
    splits = check_arms(arms, resume=resume)
    arms = {path: with_shape(config, splits) for path, config in arms.items()}
    together = _groups(arms)
    # Until here all processes only read, and from here on process 0 writes all but the other parts of checkpoints.
    if group.processes > 1:
        group.check_equal(data.fingerprint(splits), "other data")
        group.check_equal("\n".join(f"{path.name} {to_json(arms[path])}" for path in arms), "another config")
        for _, names in together:
            own = {arm: arms[arm] for arm in names}
            parts.divide(networks.build(arms[names[0]].model), splits, _pairs(own), group.processes)
    for path, names in together:
        _train_group(path / "training", {arm: arms[arm] for arm in names}, splits, progress, group)


def _train_group(folder: Path, arms: dict[Path, RunConfig], splits: Splits, progress, group: Group) -> None:
    if group.process:
        group.agree()
        _fit_parts(folder, arms, splits, progress, group)
        return
    with ExitStack() as holds:
        for path in arms:
            holds.enter_context(files.only_writer(path))
            if store.is_run(path):  # another process may have begun it in between
                _check_folder(path, arms[path], resume=True)
        _train_held(folder, arms, splits, progress, group)


def _pairs(arms: dict[Path, RunConfig]) -> list[tuple[TrainConfig, tuple[float, ...]]]:
    return [(arm.train, networks.build(arm.model).dropout) for arm in arms.values()]


def _fit_parts(folder: Path, arms: dict[Path, RunConfig], splits: Splits, progress, group: Group) -> None:
    config = next(iter(arms.values()))
    model, pairs, seconds = networks.build(config.model), _pairs(arms), CHECKPOINT_SECONDS
    parts.fit(folder, model, splits, pairs, config, group, seconds=seconds, progress=progress)


def _train_held(folder: Path, arms: dict[Path, RunConfig], splits: Splits, progress, group: Group) -> None:
    config, fingerprint = next(iter(arms.values())), data.fingerprint(splits)
    pairs, seeds = _pairs(arms), len(arms) * config.train.seeds
    pending = [path for path in arms if not store.is_complete(path)]
    for path in pending:
        store.begin(path, arms[path])
    if not folder.exists():
        names = json.dumps(_names(folder.parent, list(arms)))
        files.write_folder(folder, lambda new: files.write(new / "arms.json", names.encode()))
    if group.processes > 1:
        parts.remove_lone(folder, seeds)
        group.agree()
        _fit_parts(folder, arms, splits, progress, group)
    saved = time.monotonic()

    def after_epoch(checkpoint: Checkpoint) -> None:
        nonlocal saved
        if time.monotonic() - saved > CHECKPOINT_SECONDS or checkpoint.epoch == config.train.epochs:
            store.save_checkpoint(folder, checkpoint, config, fingerprint)
            saved = time.monotonic()
        if progress is not None:
            progress(checkpoint)

    restore = partial(parts.load, folder, config=config, splits=splits, seeds=seeds, part=slice(0, seeds))
    results = train.fit_arms(networks.build(config.model), splits, pairs, progress=after_epoch, restore=restore)
    for path, trained in zip(arms, results, strict=True):
        if path in pending:
            store.save(path, arms[path], trained, splits.test, fingerprint=fingerprint)
    shutil.rmtree(folder)


def _groups(arms: dict[Path, RunConfig]) -> list[tuple[Path, list[Path]]]:
    """Groups of arms that train together, each with the folder that keeps its checkpoints.

    A group that has started continues unchanged, since its checkpoint covers all its arms. The other arms form a new
    group.
    """
    pending = [path for path in arms if not store.is_complete(path)]
    groups = []
    for path in arms:
        group = _begun_with(path)
        if group is not None and any(arm in pending for arm in group):
            groups.append((path, group))
            pending = [arm for arm in pending if arm not in group]
        else:
            shutil.rmtree(path / "training", ignore_errors=True)  # killed after all was saved, or before training
    return [*groups, (pending[0], pending)] if pending else groups


def _names(path: Path, arms: list[Path]) -> list[str]:
    return [arm.name for arm in arms] if arms != [path] else ["."]  # a single run may be renamed


def _begun_with(path: Path) -> list[Path] | None:
    """The arms that share the checkpoint in a run's folder."""
    file = path / "training" / "arms.json"
    if not file.is_file():
        return None
    names = files.read_names(file, "remove the folder training to train from the start")
    return [path if name == "." else path.parent / name for name in names]


def import_run(
    path: Path,
    config: RunConfig,
    *weights: Path,
    known: foreign.Known | None = None,
    asked: Collection[str] = (),
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Import:
    """Create a run of one network for each file, with the weights in it; seed i is that of the i-th file.

    known: what is known of the networks; what it leaves None is as the files say, or else as the config does. By
    default it is the config's, and all is checked against the files. asked: fields of ModelConfig that nobody gave a
    value, so that the config's is only likely. force: store networks that do little better than chance, too, and those
    that do better with another value of such a field, or as well with another activation function or kind of pooling.
    say: called with a line before what takes long. Raises InputError, and writes nothing, where the files and what is
    known do not fit together.
    """
    known = known or foreign.Known(**{name: getattr(config.model, name) for name in READ_FROM_FILE})
    _check_folder(path, config, resume=False)
    splits = data.load(config.data)
    known = known._replace(image_shape=config.model.image_shape or splits.train.shape)
    try:
        read = foreign.read_ensemble(weights, splits.train.images.shape[-1], known)
    except foreign.UndecidedError as undecided:
        if not len(splits.test.labels):
            raise
        pools = get_args(PoolKind) if "pool" in asked else (config.model.pool,)
        raise foreign.rank(undecided, known, config.model, splits.test, config.train.loss, pools, say) from None
    config = dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, **read.fields),
        train=dataclasses.replace(config.train, seeds=len(weights)),
    )
    config = with_shape(config, splits)
    model = networks.build(config.model)
    train.check(config.train, model, splits)
    network = Network(model, read.variables)
    trained, fingerprint = train.as_trained(network, splits, loss=config.train.loss), data.fingerprint(splits)
    accuracy = train.kept_accuracy(trained.history)[:, train.SPLITS.index("test")]
    check = foreign.check(
        network, config.model, splits.test, config.train.loss, accuracy, set(asked) - read.fields.keys()
    )
    if not force:
        _check_imported(weights, check, read.fitted)
    with files.only_writer(path):
        _check_folder(path, config, resume=False)  # another process may have begun a run in between
        made_of = {"fingerprint": fingerprint, "sources": files.shortest_names(weights)}
        files.write_folder(path, lambda new: store.save(new, config, trained, splits.test, **made_of))
    return Import(read.mapping, read.told, check, read.fitted)


def _check_imported(weights: Sequence[Path], check: foreign.Check, fitted: Mapping[str, Any]) -> None:
    """Raise InputError for networks that do little better than chance, or clearly better with what nobody chose."""
    one = len(weights) == 1
    force = f"or --force to store {'it' if one else 'them'} all the same"
    near = [
        str(weights[0]) if one else f"{file} ({format_percent(float(accuracy), 1)})"
        for file, accuracy, near in zip(weights, check.accuracy, check.near_chance, strict=True)
        if near
    ]
    if near:
        hint = "check how the file was written and the images prepared (docs/import.md)"
        if check.hint:
            hint = f"{check.hint}; give that"
        elif fitted:
            hint = f"its {foreign.options(fitted)} are a guess; give the right ones"
        do = "does" if len(near) == 1 else "do"
        what = f"{near[0]} is not stored, since it" if one else f"nothing is stored, since {foreign.listed(near)}"
        raise InputError(f"{what} {do} little better than chance ({check.sentence}): {hint}, {force}")
    if check.unasked:
        options = " and ".join(f"--model.{name.replace('_', '-')}" for name in sorted(check.unasked))
        raise InputError(
            f"{weights[0]} does not tell {options}, and of the likely values the default is not the best "
            f"({check.sentence}): {check.hint}; give that, {force}"
        )
    if check.undecided:
        chosen = [check.likely[question] for question in check.undecided]
        give = " and ".join(f"--model.{foreign.MUST_DECIDE[question]}" for question in check.undecided)
        raise InputError(
            f"{weights[0]} does not tell its {' and '.join(check.undecided)}, and test images do not decide (accuracy "
            f"{'; '.join(likely.text for likely in chosen)}): give {give}, or --force to take "
            f"{' and '.join(likely.taken for likely in chosen)}"
        )


def with_shape(config: RunConfig, splits: Splits) -> RunConfig:
    """The config with the shape of its images, where convolutions need it."""
    if not config.model.channels or config.model.image_shape:
        return config
    return dataclasses.replace(config, model=dataclasses.replace(config.model, image_shape=splits.train.shape))


def program_of(config: RunConfig) -> RunConfig:
    """The config with its hyperparameters set to 0: arms for which it is equal share one compiled program."""
    hyperparameters = dict.fromkeys(TRACED, 0.0)
    dropout = (0.0,) * len(config.model.dropout)
    return dataclasses.replace(
        config,
        train=dataclasses.replace(config.train, **hyperparameters),
        model=dataclasses.replace(config.model, dropout=dropout),
    )


def check_arms(arms: dict[Path, RunConfig], *, resume: bool) -> Splits:
    """Return the data. Raises InputError where a config contradicts itself or its data, or where a folder is taken."""
    if len({program_of(config) for config in arms.values()}) > 1:
        raise InputError(f"arms of one program may differ only in {', '.join(TRACED)} and dropout rates")
    for path, config in arms.items():
        _check_folder(path, config, resume)
        if others := [arm.name for arm in _begun_with(path) or () if arm not in arms]:
            raise InputError(f"{path} trains together with {', '.join(others)}: go on with jaxinterp-sweep --resume")
    splits = data.load(next(iter(arms.values())).data)
    for config in arms.values():
        train.check(config.train, networks.build(with_shape(config, splits).model), splits)
    return splits


def _check_folder(path: Path, config: RunConfig, resume: bool) -> None:
    if {"[", "]"} & set(str(path.absolute())):
        raise InputError(f"{path.absolute()} has square brackets, which the checkpoint library cannot read: rename it")
    if not store.is_run(path):
        if any(parent.is_file() for parent in path.parents):
            raise InputError(f"{path} would lie inside a file; choose another folder")
        if path.exists() and (path.is_file() or not files.is_empty(path)):
            raise InputError(f"{path} exists and is not a run; choose another name")
        return
    if not resume:
        state = "a complete" if store.is_complete(path) else "an unfinished"
        raise InputError(f"{path} holds {state} run; choose another name, or go on with --resume {path}")
    begun = store.read_config(path)
    if not config.model.image_shape:  # that of the data, which the run has found
        shape = begun.model.image_shape
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, image_shape=shape))
    if (changed := difference(begun, config)) is not None:
        raise InputError(f"{path} was begun with another config: {changed}; choose another name, or the same options")
