"""Are two networks the same up to the order of their units, and do they lie in one basin of the loss?

Networks are aligned under the symmetries of their units (`networks.permute`), by their weights here or by their
activations in `matching`, and the loss is evaluated along the straight line between them (Git Re-Basin, arXiv
2209.04836).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import metrics
from jaxinterp.analysis.matching import assign
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.interventions import NONE, replace
from jaxinterp.networks import INPUT, Network, check_mirrors, permute, step_after, unit_products
from jaxinterp.networks.steps import Norm

# A new alignment must be better by more than rounding; otherwise two equal units would be swapped for ever.
_PROGRESS = 1e-5
_SWEEPS = 100


class Alignment(NamedTuple):
    """For each hidden layer, the unit that moves to each position and, where signs are aligned, whether it flips (−1).

    `permute(network, *alignment)` aligns the network.
    """

    orders: tuple[Int[Array, "..."], ...]
    signs: tuple[Float[Array, "..."], ...] | None


class Barrier(NamedTuple):
    """Mean loss and accuracy at equal steps from the first network to the second.

    barrier: the largest excess of the loss on the line over the chord, which interpolates the losses of the two ends.
    """

    loss: Float[Array, " points"]
    accuracy: Float[Array, " points"]
    barrier: Float[Array, ""]


def weight_matching(network_a: Network, network_b: Network, key, *, absolute: bool = False) -> Alignment:
    """The permutation of network_b with the largest inner product of its weights with those of network_a.

    Coordinate descent: one layer at a time, in random order, gets its best order while the others are fixed, until none
    changes (Git Re-Basin, section 3.2, over kernels, biases and the norms' parameters). The result is optimal for one
    hidden layer, not always for more. absolute: units may also flip their signs. Raises InputError for networks of
    different models or without hidden layers, and for signs as `permute` does.
    """
    _check_same(network_a, network_b)
    widths = [layer.units for layer in network_a.model.layers]
    if not widths:
        raise InputError("networks without hidden layers have no units to match")
    if absolute:
        check_mirrors(network_a.model)

    def visit(layer, alignment):
        orders, signs = alignment
        units = widths[layer]
        free = _put(orders, layer, jnp.arange(units)), _put(signs, layer, jnp.ones(units))
        mirrored, fixed = unit_products(network_a, permute(network_b, free[0], free[1] if absolute else None), layer)
        order = assign((jnp.abs(mirrored) if absolute else mirrored) + fixed)
        rows = jnp.arange(units)
        sign = jnp.where(mirrored[rows, order] < 0, -1.0, 1.0) if absolute else signs[layer]
        new = sign * mirrored[rows, order] + fixed[rows, order]
        old = signs[layer] * mirrored[rows, orders[layer]] + fixed[rows, orders[layer]]
        better = jnp.sum(new) - jnp.sum(old) > _PROGRESS * jnp.sum(jnp.abs(new))
        order, sign = jnp.where(better, order, orders[layer]), jnp.where(better, sign, signs[layer])
        return (_put(orders, layer, order), _put(signs, layer, sign)), better

    def sweep(state):
        alignment, number, _ = state
        visits = [partial(visit, layer) for layer in range(len(widths))]
        sequence = jax.random.permutation(jax.random.fold_in(key, number), len(widths))
        alignment, better = jax.lax.scan(lambda old, at: jax.lax.switch(at, visits, old), alignment, sequence)
        return alignment, number + 1, jnp.any(better)

    start = tuple(jnp.arange(n, dtype=jnp.int32) for n in widths), tuple(jnp.ones(n) for n in widths)
    state = (start, 0, jnp.array(True))
    (orders, signs), _, _ = jax.lax.while_loop(lambda state: state[2] & (state[1] < _SWEEPS), sweep, state)
    return Alignment(orders, signs if absolute else None)


def barrier(
    network_a: Network,
    network_b: Network,
    data: Dataset,
    *,
    points: int = 11,
    loss: str = "cross_entropy",
    statistics: Float[Array | np.ndarray, "images pixels"] | None = None,
) -> Barrier:
    """Loss and accuracy on the straight line between the weights of two networks, including both ends.

    statistics: images from which batch norm's means and variances are computed again at every point, including the
    ends, because those of the ends fit no network in between; networks without batch norm need none. Memory: points ×
    examples × units of the widest layer after the first. Align network_b first if you compare up to symmetry. Raises
    InputError for networks of different models, fewer than two points, or batch norm without `statistics`.
    """
    _check_same(network_a, network_b)
    model = network_a.model
    if points < 2:
        raise InputError(f"points is {points}: use 2 or more, since a line has two ends")
    has_statistics = "batch_stats" in network_a.variables
    if has_statistics and statistics is None:
        raise InputError(f"{model.norm} norm's statistics must be computed again on the line: pass statistics=images")
    images, labels = jnp.asarray(data.images), jnp.asarray(data.labels)
    # The first layer's pre-activations are linear in its weights, so on the line they are interpolated.
    first = step_after(model, INPUT)
    linear = bool(model.layers) and not any(isinstance(operation, Norm) for operation in first.operations)
    ends = tuple(network(images)[1][first.site] for network in (network_a, network_b)) if linear else None

    def between(weight, start, end):
        return jax.tree.map(lambda a, b: (1 - weight) * a + weight * b, start, end)

    def at(weight):
        network = between(weight, network_a, network_b)
        if has_statistics:
            network = _recomputed(network, statistics)
        edits = NONE if ends is None else {first.site: replace(between(weight, *ends))}
        logits, _ = network(images, edits)
        return jnp.mean(metrics.losses(loss, logits, labels)), jnp.mean(metrics.correct(loss, logits, labels))

    weights = jnp.linspace(0.0, 1.0, points)
    losses, accuracy = jax.vmap(at)(weights)
    return Barrier(losses, accuracy, jnp.max(losses - between(weights, losses[0], losses[-1])))


def over_pairs(fn: Callable, *, chunk: int | None = None) -> Callable:
    """Lift fn(network_a, network_b, *shared) to all pairs of an ensemble: every array gets leading axes "seeds seeds".

    chunk: pairs computed at once; by default all pairs of one network.
    """

    def lifted(networks: Network, *shared):
        def with_all(first):
            return over_seeds(lambda second: fn(first, second, *shared), chunk=chunk)(networks)

        return jax.lax.map(with_all, networks)

    return lifted


def _check_same(network_a: Network, network_b: Network) -> None:
    if network_a.model != network_b.model:
        raise InputError(f"the two networks must have the same model, got {network_a.model} and {network_b.model}")


def _put(values: tuple, index: int, value: Any) -> tuple:
    return (*values[:index], value, *values[index + 1 :])


def _recomputed(network: Network, images) -> Network:
    """The network with batch norm's statistics computed from the images, as one batch."""
    empty = jax.tree.map(jnp.zeros_like, network.variables["batch_stats"])
    blank = {**network.variables, "batch_stats": empty}
    _, updated = network.model.apply(blank, jnp.asarray(images), train=True, mutable=["batch_stats"])
    statistics = jax.tree.map(lambda value: value / (1 - network.model.norm_momentum), updated["batch_stats"])
    return Network(network.model, {**network.variables, "batch_stats": statistics})
