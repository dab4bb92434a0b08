"""Are two networks the same up to the order of their units, and do they lie in one basin of the loss?

The units of a hidden layer can be permuted without changing the logits; where the activation function is odd, their
signs can be flipped too. Networks are aligned under these symmetries, by their weights here or by their activations in
`matching`, and the loss is evaluated along the straight line between them (Git Re-Basin, arXiv 2209.04836).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import metrics
from jaxinterp.analysis.matching import assign
from jaxinterp.choices import ACTIVATIONS
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.interventions import NONE, replace
from jaxinterp.networks import MLP, Network, norm_over_units

_FIRST = "hidden0/pre"
# A new alignment must be better by more than rounding; otherwise two equal units would be swapped for ever.
_PROGRESS = 1e-5
_SWEEPS = 100
_EXACT = jax.lax.Precision.HIGHEST


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


def permute(
    network: Network,
    orders: Sequence[Int[Array | np.ndarray, "..."]],
    signs: Sequence[Float[Array | np.ndarray, "..."]] | None = None,
) -> Network:
    """The same function with hidden units in another order: position k of layer l gets unit orders[l][k].

    The activations are permuted accordingly, and logits change only by rounding. For an ensemble, orders have a leading
    seeds axis or are the same for all seeds. signs: −1 for a unit whose sign is flipped, by its new position. Raises
    InputError unless there is one order of the right size per hidden layer, and for signs where the activation function
    is not odd or a layer norm mixes the units.
    """
    model = network.model
    params = dict(network.variables["params"])
    seeds = params["output"]["bias"].shape[:-1]
    shapes = [tuple(order.shape) for order in orders]
    if len(shapes) != len(model.widths) or any(
        shape not in ((width,), (*seeds, width)) for shape, width in zip(shapes, model.widths, strict=True)
    ):
        raise InputError(f"hidden layers of {tuple(model.widths)} units need one order each, got shapes {shapes}")
    if signs is not None:
        _check_mirrors(model)
    if seeds:
        parts = jax.tree.map(lambda x: jnp.broadcast_to(x, (*seeds, x.shape[-1])), (tuple(orders), signs))
        return jax.vmap(permute)(network, *parts)
    statistics = dict(network.variables.get("batch_stats", {}))
    for layer, order in enumerate(orders):
        sign = jnp.ones(order.shape) if signs is None else signs[layer]
        name, norm, following = _names(model, layer)
        params[name] = {"kernel": params[name]["kernel"][:, order] * sign, "bias": params[name]["bias"][order] * sign}
        params[following] = params[following] | {"kernel": params[following]["kernel"][order] * sign[:, None]}
        if norm in params:
            params[norm] = {"scale": params[norm]["scale"][order], "bias": params[norm]["bias"][order] * sign}
        if norm in statistics:
            old = statistics[norm]
            statistics[norm] = {"mean": old["mean"][order] * sign, "var": old["var"][order]}
    return Network(model, _variables(network.variables, params, statistics))


def weight_matching(network_a: Network, network_b: Network, key, *, absolute: bool = False) -> Alignment:
    """The permutation of network_b with the largest inner product of its weights with those of network_a.

    Coordinate descent: one layer at a time, in random order, gets its best order while the others are fixed, until none
    changes (Git Re-Basin, section 3.2, over kernels, biases and the norms' parameters). The result is optimal for one
    hidden layer, not always for more. absolute: units may also flip their signs. Raises InputError for networks of
    different models or without hidden layers, and for signs as `permute` does.
    """
    _check_same(network_a, network_b)
    widths = network_a.model.widths
    if not widths:
        raise InputError("networks without hidden layers have no units to match")
    if absolute:
        _check_mirrors(network_a.model)

    def visit(layer, alignment):
        orders, signs = alignment
        units = widths[layer]
        free = _put(orders, layer, jnp.arange(units)), _put(signs, layer, jnp.ones(units))
        mirrored, fixed = _products(network_a, permute(network_b, free[0], free[1] if absolute else None), layer)
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
    linear = bool(model.widths) and (model.norm == "none" or model.norm_position == "after")
    ends = tuple(network(images)[1][_FIRST] for network in (network_a, network_b)) if linear else None

    def between(weight, first, second):
        return jax.tree.map(lambda a, b: (1 - weight) * a + weight * b, first, second)

    def at(weight):
        network = between(weight, network_a, network_b)
        if has_statistics:
            network = _recomputed(network, statistics)
        edits = NONE if ends is None else {_FIRST: replace(between(weight, *ends))}
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


def _check_mirrors(model: MLP) -> None:
    if not ACTIVATIONS[model.activation].odd or norm_over_units(model):
        odd = ", ".join(name for name, entry in ACTIVATIONS.items() if entry.odd)
        raise InputError(
            f"signs need an odd activation function ({odd}) and no norm over units, "
            f"got {model.activation} with norm {model.norm}"
        )


def _names(model: MLP, layer: int) -> tuple[str, str, str]:
    """Names of a hidden layer, its norm and the next layer."""
    last = layer + 1 == len(model.widths)
    return f"hidden{layer}", f"norm{layer}", "output" if last else f"hidden{layer + 1}"


def _put(values: tuple, index: int, value: Any) -> tuple:
    return (*values[:index], value, *values[index + 1 :])


def _products(network_a: Network, network_b: Network, layer: int):
    """Inner products of the weights of all units of two layers: (the part that flips sign, the part that does not)."""
    name, norm, following = _names(network_a.model, layer)
    first, second = network_a.variables["params"], network_b.variables["params"]

    def product(a, b):
        return jnp.matmul(a, b.T, precision=_EXACT)

    mirrored = product(first[name]["kernel"].T, second[name]["kernel"].T)
    mirrored += product(first[following]["kernel"], second[following]["kernel"])
    mirrored += jnp.outer(first[name]["bias"], second[name]["bias"])
    if norm not in first:
        return mirrored, jnp.zeros_like(mirrored)
    mirrored += jnp.outer(first[norm]["bias"], second[norm]["bias"])
    return mirrored, jnp.outer(first[norm]["scale"], second[norm]["scale"])


def _recomputed(network: Network, images) -> Network:
    """The network with batch norm's statistics computed from the images, as one batch."""
    empty = jax.tree.map(jnp.zeros_like, network.variables["batch_stats"])
    blank = {**network.variables, "batch_stats": empty}
    _, updated = network.model.apply(blank, jnp.asarray(images), train=True, mutable=["batch_stats"])
    statistics = jax.tree.map(lambda value: value / (1 - network.model.norm_momentum), updated["batch_stats"])
    return Network(network.model, {**network.variables, "batch_stats": statistics})


def _variables(old, params: dict, statistics: dict) -> dict:
    return {**old, "params": params} | ({"batch_stats": statistics} if statistics else {})
