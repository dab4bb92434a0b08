"""What happens to one network in one epoch? Pure functions of one network, which train.py lifts over seeds."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from jaxinterp import ensemble, metrics, networks
from jaxinterp.choices import OPTIMIZERS, used_by
from jaxinterp.config import TrainConfig
from jaxinterp.data import Dataset, Splits, permutation, unpack
from jaxinterp.networks import MLP, Network

_EVALUATED = 1000  # images at most per matrix product of an evaluation; fewer where feature maps are large
_NUMBERS = 2**23  # that a network may compute of them

SPLITS = ("train", "validation", "test")

# Streams of randomness under a seed's key. The key itself draws the initial weights.
_DROPOUT, _ORDER = 1, 2
# base_seed's key is folded with this number for randomness that all seeds share. No seed has this number.
_SHARED = 2**32 - 1


class Hyperparameters(NamedTuple):
    """Traced hyperparameters, which may differ between networks of one program; None where no network uses one."""

    learning_rate: Float[Array, " seeds"]
    weight_decay: Float[Array, " seeds"] | None
    l1: Float[Array, " seeds"] | None
    label_noise: Float[Array, " seeds"] | None
    dropout: Float[Array, "seeds layers"] | None


def hyperparameters_of(arms: Sequence[tuple[TrainConfig, tuple[float, ...]]]) -> Hyperparameters:
    """The hyperparameters of every network of all arms, arm after arm. An arm is a config with its dropout rates."""

    def column(values):
        return jnp.asarray(np.repeat(np.asarray(values, np.float32), [config.seeds for config, _ in arms], axis=0))

    def used(name):
        values = [getattr(config, name) for config, _ in arms]
        return column(values) if any(values) else None

    rates = [dropout for _, dropout in arms]
    width = max(map(len, rates))
    return Hyperparameters(
        learning_rate=column([config.learning_rate for config, _ in arms]),
        weight_decay=used("weight_decay"),
        l1=used("l1"),
        label_noise=used("label_noise"),
        dropout=column([rate or (0.0,) * width for rate in rates]) if any(map(any, rates)) else None,
    )


class TrainState(NamedTuple):
    """The whole state of one network in training; or of all networks, when every leaf has a leading seeds axis."""

    variables: Any
    opt_state: Any
    best_variables: Any  # None without early stopping
    best_loss: Float[Array, ""]
    best: Int[Array, ""]  # the epoch whose weights are kept
    waited: Int[Array, ""]  # epochs since the validation loss fell
    stopped: Int[Array, ""]  # the epoch after which early stopping ended training; 0 is never
    diverged: Int[Array, ""]  # the epoch in which the loss or a weight stopped being finite; 0 is never


class EpochMetrics(NamedTuple):
    """Loss, accuracy and accuracy per class after an epoch; NaN for a split or class without images."""

    loss: Float[Array | np.ndarray, " splits"]
    accuracy: Float[Array | np.ndarray, " splits"]
    class_accuracy: Float[Array | np.ndarray, "splits classes"]


def optimizer(config: TrainConfig, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
    """The optimiser of one network. The hyperparameters may be traced."""
    used, decay = used_by(config.optimizer), hyperparameters.weight_decay
    traced = {name: value for name, value in hyperparameters._asdict().items() if value is not None}
    values = {name: traced.get(name, getattr(config, name)) for name in used}
    base = OPTIMIZERS[config.optimizer](optax, hyperparameters.learning_rate, **values)
    return base if decay is None or "weight_decay" in used else optax.chain(optax.add_decayed_weights(decay), base)


def start(model: MLP, config: TrainConfig, hyperparameters: Hyperparameters, key, pixels: int) -> TrainState:
    """One network before training."""
    return started(networks.init(key, model, pixels).variables, config, hyperparameters)


def started(variables, config: TrainConfig, hyperparameters: Hyperparameters) -> TrainState:
    """One network with these variables, before training goes on from them."""
    zero = jnp.zeros((), jnp.int32)
    return TrainState(
        variables=variables,
        opt_state=optimizer(config, hyperparameters).init(variables["params"]),
        best_variables=None if config.patience is None else variables,
        best_loss=jnp.array(jnp.inf),
        best=zero,
        waited=zero,
        stopped=zero,
        diverged=zero,
    )


def _shared_key(config: TrainConfig, stream: int):
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(config.base_seed), _SHARED), stream)


def data_order(config: TrainConfig, epoch, key, examples: int) -> Int[Array, " examples"]:
    """The order of the training images in one epoch: the same for all seeds, or this seed's own."""
    key = _shared_key(config, _ORDER) if config.data_order == "shared" else jax.random.fold_in(key, _ORDER)
    return permutation(jax.random.fold_in(key, epoch), examples)


def label_noise(config: TrainConfig, labels: Int[Array | np.ndarray, " examples"]):
    """A uniform draw per example, and the label that replaces the example's own where the draw is below the noise rate.

    The replacement is the label of a random example. All seeds and rates share the draws, so a higher rate keeps the
    replacements of a lower one.
    """
    draw, pick = jax.random.split(_shared_key(config, 0))
    others = labels[jax.random.randint(pick, labels.shape, 0, max(len(labels), 1))]
    return jax.random.uniform(draw, labels.shape), others


def batch_size(config: TrainConfig, examples: int) -> int:
    """Number of images in a full batch."""
    return max(min(config.batch_size, examples), 1)


def train_epoch(
    model, config, state: TrainState, hyperparameters, key, order, data: Dataset, noise, *, batches=None, masks=None
) -> tuple[TrainState, EpochMetrics]:
    """One pass of one network over the training images, in the given order. The last batch may be smaller.

    data: its images may be packed. batches: after how many full batches to end, which may be traced; None for all.
    masks: of the parameters, 0 for those that have no gradient; where they are 0, too, and the optimiser has no memory
    of them, they stay 0.
    """
    own_order = config.data_order == "independent"

    def objective(params, rest, step_key, images, labels):
        params = networks.transposed(params)
        kwargs = (
            {}
            if hyperparameters.dropout is None
            else {"dropout_rates": hyperparameters.dropout, "rngs": {"dropout": step_key}}
        )
        with nn.intercept_methods(networks.transpose_output_gradient) if own_order else nullcontext():
            (logits, _), updated = model.apply(
                {"params": params, **rest}, images, train=True, mutable=["batch_stats"], **kwargs
            )
        losses = metrics.losses(config.loss, logits, labels)
        penalty = 0.0
        if hyperparameters.l1 is not None:
            penalty = hyperparameters.l1 * networks.penalty(params)
        return losses.mean() + penalty, (updated, losses.sum(), metrics.correct(config.loss, logits, labels))

    def step(carry, batch):
        variables, opt_state, loss, hits = carry
        number, index = batch
        labels = data.labels[index]
        if hyperparameters.label_noise is not None:
            drawn, others = noise
            labels = jnp.where(drawn[index] < hyperparameters.label_noise, others[index], labels)
        params, rest = variables["params"], {name: value for name, value in variables.items() if name != "params"}
        step_key = None if hyperparameters.dropout is None else jax.random.fold_in(key, number)
        gradients, (updated, losses, right) = jax.grad(objective, has_aux=True)(
            params, rest, step_key, unpack(data.images[index]), labels
        )
        if masks is not None:
            gradients = jax.tree.map(jnp.multiply, gradients, masks)
        updates, opt_state = optimizer(config, hyperparameters).update(gradients, opt_state, params)
        variables = {"params": optax.apply_updates(params, updates), **updated}
        of_class = jax.nn.one_hot(labels, networks.num_classes(model))
        return (variables, opt_state, loss + losses, hits + jnp.stack([right @ of_class, of_class.sum(0)])), None

    examples = order.shape[0]
    size = batch_size(config, examples)
    full = examples // size
    optimization, masks = networks.transposed(((state.variables, state.opt_state), masks))
    carry = (*optimization, jnp.zeros(()), jnp.zeros((2, networks.num_classes(model))))
    index = order[: full * size].reshape(full, size)
    if batches is not None:
        carry = jax.lax.fori_loop(0, batches, lambda number, carry: step(carry, (number, index[number]))[0], carry)
    else:
        carry, _ = jax.lax.scan(step, carry, (jnp.arange(full), index))
        if examples % size:
            carry, _ = step(carry, (full, order[full * size :]))
    *optimization, loss, (right, total) = carry
    variables, opt_state = networks.transposed(tuple(optimization))
    return state._replace(variables=variables, opt_state=opt_state), _epoch_metrics(loss, right, total)


def _epoch_metrics(loss, right, total) -> EpochMetrics:
    # 0 / 0 is NaN, as it should be for an empty split or an absent class.
    return EpochMetrics(loss / total.sum(), right.sum() / total.sum(), right / total)


def evaluated_at_once(model: MLP, pixels: int) -> int:
    """How many images an evaluation computes at once."""
    return max(1, min(_EVALUATED, _NUMBERS // networks.count(model, pixels)[1]))


def evaluate(network: Network, data: Dataset, *, loss: str) -> EpochMetrics:
    """Mean loss, accuracy and accuracy per class of one network, without dropout or label noise.

    data: its images may be packed.
    """

    def one(example):
        logits, _ = network(unpack(example.images))
        return metrics.losses(loss, logits, example.labels), metrics.correct(loss, logits, example.labels)

    of_class = jax.nn.one_hot(data.labels, networks.num_classes(network.model))
    if not len(data.labels):
        return _epoch_metrics(jnp.zeros(()), of_class.sum(0), of_class.sum(0))
    losses, right = jax.lax.map(one, data, batch_size=evaluated_at_once(network.model, network.pixels))
    return _epoch_metrics(losses.sum(), right @ of_class, of_class.sum(0))


def _select(condition, new, old):
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _after(model, config, epoch, state: TrainState, hyperparameters, key, order, data: Splits, noise, batches=None):
    """The state after an epoch or its first batches, the metrics of the train split, and whether all is finite."""
    key = jax.random.fold_in(jax.random.fold_in(key, _DROPOUT), epoch)
    new, trained = train_epoch(model, config, state, hyperparameters, key, order, data.train, noise, batches=batches)
    finite = jnp.isfinite(trained.loss)
    for leaf in jax.tree.leaves(new.variables):
        finite &= jnp.isfinite(leaf).all()
    return new, trained, finite


def within_epoch(model, config, epoch, state: TrainState, hyperparameters, key, order, data: Splits, noise, batches):
    """The variables of one network after the first batches of an epoch, from its state before the epoch.

    They are those that it passes in `next_epoch`; those of its state where it has ended, or is not finite.
    """
    new, _, finite = _after(model, config, epoch, state, hyperparameters, key, order, data, noise, batches)
    return _select(is_active(state) & finite, new.variables, state.variables)


def is_active(state: TrainState):
    """Whether a network, or each of all networks, still trains: it has neither stopped early nor diverged."""
    return (state.stopped == 0) & (state.diverged == 0)


def at_rest(model: MLP, state: TrainState) -> tuple[TrainState, EpochMetrics]:
    """What `next_epoch` returns of a network that has ended."""
    shape = len(SPLITS), networks.num_classes(model)
    return state, EpochMetrics(jnp.full(shape[:1], jnp.nan), jnp.full(shape[:1], jnp.nan), jnp.full(shape, jnp.nan))


def next_epoch(model, config, epoch, state: TrainState, hyperparameters, key, order, data: Splits, noise):
    """Train one network for an epoch, evaluate it, and decide whether it continues. Returns its state and its metrics.

    A network that has stopped or diverged keeps its state, with the weights of its last finite epoch, and its metrics
    are NaN.
    """
    new, trained, finite = _after(model, config, epoch, state, hyperparameters, key, order, data, noise)
    network = Network(model, new.variables)
    evaluations = [evaluate(network, split, loss=config.loss) for split in (data.validation, data.test)]
    active = is_active(state)
    continues = active & finite
    new = _select(continues, new, state)._replace(diverged=jnp.where(active & ~finite, epoch, state.diverged))
    if config.patience is not None:
        better = continues & (evaluations[0].loss < new.best_loss)
        waited = jnp.where(better, 0, new.waited + continues)
        new = new._replace(
            best_variables=_select(better, new.variables, new.best_variables),
            best_loss=jnp.where(better, evaluations[0].loss, new.best_loss),
            best=jnp.where(better, epoch, new.best),
            waited=waited,
            stopped=jnp.where(continues & (waited >= config.patience), epoch, new.stopped),
        )
    else:
        new = new._replace(best=jnp.where(continues, epoch, new.best))
    splits = ensemble.stack((trained, *evaluations))
    return new, jax.tree.map(lambda value: jnp.where(continues, value, jnp.nan), splits)
