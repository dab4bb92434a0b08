"""How are many networks trained in one compiled program? `epoch.next_epoch`, lifted over seeds and devices.

Arms of a sweep that differ only in `Hyperparameters` train in the same program, at the same time: their networks are
concatenated along the seeds axis.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from jaxinterp import ensemble, networks, sizes
from jaxinterp.config import TrainConfig, check_positive, check_types, in_float32
from jaxinterp.data import Splits, pack
from jaxinterp.epoch import (
    SPLITS,
    EpochMetrics,
    Hyperparameters,
    TrainState,
    at_rest,
    batch_size,
    data_order,
    evaluate,
    hyperparameters_of,
    is_active,
    label_noise,
    next_epoch,
    start,
    within_epoch,
)
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network

__all__ = [
    "SPLITS", "Checkpoint", "History", "Program", "Trained", "all_ended", "as_trained", "check", "compile_program",
    "fit", "fit_arms", "fit_ensemble", "fit_part", "kept_accuracy",
]  # fmt: skip


class History(NamedTuple):
    """Loss and accuracy over training; NaN for epochs after a network stopped training, and for an empty split.

    The train split is the running mean over the batches of the epoch, with dropout and label noise. Validation and test
    are evaluated after the epoch, without them.
    """

    loss: Float[Array | np.ndarray, "seeds epochs splits"]
    accuracy: Float[Array | np.ndarray, "seeds epochs splits"]
    class_accuracy: Float[Array | np.ndarray, "seeds epochs splits classes"]
    # Epochs count from 1; 0 is never.
    diverged: Int[Array | np.ndarray, " seeds"]  # the epoch in which the loss or a weight stopped being finite
    stopped: Int[Array | np.ndarray, " seeds"]  # the epoch after which early stopping ended training
    best: Int[Array | np.ndarray, " seeds"]  # the epoch whose weights were kept


class Trained(NamedTuple):
    """Trained networks, their training history, and their weights at the requested epochs."""

    networks: Network
    history: History
    snapshots: dict[float, Network]


class Checkpoint(NamedTuple):
    """All that is needed to resume training after an epoch. Every array has a leading seeds axis."""

    epoch: int
    state: TrainState
    metrics: EpochMetrics  # "seeds epochs …"; NaN for later epochs
    snapshots: dict[float, Any]  # variables by epoch


def check(config: TrainConfig, model: MLP, data: Splits) -> None:
    """Raise InputError where config, model and data do not fit together."""
    check_types(config)
    for name in ("seeds", "epochs", "batch_size", "chunk", "learning_rate", "optimizer_epsilon"):
        if getattr(config, name) is not None:
            check_positive(name, getattr(config, name))
    for name in ("weight_decay", "l1", "momentum"):
        if not 0 <= in_float32(getattr(config, name)) < np.inf:
            raise InputError(f"{name} must be a finite number of at least 0, got {getattr(config, name)}")
    if not 0 <= config.label_noise <= 1:
        raise InputError(f"label_noise must be a fraction from 0 to 1, got {config.label_noise}")
    if config.patience is not None and not 1 <= config.patience < 2**31:
        raise InputError(f"patience counts epochs and must be at least 1 and less than 2³¹, got {config.patience}")
    if config.patience is not None and not len(data.validation.labels):
        raise InputError("patience needs validation images: set data.validation_share above 0")
    if bad := [epoch for epoch in config.snapshots if not 0 <= epoch <= config.epochs]:
        raise InputError(f"snapshots must be epochs from 0 to {config.epochs}, got {bad[0]}")
    if config.loss == "binary_cross_entropy" and model.outputs != 1:
        raise InputError(f"binary_cross_entropy needs a model with 1 output, got {model.outputs}")
    if config.loss == "cross_entropy" and model.outputs == 1:
        raise InputError(
            "cross_entropy needs at least 2 outputs; for 1 output use binary_cross_entropy or squared_error"
        )
    alone = config.batch_size == 1 or len(data.train.labels) % config.batch_size == 1
    if alone and model.norm != "none" and not networks.norm_over_units(model):
        raise InputError(
            f"{len(data.train.labels)} training images in batches of {config.batch_size} leave a batch of one, which "
            f"has no variance for {model.norm} norm: choose another batch_size"
        )
    if not 0 <= config.base_seed < 2**32:
        raise InputError(f"base_seed must be from 0 to {2**32 - 1}, got {config.base_seed}")
    sizes.check(config, model, data)
    highest = max(int(split.labels.max(initial=0)) for split in data)
    if highest >= networks.num_classes(model):
        least = min(int(split.labels.min(initial=highest)) for split in data)
        offer = f"; or subtract {least} from all labels: --data.label-offset {least}" if least > 0 else ""
        needed = f"the model needs {highest + 1} outputs, got {model.outputs}"
        raise InputError(f"labels go up to {highest}: {needed}{offer}")


def fit(key, model: MLP, data: Splits, config: TrainConfig) -> Trained:
    """Train one network: the plain, slow, jittable definition of what `fit_ensemble` computes, without snapshots."""
    data = jax.tree.map(jnp.asarray, data)
    hyperparameters = jax.tree.map(lambda leaf: leaf[0], hyperparameters_of([(config, model.dropout)]))
    examples = data.train.labels.shape[0]
    noise = None if hyperparameters.label_noise is None else label_noise(config, data.train.labels)

    def step(state, epoch):
        order = data_order(config, epoch, key, examples)
        return next_epoch(model, config, epoch, state, hyperparameters, key, order, data, noise)

    initial = start(model, config, hyperparameters, key, data.train.images.shape[-1])
    state, metrics = jax.lax.scan(step, initial, jnp.arange(1, config.epochs + 1))
    return Trained(Network(model, _kept_weights(state)), _history(state, metrics), {})


def fit_ensemble(
    model: MLP,
    data: Splits,
    config: TrainConfig,
    *,
    progress: Callable[[Checkpoint], None] | None = None,
    restore: Callable[[Checkpoint], Checkpoint | None] | None = None,
) -> Trained:
    """Train config.seeds networks at once.

    progress: called after every epoch with a checkpoint. The next epoch reuses its buffers, so copy what you keep.
    restore: called with the initial checkpoint; returns a checkpoint of the same shapes to resume from, or None. The
    result is that of an uninterrupted training. Raises InputError where config, model and data do not fit together.
    """
    return fit_arms(model, data, [(config, model.dropout)], progress=progress, restore=restore)[0]


def fit_arms(
    model: MLP,
    data: Splits,
    arms: Sequence[tuple[TrainConfig, tuple[float, ...]]],
    *,
    progress: Callable[[Checkpoint], None] | None = None,
    restore: Callable[[Checkpoint], Checkpoint | None] | None = None,
) -> list[Trained]:
    """Train several arms, each a config with dropout rates, in one program. They may differ only in `Hyperparameters`.

    progress, restore, errors: as for `fit_ensemble`.
    """
    checkpoint = fit_part(model, data, arms, progress=progress, restore=restore)
    return [
        _trained_arm(model, checkpoint, number * config.seeds, config.seeds, rates)
        for number, (config, rates) in enumerate(arms)
    ]


def fit_part(
    model: MLP,
    data: Splits,
    arms: Sequence[tuple[TrainConfig, tuple[float, ...]]],
    part: slice | None = None,
    *,
    progress: Callable[[Checkpoint], None] | None = None,
    restore: Callable[[Checkpoint], Checkpoint | None] | None = None,
) -> Checkpoint:
    """Train a part of the networks of all arms, by default all of them, and return their last checkpoint.

    Each is the same network as in a training of all, to the last bit, if the part begins with a chunk. progress,
    restore, errors: as for `fit_ensemble`.
    """
    for config, _ in arms:
        check(config, model, data)
    config = arms[0][0]
    hyperparameters = hyperparameters_of(arms)
    part = part or slice(0, hyperparameters.learning_rate.shape[0])
    program = compile_program(model, data, config, hyperparameters, part)
    checkpoint = _initial_checkpoint(program, config, networks.num_classes(model))
    examples = len(data.train.labels)
    seeds, padded = part.stop - part.start, checkpoint.state.best.shape[0]
    if restore is not None and (stored := restore(_take_seeds(checkpoint, np.arange(seeds)))) is not None:
        checkpoint = _take_seeds(stored, np.minimum(np.arange(padded), seeds - 1))
    checkpoint = checkpoint._replace(metrics=jax.tree.map(np.array, checkpoint.metrics))
    while checkpoint.epoch < config.epochs and not all_ended(checkpoint):
        epoch, snapshots = checkpoint.epoch + 1, dict(checkpoint.snapshots)
        for number in snapshots:
            if epoch - 1 < number < epoch:
                batches = round((number % 1) * (examples // batch_size(config, examples)))
                snapshots[number] = jax.device_get(program.within(checkpoint.state, epoch, batches))
        state, metrics = program.epoch(checkpoint.state, epoch)
        if epoch in snapshots:
            snapshots[epoch] = jax.device_get(state.variables)
        checkpoint = Checkpoint(epoch, state, _record_epoch(checkpoint.metrics, metrics, epoch), snapshots)
        if progress is not None:
            progress(checkpoint if seeds == padded else _without_padding(checkpoint, seeds))
    return _take_seeds(jax.device_get(checkpoint), slice(seeds))


def _initial_checkpoint(program: "Program", config: TrainConfig, classes: int) -> Checkpoint:
    state = program.start()
    shape = (state.best_loss.shape[0], config.epochs, len(SPLITS))
    metrics = EpochMetrics(np.full(shape, np.nan), np.full(shape, np.nan), np.full((*shape, classes), np.nan))
    # The initial weights fill the place of every later snapshot, so that all checkpoints have the same shapes.
    snapshots = {epoch: jax.device_get(state.variables) for epoch in config.snapshots}
    return Checkpoint(0, state, jax.tree.map(np.float32, metrics), snapshots)


def _take_seeds(checkpoint: Checkpoint, index: slice | Int[np.ndarray, " seeds"]) -> Checkpoint:
    """The seeds at the index. It removes the padding, which depends on the number of devices, or adds it again."""
    state, metrics, snapshots = jax.tree.map(
        lambda leaf: leaf[index], (checkpoint.state, checkpoint.metrics, checkpoint.snapshots)
    )
    return Checkpoint(checkpoint.epoch, state, metrics, snapshots)


@partial(jax.jit, static_argnums=1)
def _first_states(state: TrainState, seeds: int) -> TrainState:
    return jax.tree.map(lambda leaf: leaf[:seeds], state)


def _without_padding(checkpoint: Checkpoint, seeds: int) -> Checkpoint:
    """`_take_seeds` of the first seeds, but fast, since it runs after every epoch."""
    metrics, snapshots = jax.tree.map(lambda leaf: leaf[:seeds], (checkpoint.metrics, checkpoint.snapshots))
    return Checkpoint(checkpoint.epoch, _first_states(checkpoint.state, seeds), metrics, snapshots)


def _record_epoch(history: EpochMetrics, metrics: EpochMetrics, epoch: int) -> EpochMetrics:
    """Write an epoch's metrics into the history, in place: copying it would dominate a long training of small nets."""
    for past, now in zip(history, jax.device_get(metrics), strict=True):
        past[:, epoch - 1] = now
    return history


def all_ended(checkpoint: Checkpoint) -> bool:
    """Whether no network trains any more: each has stopped early or diverged."""
    return not is_active(checkpoint.state).any()


def _kept_weights(state: TrainState):
    """The weights that training returns: the best ones under early stopping, otherwise the last finite ones."""
    return state.variables if state.best_variables is None else state.best_variables


def _history(state: TrainState, metrics: EpochMetrics) -> History:
    return History(*metrics, diverged=state.diverged, stopped=state.stopped, best=state.best)


def _trained_arm(model: MLP, checkpoint: Checkpoint, first: int, seeds: int, rates: tuple[float, ...]) -> Trained:
    epochs, state, metrics, snapshots = _take_seeds(checkpoint, np.arange(first, first + seeds))
    model = model.clone(dropout=rates)
    metrics = jax.tree.map(lambda leaf: leaf[:, :epochs], metrics)
    return Trained(
        Network(model, _kept_weights(state)),
        _history(state, metrics),
        {epoch: Network(model, variables) for epoch, variables in snapshots.items() if epoch <= epochs},
    )


def as_trained(ensemble_: Network, data: Splits, *, loss: str) -> Trained:
    """Networks that were trained elsewhere, with a history of one epoch: their validation and test metrics."""
    metrics = [ensemble.over_seeds(partial(evaluate, data=split, loss=loss))(ensemble_) for split in data[1:]]
    unknown = jax.tree.map(lambda value: jnp.full_like(value, jnp.nan), metrics[0])  # of the train split
    history = jax.tree.map(lambda *values: jnp.stack(values, axis=1)[:, None], unknown, *metrics)
    never = jnp.zeros(ensemble.size(ensemble_), jnp.int32)
    return Trained(ensemble_, History(*history, diverged=never, stopped=never, best=never), {})


def kept_accuracy(history: History) -> Float[np.ndarray, "seeds splits"]:
    """Accuracy at the epoch whose weights were kept; NaN for a network that diverged and for an empty split."""
    last = np.maximum(np.asarray(history.best), 1) - 1
    kept = np.take_along_axis(np.asarray(history.accuracy), last[:, None, None], axis=1)[:, 0]
    return np.where((np.asarray(history.diverged) > 0)[:, None], np.nan, kept)


class Program(NamedTuple):
    """The compiled parts of training: the initial state of all networks, and one epoch of all networks.

    within: the variables of all networks after the first batches of an epoch, by their number.
    """

    start: Callable[[], TrainState]
    epoch: Callable[[TrainState, Any], tuple[TrainState, EpochMetrics]]
    within: Callable[[TrainState, Any, Any], Any]


def compile_program(
    model: MLP, data: Splits, config: TrainConfig, hyperparameters: Hyperparameters, part: slice
) -> Program:
    """Distribute a part of the seeds over devices and chunks, and compile one epoch of its networks.

    Its axis is padded with copies of its last seed so that every chunk is full.
    """
    pixels = data.train.images.shape[-1]
    seeds = part.stop - part.start
    chunk = config.chunk or sizes.default_chunk(model, config, pixels)
    chunks = -(-seeds // chunk)
    mesh = ensemble.mesh()  # always all devices: on fewer, XLA would order the arithmetic differently
    index = part.start + np.minimum(np.arange(-(-chunks // mesh.size) * mesh.size * chunk), seeds - 1)
    spread, copied = NamedSharding(mesh, PartitionSpec("seeds")), NamedSharding(mesh, PartitionSpec())
    # Arms follow one another, and all arms have the same seeds.
    arms = hyperparameters.learning_rate.shape[0] // config.seeds
    keys = jnp.tile(ensemble.keys(config.base_seed, config.seeds), arms)[index]
    hyperparameters, keys = jax.device_put((jax.tree.map(lambda leaf: leaf[index], hyperparameters), keys), spread)
    data = jax.device_put(Splits(*(split.replace(images=pack(split.images)) for split in data)), copied)
    noise = (
        None if hyperparameters.label_noise is None else jax.device_put(label_noise(config, data.train.labels), copied)
    )
    examples = data.train.labels.shape[0]

    axis = PartitionSpec("seeds")

    def lifted(of_network, of_ended, further=0):
        """A function of one network's epoch, for all networks; further: number of arguments after the usual ones.

        of_ended: what it returns of a network that has ended, from its state alone. No time is spent on these.
        """

        def on_device(state, hyperparameters, keys, epoch, data, noise, *more):
            shared = config.data_order == "shared"
            shared_order = data_order(config, epoch, None, examples) if shared else None

            def one(state, hyperparameters, key):
                order = shared_order if shared else data_order(config, epoch, key, examples)
                return of_network(model, config, epoch, state, hyperparameters, key, order, data, noise, *more)

            ended = jax.vmap(of_ended)(state)
            return ensemble.over_some(one, is_active(state), (state, hyperparameters, keys), ended, chunk=chunk)

        in_specs = (axis, axis, axis, *[PartitionSpec()] * (3 + further))
        return jax.shard_map(on_device, mesh=mesh, in_specs=in_specs, out_specs=axis, check_vma=False)

    whole = jax.jit(lifted(next_epoch, partial(at_rest, model)), donate_argnums=0)
    begun = jax.jit(lifted(within_epoch, lambda state: state.variables, further=1))
    rest = hyperparameters, keys
    # A map instead of a vmap compiles in a third of the time, and drawing the weights takes almost no time.
    begin = jax.jit(
        lambda *args: jax.lax.map(lambda arg: start(model, config, arg[0], arg[1], pixels), args), out_shardings=spread
    )
    return Program(
        start=lambda: begin(hyperparameters, keys),
        epoch=lambda state, epoch: whole(jax.device_put(state, spread), *rest, epoch, data, noise),
        within=lambda state, epoch, batches: begun(jax.device_put(state, spread), *rest, epoch, data, noise, batches),
    )
