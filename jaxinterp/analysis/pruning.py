"""What can be taken out of a network, and what becomes of the rest? Pruning of units and of weights, by criteria.

Each criterion scores units or weights, and those with the lowest scores are pruned, the same share in each layer. A
pruning is a mask of the parameters: 0 for those that are pruned. `networks.masked` leaves it at that, `refitted` fits
the output weights again, and `retrained` trains what is left, all prunings of a network in one program.

A pruned unit has no parameters and nothing reads it. Its layer keeps it, so that shapes stay, and norms over units
count it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import epoch, metrics, networks
from jaxinterp.analysis import ablation, decompositions, responses, top_units
from jaxinterp.config import TrainConfig
from jaxinterp.data import Dataset, permutation
from jaxinterp.networks import Network
from jaxinterp.networks.masks import Masks

CRITERIA = ("random", "selectivity", "activation", "damage", "magnitude", "weight × spread")
"""Of a unit: a random number; its highest AUC for a class; its mean size; what its zero-ablation costs in loss; the
length of its incoming weights; the length of its outgoing weights times the standard deviation of its activation. Of a
weight: the first-order change of the loss without it as its damage, its size as its magnitude, and else its size times
that quantity of what it reads.
"""


def unit_scores(network: Network, data: Dataset, key, *, loss: str) -> list[Float[Array, "criteria _"]]:
    """The scores of the units of each layer by CRITERIA, higher for what is kept. key: of the random ones."""

    def mean_loss(logits, labels):
        return jnp.mean(metrics.losses(loss, logits, labels))

    before = ablation.baseline(network, data, measure=mean_loss)
    activations = network.units(data.images)
    scores = []
    for number, layer in enumerate(network.model.layers):
        selectivity, size, spread = _quantities(network, activations[layer.last], data)
        without = ablation.units(network, data, site=layer.last, measure=mean_loss, chunk=8)
        incoming, outgoing = (
            jnp.linalg.norm(weights(network, number), axis=1)
            for weights in (networks.incoming_weights, networks.outgoing_weights)
        )
        chance = jax.random.uniform(jax.random.fold_in(key, number), size.shape)
        scores.append(jnp.stack([chance, selectivity, size, without - before, incoming, outgoing * spread]))
    return scores


def weight_scores(network: Network, data: Dataset, key, *, loss: str) -> dict[str, Float[Array, "criteria ..."]]:
    """The scores of the weights of each kernel by CRITERIA, higher for what is kept. key: of the random ones."""

    def mean_loss(params):
        logits, _ = network.replace(variables={**network.variables, "params": params})(data.images)
        return jnp.mean(metrics.losses(loss, logits, data.labels))

    gradients = networks.kernels(network, jax.grad(mean_loss)(network.variables["params"]))
    read, scores = networks.inputs_of_kernels(network, data.images), {}
    for name, kernel in networks.kernels(network).items():
        selectivity, size, spread = (own[:, None] for own in _quantities(network, read[name], data))
        weight, cost = jnp.abs(kernel), jnp.abs(kernel * gradients[name])
        chance = jax.random.uniform(jax.random.fold_in(key, len(scores)), kernel.shape)
        scores[name] = jnp.stack([chance, weight * selectivity, weight * size, cost, weight, weight * spread])
    return scores


def unit_masks(
    network: Network,
    scores: Sequence[Float[Array, "criteria _"]],
    shares: Float[Array | np.ndarray, " levels"],
) -> Masks:
    """The masks without a share of the units of each layer: every leaf has the leading axes "criteria levels"."""
    kept = [_kept(own, shares) for own in scores]
    return jax.vmap(jax.vmap(lambda units: networks.unit_masks(network, units)))(kept)


def weight_masks(
    network: Network,
    scores: Mapping[str, Float[Array, "criteria ..."]],
    shares: Float[Array | np.ndarray, " levels"],
) -> Masks:
    """The masks without a share of the weights of each kernel: every leaf has the leading axes "criteria levels"."""
    kept = {
        name: _kept(own.reshape(len(own), -1), shares).reshape(len(own), len(shares), *own.shape[1:])
        for name, own in scores.items()
    }
    return jax.vmap(jax.vmap(lambda weights: networks.weight_masks(network, weights)))(kept)


def refitted(network: Network, masks: Masks, images: Float[Array | np.ndarray, "examples pixels"]) -> Network:
    """The pruned network with those output weights, of the ones that are left, and biases that give its logits back.

    The least squares between its logits and those of the unpruned network on these images, of smallest weights where
    several are as good. What the unpruned network does is all that is fitted, never the labels.
    """
    pruned, (*_, kept) = networks.masked(network, masks), networks.kernels(network, masks).values()
    *_, read = networks.inputs_of_kernels(pruned, images).values()
    target = network(images)[0]
    centre, mean = jnp.mean(read, axis=0), jnp.mean(target, axis=0)
    orthogonal, triangle = decompositions.qr(read - centre)
    projected = jnp.matmul(orthogonal.T, target - mean, precision=networks.EXACT)

    def of_output(kept, projected):
        return kept * decompositions.least_squares(triangle * kept, projected, smallest=_SINGULAR)

    kernel = jax.vmap(of_output, in_axes=1, out_axes=1)(kept, projected)
    return networks.with_output_layer(pruned, kernel, mean - jnp.matmul(centre, kernel, precision=networks.EXACT))


_SINGULAR = 1e-5  # relative to the largest singular value


def retrained(
    network: Network, masks: Masks, key, data: Dataset, *, config: TrainConfig, epochs: int, chunk: int = 8
) -> Network:
    """The network trained on after each pruning: an ensemble, with a network for each entry of the masks' first axis.

    All prunings of a network see the images in the same order, drawn with the key, so that they are compared in pairs.
    config: how it was trained. There is no label noise and no early stopping, and the optimiser starts afresh. data:
    its images may be packed. chunk: prunings trained at once.
    """
    rates, model, data = network.model.dropout, network.model, jax.tree.map(jnp.asarray, data)
    config = replace(config, data_order="shared", patience=None)
    hyperparameters = epoch.Hyperparameters(
        learning_rate=jnp.float32(config.learning_rate),
        weight_decay=jnp.float32(config.weight_decay) if config.weight_decay else None,
        l1=jnp.float32(config.l1) if config.l1 else None,
        label_noise=None,
        dropout=jnp.float32(rates) if any(rates) else None,
    )

    def of_pruning(mask):
        def next_epoch(state, number):
            own = jax.random.fold_in(key, number)
            order = permutation(own, len(data.labels))
            state, _ = epoch.train_epoch(model, config, state, hyperparameters, own, order, data, None, masks=mask)
            return state, None

        state = epoch.started(networks.masked(network, mask).variables, config, hyperparameters)
        return jax.lax.scan(next_epoch, state, jnp.arange(epochs))[0].variables

    return network.replace(variables=jax.lax.map(of_pruning, masks, batch_size=chunk))


def _quantities(network: Network, values: Float[Array, "examples units"], data: Dataset) -> tuple[Array, ...]:
    """Of each unit: how far its AUC is above ½ for the class that it separates best, its mean size and its spread."""
    classes = networks.num_classes(network.model)
    auc = responses.selectivity(values, data.labels, classes=classes, bins=1).auc
    selectivity = jnp.max(jnp.nan_to_num(auc, nan=0.5), axis=0) - 0.5
    return selectivity, jnp.mean(jnp.abs(values), axis=0), jnp.std(values, axis=0)


def _kept(scores: Float[Array, "criteria _"], shares: Float[Array | np.ndarray, " levels"]) -> Array:
    """Whether each is kept, "criteria levels …", once a share of those with the lowest scores is pruned."""
    count = scores.shape[-1]
    number = count - jnp.round(jnp.asarray(shares) * count)
    return top_units.largest(scores[:, None], number[:, None])
