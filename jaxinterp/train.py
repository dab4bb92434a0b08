"""How are many networks trained in one compiled program? One epoch of one, lifted over seeds and devices.

The seeds axis may hold several arms of a sweep, one after the other: arms that differ only in `Numbers` share it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from jaxinterp import ensemble, networks
from jaxinterp.config import TrainConfig, check_choices
from jaxinterp.data import Splits
from jaxinterp.epoch import (
    Measured,
    Member,
    Numbers,
    data_order,
    evaluate,
    label_noise,
    next_epoch,
    num_classes,
    optimizer,
    start,
)
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network

SPLITS = ("train", "validation", "test")


class History(NamedTuple):
    """What training looked like; NaN where a network was no longer trained, or where a split is empty.

    The train split is the running mean over the epoch's batches, dropout and label noise included; validation and test
    are measured after the epoch, without them.
    """

    loss: Float[Array | np.ndarray, "seeds epochs splits"]
    accuracy: Float[Array | np.ndarray, "seeds epochs splits"]
    class_accuracy: Float[Array | np.ndarray, "seeds epochs splits classes"]
    # Epochs count from 1; 0 is never.
    diverged: Int[Array | np.ndarray, " seeds"]  # in which the loss or a weight stopped being finite
    stopped: Int[Array | np.ndarray, " seeds"]  # after which early stopping ended training
    best: Int[Array | np.ndarray, " seeds"]  # whose weights were kept


class Trained(NamedTuple):
    """Trained networks, how they got there, and their weights at the epochs asked for."""

    networks: Network
    history: History
    snapshots: dict[int, Network]


class Progress(NamedTuple):
    """All that is needed to go on after an epoch: what a checkpoint holds."""

    epoch: int
    members: Member
    measured: Measured  # "seeds epochs …", NaN for the epochs to come
    snapshots: dict[int, Any]  # variables, by epoch


def check(config: TrainConfig, model: MLP, data: Splits) -> None:
    """Raise InputError, in one line, where config, model and data do not fit together."""
    check_choices(config)
    positive = {"seeds": config.seeds, "epochs": config.epochs, "batch_size": config.batch_size}
    positive |= {"learning_rate": config.learning_rate, "chunk": 1 if config.chunk is None else config.chunk}
    for name, value in positive.items():
        if not 0 < value < np.inf:
            raise InputError(f"{name} must be positive, got {value}")
    for name in ("weight_decay", "l1", "momentum"):
        if not 0 <= getattr(config, name) < np.inf:
            raise InputError(f"{name} must be a number of at least 0, got {getattr(config, name)}")
    if not 0 <= config.label_noise <= 1:
        raise InputError(f"label_noise is a share from 0 to 1, got {config.label_noise}")
    if config.patience is not None and config.patience < 1:
        raise InputError(f"patience counts epochs and must be at least 1, got {config.patience}")
    if config.patience is not None and not len(data.validation.labels):
        raise InputError("patience watches the validation loss: give data.validation_share a value above 0")
    if bad := [epoch for epoch in config.snapshots if not 0 <= epoch <= config.epochs]:
        raise InputError(f"snapshots must be epochs from 0 to {config.epochs}, got {bad[0]}")
    if config.loss == "binary_cross_entropy" and model.outputs != 1:
        raise InputError(f"binary_cross_entropy needs a model with 1 output, got {model.outputs}")
    if config.loss == "cross_entropy" and model.outputs == 1:
        raise InputError(
            "cross_entropy needs at least 2 outputs; for 1 output use binary_cross_entropy or squared_error"
        )
    highest = max(int(split.labels.max(initial=0)) for split in data)
    if highest >= max(model.outputs, 2):
        raise InputError(f"labels go up to {highest}: the model needs {highest + 1} outputs, got {model.outputs}")


def fit(key, model: MLP, data: Splits, config: TrainConfig) -> Trained:
    """Train one network: the plain, slow, jittable meaning of `fit_ensemble`, without snapshots."""
    data = jax.tree.map(jnp.asarray, data)
    numbers = jax.tree.map(lambda leaf: leaf[0], numbers_of([(config, model.dropout)]))
    examples = data.train.labels.shape[0]
    noise = None if numbers.label_noise is None else label_noise(config, data.train.labels)

    def step(member, epoch):
        order = data_order(config, epoch, key, examples)
        return next_epoch(model, config, epoch, member, numbers, key, order, data, noise)

    first = start(model, config, numbers, key, data.train.images.shape[-1])
    member, measured = jax.lax.scan(step, first, jnp.arange(1, config.epochs + 1))
    return Trained(Network(model, _kept(member)), _history(member, measured), {})


def fit_ensemble(
    model: MLP,
    data: Splits,
    config: TrainConfig,
    *,
    progress: Callable[[Progress], None] | None = None,
    restore: Callable[[Progress], Progress | None] | None = None,
) -> Trained:
    """Train config.seeds networks at once.

    progress: called after every epoch with all that a checkpoint needs; its buffers are reused by the next epoch, so
    copy what is to be kept. restore: given the state before training, returns an equally shaped one to go on from, or
    None; the result is that of the uninterrupted training.
    Raises InputError where config, model and data do not fit together.
    """
    return fit_arms(model, data, [(config, model.dropout)], progress=progress, restore=restore)[0]


def fit_arms(
    model: MLP,
    data: Splits,
    arms: Sequence[tuple[TrainConfig, tuple[float, ...]]],
    *,
    progress: Callable[[Progress], None] | None = None,
    restore: Callable[[Progress], Progress | None] | None = None,
) -> list[Trained]:
    """Train several arms, each a config and its dropout rates, in one program: they may differ in `Numbers` alone."""
    for config, _ in arms:
        check(config, model, data)
    config = arms[0][0]
    numbers = numbers_of(arms)
    program = compile_program(model, data, config, numbers)
    state = _first_progress(program, config, num_classes(model))
    seeds, padded = numbers.learning_rate.shape[0], state.members.best.shape[0]
    if restore is not None and (stored := restore(_of_seeds(state, np.arange(seeds)))) is not None:
        state = _of_seeds(stored, np.minimum(np.arange(padded), seeds - 1))
    state = state._replace(measured=jax.tree.map(np.array, state.measured))
    while state.epoch < config.epochs and not _all_ended(state.members):
        epoch = state.epoch + 1
        members, measured = program.epoch(state.members, epoch)
        snapshots = state.snapshots
        if epoch in snapshots:
            snapshots = snapshots | {epoch: jax.device_get(members.variables)}
        state = Progress(epoch, members, _record(state.measured, measured, epoch), snapshots)
        if progress is not None:
            progress(state if seeds == padded else _first(state, seeds))
    return [_arm(model, state, number * config.seeds, config.seeds, rates) for number, (_, rates) in enumerate(arms)]


def _first_progress(program: "Program", config: TrainConfig, classes: int) -> Progress:
    members = program.start()
    shape = (members.best_loss.shape[0], config.epochs, len(SPLITS))
    measured = Measured(np.full(shape, np.nan), np.full(shape, np.nan), np.full((*shape, classes), np.nan))
    # Every snapshot has its place from the start, so that a checkpoint has one shape throughout.
    snapshots = {epoch: jax.device_get(members.variables) for epoch in config.snapshots}
    return Progress(0, members, jax.tree.map(np.float32, measured), snapshots)


def _of_seeds(state: Progress, index: Int[np.ndarray, " seeds"]) -> Progress:
    """The seeds at index alone: without the padding, which depends on the number of devices, or with it again."""
    members, measured, snapshots = jax.tree.map(
        lambda leaf: leaf[index], (state.members, state.measured, state.snapshots)
    )
    return Progress(state.epoch, members, measured, snapshots)


@partial(jax.jit, static_argnums=1)
def _first_members(members: Member, seeds: int) -> Member:
    return jax.tree.map(lambda leaf: leaf[:seeds], members)


def _first(state: Progress, seeds: int) -> Progress:
    """`_of_seeds` of those without the padding; quick, since it is asked for after every epoch."""
    measured, snapshots = jax.tree.map(lambda leaf: leaf[:seeds], (state.measured, state.snapshots))
    return Progress(state.epoch, _first_members(state.members, seeds), measured, snapshots)


def _record(history: Measured, measured: Measured, epoch: int) -> Measured:
    """The history with one epoch more: in place, since a copy an epoch would cost most of a long and small training."""
    for past, now in zip(history, jax.device_get(measured), strict=True):
        past[:, epoch - 1] = now
    return history


def _all_ended(members: Member) -> bool:
    return bool(((members.stopped > 0) | (members.diverged > 0)).all())


def _kept(member: Member):
    """The weights that training hands over: the best ones under early stopping, else the last finite ones."""
    return member.variables if member.best_variables is None else member.best_variables


def _history(members: Member, measured: Measured) -> History:
    return History(*measured, diverged=members.diverged, stopped=members.stopped, best=members.best)


def _arm(model: MLP, state: Progress, first: int, seeds: int, rates: tuple[float, ...]) -> Trained:
    _, members, measured, snapshots = _of_seeds(jax.device_get(state), np.arange(first, first + seeds))
    model = model.clone(dropout=rates)
    measured = jax.tree.map(lambda leaf: leaf[:, : state.epoch], measured)
    return Trained(
        Network(model, _kept(members)),
        _history(members, measured),
        {epoch: Network(model, variables) for epoch, variables in snapshots.items() if epoch <= state.epoch},
    )


def as_trained(ensemble_: Network, data: Splits, *, loss: str) -> Trained:
    """Networks that were not trained here, with a history of one epoch: what they reach on validation and test."""
    measured = [ensemble.over_seeds(partial(evaluate, data=split, loss=loss))(ensemble_) for split in data[1:]]
    never = jax.tree.map(lambda value: jnp.full_like(value, jnp.nan), measured[0])
    history = jax.tree.map(lambda *values: jnp.stack(values, axis=1)[:, None], never, *measured)
    ended = jnp.zeros(ensemble.size(ensemble_), jnp.int32)
    return Trained(ensemble_, History(*history, diverged=ended, stopped=ended, best=ended), {})


def kept_accuracy(history: History) -> Float[np.ndarray, "seeds splits"]:
    """Accuracy at the epoch whose weights were kept; NaN for a network that diverged, and for an empty split."""
    last = np.maximum(np.asarray(history.best), 1) - 1
    kept = np.take_along_axis(np.asarray(history.accuracy), last[:, None, None], axis=1)[:, 0]
    return np.where((np.asarray(history.diverged) > 0)[:, None], np.nan, kept)


def numbers_of(arms: Sequence[tuple[TrainConfig, tuple[float, ...]]]) -> Numbers:
    """The numbers of every network of the arms, each a training config and its dropout rates, arm after arm."""

    def column(values):
        return jnp.asarray(np.repeat(np.asarray(values, np.float32), [config.seeds for config, _ in arms], axis=0))

    def used(name):
        values = [getattr(config, name) for config, _ in arms]
        return column(values) if any(values) else None

    rates = [dropout for _, dropout in arms]
    width = max(map(len, rates))
    return Numbers(
        learning_rate=column([config.learning_rate for config, _ in arms]),
        weight_decay=used("weight_decay"),
        l1=used("l1"),
        label_noise=used("label_noise"),
        dropout=column([rate or (0.0,) * width for rate in rates]) if any(map(any, rates)) else None,
    )


def default_chunk(model: MLP, config: TrainConfig, pixels: int) -> int:
    """Seeds trained at once on a device: on a CPU as many as keep weights, gradients and optimiser state in cache.

    It depends on the model alone, and a chunk is always full: a seed's arithmetic is the same however many are trained.
    """
    rule = optimizer(config, jax.tree.map(lambda leaf: leaf[0], numbers_of([(config, model.dropout)])))

    def kept(key):
        variables = networks.init(key, model, pixels).variables
        gradients = variables["params"]
        return variables, gradients, rule.init(gradients)

    leaves = jax.tree.leaves(jax.eval_shape(kept, jax.random.key(0)))
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    cache, most = (_CORE_CACHE, 8) if jax.default_backend() == "cpu" else (_ACCELERATOR_CACHE, 64)
    return int(np.clip(cache // size, 1, most))


_CORE_CACHE, _ACCELERATOR_CACHE = 4e6, 1e9  # bytes


class Program(NamedTuple):
    """The compiled parts of training: how the members start, and how all of them go through one epoch."""

    start: Callable[[], Member]
    epoch: Callable[[Member, Any], tuple[Member, Measured]]


def compile_program(model: MLP, data: Splits, config: TrainConfig, numbers: Numbers) -> Program:
    """Lay the seeds out over devices and chunks, and compile one epoch of all of them.

    The seeds axis is padded with copies of the last seed so that every chunk is full.
    """
    pixels = data.train.images.shape[-1]
    seeds = numbers.learning_rate.shape[0]
    chunk = config.chunk or default_chunk(model, config, pixels)
    chunks = -(-seeds // chunk)
    mesh = ensemble.mesh()  # every device, however few the seeds: on fewer, XLA would order the arithmetic otherwise
    index = np.minimum(np.arange(-(-chunks // mesh.size) * mesh.size * chunk), seeds - 1)
    spread, copied = NamedSharding(mesh, PartitionSpec("seeds")), NamedSharding(mesh, PartitionSpec())
    # Arms follow one another, and every arm has the same seeds.
    keys = jnp.tile(ensemble.keys(config.base_seed, config.seeds), seeds // config.seeds)[index]
    numbers, keys = jax.device_put((jax.tree.map(lambda leaf: leaf[index], numbers), keys), spread)
    data = jax.device_put(data, copied)
    noise = None if numbers.label_noise is None else jax.device_put(label_noise(config, data.train.labels), copied)
    examples = data.train.labels.shape[0]

    def of_device(member, numbers, keys, epoch, data, noise):
        shared = config.data_order == "shared"
        order = data_order(config, epoch, None, examples) if shared else None

        def one(member, numbers, key):
            own = order if shared else data_order(config, epoch, key, examples)
            return next_epoch(model, config, epoch, member, numbers, key, own, data, noise)

        return jax.lax.map(lambda args: one(*args), (member, numbers, keys), batch_size=chunk)

    axis = PartitionSpec("seeds")
    lifted = jax.shard_map(
        of_device,
        mesh=mesh,
        in_specs=(axis, axis, axis, PartitionSpec(), PartitionSpec(), PartitionSpec()),
        out_specs=axis,
        check_vma=False,
    )
    compiled = jax.jit(lifted, donate_argnums=0)
    # A map rather than a vmap: it compiles in a third of the time, and drawing the weights costs next to nothing.
    begin = jax.jit(
        lambda *args: jax.lax.map(lambda arg: start(model, config, arg[0], arg[1], pixels), args), out_shardings=spread
    )
    return Program(
        start=lambda: begin(numbers, keys),
        epoch=lambda member, epoch: compiled(jax.device_put(member, spread), numbers, keys, epoch, data, noise),
    )
