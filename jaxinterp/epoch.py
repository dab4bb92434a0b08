"""What happens to one network in one epoch? Pure functions of one network, which train.py lifts over seeds."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from jaxinterp import metrics, networks
from jaxinterp.choices import OPTIMIZERS, used_by
from jaxinterp.config import TrainConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.networks import MLP, Network

_EVALUATED_AT_ONCE = 1000  # images in one matrix product of an evaluation

# Streams of randomness under one key. The key of a seed itself draws its initial weights.
_DROPOUT, _ORDER = 1, 2
_SHARED = 2**32 - 1  # what base_seed's key is folded with for randomness that all seeds share; no seed has this number


class Numbers(NamedTuple):
    """The knobs that may differ between networks of one program; None where no network uses the knob."""

    learning_rate: Float[Array, " seeds"]
    weight_decay: Float[Array, " seeds"] | None
    l1: Float[Array, " seeds"] | None
    label_noise: Float[Array, " seeds"] | None
    dropout: Float[Array, "seeds layers"] | None


class Member(NamedTuple):
    """The whole state of one network in training; with a seeds axis in every leaf, of all of them."""

    variables: Any
    opt_state: Any
    best_variables: Any  # None without early stopping
    best_loss: Float[Array, ""]
    best: Int[Array, ""]
    waited: Int[Array, ""]
    stopped: Int[Array, ""]
    diverged: Int[Array, ""]


class Measured(NamedTuple):
    """What an epoch showed; NaN where there was no image."""

    loss: Float[Array | np.ndarray, " splits"]
    accuracy: Float[Array | np.ndarray, " splits"]
    class_accuracy: Float[Array | np.ndarray, "splits classes"]


def optimizer(config: TrainConfig, numbers: Numbers) -> optax.GradientTransformation:
    """The optimiser of one network; its numbers may be traced."""
    used, decay = used_by(config.optimizer), numbers.weight_decay
    traced = {name: value for name, value in numbers._asdict().items() if value is not None}
    values = {name: traced.get(name, getattr(config, name)) for name in used}
    base = OPTIMIZERS[config.optimizer](optax, numbers.learning_rate, **values)
    return base if decay is None or "weight_decay" in used else optax.chain(optax.add_decayed_weights(decay), base)


def start(model: MLP, config: TrainConfig, numbers: Numbers, key, pixels: int) -> Member:
    """One network before training."""
    variables = networks.init(key, model, pixels).variables
    zero = jnp.zeros((), jnp.int32)
    return Member(
        variables=variables,
        opt_state=optimizer(config, numbers).init(variables["params"]),
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
    """The order in which one network sees the training images: shared by all seeds, or its own."""
    key = _shared_key(config, _ORDER) if config.data_order == "shared" else jax.random.fold_in(key, _ORDER)
    return jax.random.permutation(jax.random.fold_in(key, epoch), examples)


def label_noise(config: TrainConfig, labels: Int[Array | np.ndarray, " examples"]):
    """A uniform draw and another example's label for each example, to take its place where the draw is below the rate.

    Shared by all seeds and rates, so that a higher rate keeps what a lower one replaced.
    """
    draw, pick = jax.random.split(_shared_key(config, 0))
    others = labels[jax.random.randint(pick, labels.shape, 0, max(len(labels), 1))]
    return jax.random.uniform(draw, labels.shape), others


def train_epoch(model, config, member: Member, numbers, key, order, data: Dataset, noise) -> tuple[Member, Measured]:
    """One pass of one network over the training images, in the given order; the last batch may be smaller."""

    def objective(params, rest, step_key, images, labels):
        params = _transpose_kernels(params)
        kwargs = {} if numbers.dropout is None else {"dropout_rates": numbers.dropout, "rngs": {"dropout": step_key}}
        (logits, _), updated = model.apply(
            {"params": params, **rest}, images, train=True, mutable=["batch_stats"], **kwargs
        )
        losses = metrics.losses(config.loss, logits, labels)
        penalty = 0.0
        if numbers.l1 is not None:
            penalty = numbers.l1 * sum(jnp.abs(layer["kernel"]).sum() for layer in params.values() if "kernel" in layer)
        return losses.mean() + penalty, (updated, losses.sum(), metrics.correct(config.loss, logits, labels))

    def step(carry, batch):
        variables, opt_state, loss, hits = carry
        number, index = batch
        labels = data.labels[index]
        if numbers.label_noise is not None:
            drawn, others = noise
            labels = jnp.where(drawn[index] < numbers.label_noise, others[index], labels)
        params, rest = variables["params"], {name: value for name, value in variables.items() if name != "params"}
        step_key = None if numbers.dropout is None else jax.random.fold_in(key, number)
        gradient, (updated, losses, right) = jax.grad(objective, has_aux=True)(
            params, rest, step_key, data.images[index], labels
        )
        updates, opt_state = optimizer(config, numbers).update(gradient, opt_state, params)
        variables = {"params": optax.apply_updates(params, updates), **updated}
        of_class = jax.nn.one_hot(labels, num_classes(model))
        return (variables, opt_state, loss + losses, hits + jnp.stack([right @ of_class, of_class.sum(0)])), None

    examples, size = order.shape[0], config.batch_size
    full = examples // size
    state = _transpose_kernels((member.variables, member.opt_state))
    carry = (*state, jnp.zeros(()), jnp.zeros((2, num_classes(model))))
    carry, _ = jax.lax.scan(step, carry, (jnp.arange(full), order[: full * size].reshape(full, size)))
    if examples % size:
        carry, _ = step(carry, (full, order[full * size :]))
    *state, loss, (right, total) = carry
    variables, opt_state = _transpose_kernels(tuple(state))
    return member._replace(variables=variables, opt_state=opt_state), _measured(loss, right, total)


def _transpose_kernels(tree):
    """Every kernel of weights or optimiser state as units × inputs, or back.

    With the seeds in front, all seeds' kernels of that shape are one matrix in memory, (seeds · units) × inputs: so
    a batch that they share goes through them in one product, without a copy.
    """

    def transpose(path, leaf):
        return leaf.T if getattr(path[-1], "key", None) == "kernel" else leaf

    return jax.tree_util.tree_map_with_path(transpose, tree)


def num_classes(model: MLP) -> int:
    """Classes that a model tells apart: two where it has one output."""
    return max(model.outputs, 2)


def _measured(loss, right, total) -> Measured:
    # 0 / 0 is NaN, which is what an empty split or an absent class should say.
    return Measured(loss / total.sum(), right.sum() / total.sum(), right / total)


def evaluate(network: Network, data: Dataset, *, loss: str) -> Measured:
    """Mean loss, accuracy and accuracy per class of one network, without dropout or noise."""

    def one(example):
        logits, _ = network(example.images)
        return metrics.losses(loss, logits, example.labels), metrics.correct(loss, logits, example.labels)

    of_class = jax.nn.one_hot(data.labels, num_classes(network.model))
    if not len(data.labels):
        return _measured(jnp.zeros(()), of_class.sum(0), of_class.sum(0))
    losses, right = jax.lax.map(one, data, batch_size=_EVALUATED_AT_ONCE)
    return _measured(losses.sum(), right @ of_class, of_class.sum(0))


def _select(condition, new, old):
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def next_epoch(model, config, epoch, member: Member, numbers, key, order, data: Splits, noise):
    """Train one network for an epoch, measure it, and decide whether it goes on; return it and what was measured.

    A network that has stopped or diverged is left exactly as it is: it keeps the weights of its last finite epoch.
    """
    active = (member.stopped == 0) & (member.diverged == 0)
    key = jax.random.fold_in(jax.random.fold_in(key, _DROPOUT), epoch)
    new, trained = train_epoch(model, config, member, numbers, key, order, data.train, noise)
    network = Network(model, new.variables)
    measured = [evaluate(network, split, loss=config.loss) for split in (data.validation, data.test)]
    finite = jnp.isfinite(trained.loss)
    for leaf in jax.tree.leaves(new.variables):
        finite &= jnp.isfinite(leaf).all()
    goes_on = active & finite
    new = _select(goes_on, new, member)._replace(diverged=jnp.where(active & ~finite, epoch, member.diverged))
    if config.patience is not None:
        better = goes_on & (measured[0].loss < new.best_loss)
        waited = jnp.where(better, 0, new.waited + goes_on)
        new = new._replace(
            best_variables=_select(better, new.variables, new.best_variables),
            best_loss=jnp.where(better, measured[0].loss, new.best_loss),
            best=jnp.where(better, epoch, new.best),
            waited=waited,
            stopped=jnp.where(goes_on & (waited >= config.patience), epoch, new.stopped),
        )
    else:
        new = new._replace(best=jnp.where(goes_on, epoch, new.best))
    splits = jax.tree.map(lambda *values: jnp.stack(values), trained, *measured)
    return new, jax.tree.map(lambda value: jnp.where(goes_on, value, jnp.nan), splits)
