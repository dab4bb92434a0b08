"""What breaks when units are removed? Ablation of single units, of groups and at several strengths, with control
groups.

Every function is for one network. `kind` sets the value that replaces an ablated unit's activation:

- "zero": 0, which is off-distribution unless the unit is often 0;
- "mean": the unit's mean over the examples;
- "class mean": its mean over the examples of the same class, which keeps what the class alone explains;
- "resample": its activation on another example, drawn at random, which keeps its distribution.

Each function returns `measure(logits, labels)` for every edit, by default `Scores`, so a hundred edits need only the
memory of their scores. Only the part of the network after the site is computed again.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp import controls, metrics
from jaxinterp.analysis import responses
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site, replace
from jaxinterp.networks import Network, check_site, has_maps, moved_by_one_unit

KINDS = ("zero", "mean", "class mean", "resample")

Masks = Bool[Array | np.ndarray, "groups units"]


class Scores(NamedTuple):
    """Means over the examples of each class; NaN for a class without examples."""

    accuracy: Float[Array, " classes"]
    margin: Float[Array, " classes"]
    loss: Float[Array, " classes"]


def scores(logits: Float[Array, "examples classes"], labels: Int[Array, " examples"]) -> Scores:
    """Accuracy, margin in logits and cross-entropy in nats, for each class."""
    kind, classes = "cross_entropy", logits.shape[-1]
    values = (
        metrics.correct(kind, logits, labels),
        metrics.margins(logits, labels),
        metrics.losses(kind, logits, labels),
    )
    return Scores(
        *metrics.by_class(jnp.stack([value.astype(logits.dtype) for value in values]), labels, classes=classes)
    )


def damage(before: Scores, after: Scores) -> Scores:
    """What an ablation costs: drop in accuracy, drop in margin and rise in loss. Harm is positive."""
    return Scores(before.accuracy - after.accuracy, before.margin - after.margin, after.loss - before.loss)


def baseline(network: Network, data: Dataset, *, measure: Callable = scores) -> Any:
    """The measure of the unchanged network."""
    return measure(network(data.images)[0], jnp.asarray(data.labels))


def fill(
    kind: str,
    activations: Float[Array, "examples *map units"],
    labels: Int[Array | np.ndarray, " examples"],
    *,
    classes: int,
    key=None,
) -> Float[Array, "examples *map units"]:
    """The value that replaces each unit's activation on each example, of a channel at each position of its map.

    key: for "resample".

    Raises InputError for an unknown kind, and for "resample" without a key.
    """
    if kind not in KINDS:
        raise InputError(f"no ablation {kind!r}; there are {', '.join(KINDS)}")
    if kind == "zero":
        return jnp.zeros_like(activations)
    if kind == "mean":
        return jnp.broadcast_to(jnp.mean(activations, axis=0), activations.shape)
    if kind == "class mean":
        means = metrics.by_class(activations.T, jnp.asarray(labels), classes=classes).T
        return means[jnp.asarray(labels)]
    if key is None:
        raise InputError("resample-ablation draws other examples at random: pass a key")
    return controls.shuffled_rows(key, activations)


def units(
    network: Network,
    data: Dataset,
    *,
    site: Site,
    kind: str = "zero",
    key=None,
    measure: Callable = scores,
    chunk: int | None = None,
) -> Any:
    """The measure without each unit in turn: every leaf has a leading units axis.

    chunk: units at once; memory grows as chunk × examples × units of the next layer. Raises InputError for an unknown
    site or kind.
    """
    return _drop_axis(doses(network, data, np.zeros(1), site=site, kind=kind, key=key, measure=measure, chunk=chunk))


def doses(
    network: Network,
    data: Dataset,
    strengths: Float[Array | np.ndarray, " doses"],
    *,
    site: Site,
    kind: str = "zero",
    key=None,
    measure: Callable = scores,
    chunk: int | None = None,
) -> Any:
    """The measure with each unit in turn at each strength: every leaf has the leading axes "units doses".

    A unit's activation a becomes fill + strength · (a − fill): strength 0 ablates and 1 changes nothing; under "zero"
    the strength is a factor. chunk: as for `units`, over units × doses.
    """
    activations, change = _changes(network, data, site, kind, key)
    labels = jnp.asarray(data.labels)
    run = unit_mover(network, data.images, site=site, measure=lambda logits: measure(logits, labels))
    count, strengths = activations.shape[-1], jnp.asarray(strengths, activations.dtype)
    unit_index, strength = jnp.repeat(jnp.arange(count), len(strengths)), jnp.tile(strengths, count)

    def one(unit, strength):
        return run(unit, (1 - strength) * jnp.take(change, unit, axis=-1))

    measures = _map(one, (unit_index, strength), chunk)
    return jax.tree.map(lambda leaf: leaf.reshape(count, -1, *leaf.shape[1:]), measures)


def unit_mover(
    network: Network, images: Float[Array | np.ndarray, "examples pixels"], *, site: Site, measure: Callable
) -> Callable[[Any, Any], Any]:
    """A function (unit, change of its activation "examples *map") → measure(logits), to be mapped over units.

    Where a product comes next, or pooling and a product, only what this unit adds to it is computed, which is far
    cheaper than the full product. Raises InputError for an unknown site.
    """
    check_site(network.model, site)
    before, after = network(images)[1], moved_by_one_unit(network, site)
    if after is None:
        return lambda unit, change: measure(network(images, {site: replace(before[site].at[..., unit].add(change))})[0])
    moved, next_site = after

    def run(unit, change):
        changed = before[next_site] + moved(unit, jnp.take(before[site], unit, axis=-1), change)
        return measure(network(images, {next_site: replace(changed)})[0])

    return run


def replaced_units(
    network: Network,
    images: Float[Array | np.ndarray, "examples pixels"],
    fills: Float[Array, "fills examples *map units"],
    *,
    site: Site,
    measure: Callable,
    chunk: int | None = None,
) -> Float[Array, "fills units ..."]:
    """measure(logits) with each unit's activations replaced in turn by each fill: one program for all kinds.

    chunk: units × fills at once; memory grows as for `units`. Raises InputError for an unknown site.
    """
    run = unit_mover(network, images, site=site, measure=measure)
    return each_change(run, fills - network(images)[1][site], chunk=chunk)


def each_change(
    run: Callable[[Any, Any], Any], changes: Float[Array, "fills examples *map units"], *, chunk: int | None
) -> Float[Array, "fills units ..."]:
    """run(unit, change of its activation) for every unit and each of its changes; run: such as a `unit_mover`."""
    changes = jnp.moveaxis(changes, -1, 1)
    kinds, count, *shape = changes.shape
    measures = _map(run, (jnp.tile(jnp.arange(count), kinds), changes.reshape(-1, *shape)), chunk)
    return measures.reshape(kinds, count, *measures.shape[1:])


def groups(
    network: Network,
    data: Dataset,
    masks: Masks,
    *,
    site: Site,
    kind: str = "zero",
    key=None,
    measure: Callable = scores,
    chunk: int | None = None,
) -> Any:
    """The measure without each group of units: every leaf has a leading groups axis.

    chunk: groups at once; memory grows as chunk × examples × units. Raises InputError as `units` does, and for masks
    whose size is not the site's.
    """
    activations, change = _changes(network, data, site, kind, key)
    if masks.shape[-1] != activations.shape[-1]:
        raise InputError(f"masks of {masks.shape[-1]} units do not fit {site}, which has {activations.shape[-1]}")
    labels = jnp.asarray(data.labels)

    def one(mask):
        ablated = replace(activations + jnp.where(mask, change, 0))
        return measure(network(data.images, {site: ablated})[0], labels)

    return _map(one, (jnp.asarray(masks),), chunk)


def interactions(
    network: Network,
    data: Dataset,
    *,
    site: Site,
    kind: str = "zero",
    key=None,
    measure: Callable = scores,
    chunk: int | None = None,
) -> Any:
    """S_ij = D_ij − D_i − D_j for every pair of units, where D is the drop in the measure.

    Leaves have the leading axes "units units_other". 0 where two units contribute independently; positive where each
    compensates for the loss of the other; NaN on the diagonal.
    """
    before = baseline(network, data, measure=measure)
    options = {"site": site, "kind": kind, "key": key, "measure": measure, "chunk": chunk}
    alone = units(network, data, **options)
    count = jax.tree.leaves(alone)[0].shape[0]
    first, second = np.triu_indices(count, 1)
    unit = np.arange(count)
    both = groups(network, data, (unit == first[:, None]) | (unit == second[:, None]), **options)

    def excess(before, alone, both):
        value = (before - both) - (before - alone[first]) - (before - alone[second])
        table = jnp.full((count, count, *value.shape[1:]), jnp.nan)
        return table.at[first, second].set(value).at[second, first].set(value)

    return jax.tree.map(excess, before, alone, both)


def prefixes(order: Int[Array | np.ndarray, " units"]) -> Bool[Array, "steps units"]:
    """The groups of a cumulative curve: none, the first unit of the order, the first two, …, all."""
    return jnp.argsort(order) < jnp.arange(order.shape[0] + 1)[:, None]


def subsets(units: int) -> Bool[np.ndarray, "subsets units"]:
    """All 2^units groups: unit u is in group i where bit u of i is set, so the first is empty and the last has all."""
    return (np.arange(2**units)[:, None] >> np.arange(units)) % 2 == 1


def random_groups(key, group: Bool[Array | np.ndarray, " units"], *, draws: int) -> Bool[Array, "draws units"]:
    """Control groups of the same size as the given one, each drawn at random from all units."""
    return _smallest(jax.random.uniform(key, (draws, group.shape[0])), jnp.sum(group))


def matched_groups(
    key,
    group: Bool[Array | np.ndarray, " units"],
    quantity: Float[Array | np.ndarray, " units"],
    *,
    draws: int,
    strata: int = 10,
) -> Bool[Array, "draws units"]:
    """Random groups of the same size as the given one, also within each stratum of units with a similar quantity.

    Their mean activation or outgoing norm, for example, is then similar to that of the group. Draws may contain units
    of the group: a stratum that the group fills leaves no choice.
    """
    count = group.shape[0]
    rank = jnp.argsort(jnp.argsort(quantity))
    stratum = rank * strata // count
    noise = jax.random.uniform(key, (draws, count))
    # One sort by stratum, and within it by noise: the first of each stratum are picked.
    order = jnp.lexsort((noise, jnp.broadcast_to(stratum, noise.shape)))
    in_order = jnp.sort(stratum)
    place = jnp.arange(count) - jnp.searchsorted(in_order, in_order)
    wanted = jnp.zeros(strata, int).at[stratum].add(group)
    return jnp.zeros((draws, count), bool).at[jnp.arange(draws)[:, None], order].set(place < wanted[in_order])


def control_groups(
    key, groups: Masks, quantity: Float[Array | np.ndarray, " units"], *, draws: int, strata: int = 10
) -> Bool[Array, "controls groups draws units"]:
    """`random_groups` and `matched_groups` of each group, drawn with the same key."""

    def draw(pair):
        key, group = pair
        random = random_groups(key, group, draws=draws)
        return jnp.stack([random, matched_groups(key, group, quantity, draws=draws, strata=strata)])

    return jnp.swapaxes(jax.lax.map(draw, (jax.random.split(key, len(groups)), jnp.asarray(groups))), 0, 1)


class Predictors(NamedTuple):
    """Quantities that may predict how much a class suffers without a unit; NaN for a class without examples.

    A weight is the gradient of the class's logit, averaged over the class's examples: after the last hidden layer it is
    the output weight itself. Centred: the activation minus its mean over all examples. auc and selectivity, the index,
    are those of `responses.selectivity`.
    """

    auc: Float[Array, "units classes"]
    selectivity: Float[Array, "units classes"]
    activation: Float[Array, "units classes"]
    weight: Float[Array, "units classes"]
    activation_weight: Float[Array, "units classes"]
    centred_activation_weight: Float[Array, "units classes"]


def predictors(network: Network, data: Dataset, *, site: Site) -> Predictors:
    """All quantities of `Predictors` for every unit of a site and every class."""
    labels = jnp.asarray(data.labels)
    logits, activations = _read(network, data, site)

    def label_logits(at_site):
        return jnp.sum(jnp.take_along_axis(network(data.images, {site: replace(at_site)})[0], labels[:, None], axis=1))

    gradient = jax.grad(label_logits)(activations)
    products, centred = activations * gradient, (activations - jnp.mean(activations, axis=0)) * gradient
    if has_maps(network.model, site):  # a channel counts at all positions of its map together
        gradient, products, centred = (jnp.sum(part, axis=(1, 2)) for part in (gradient, products, centred))
        activations = jnp.mean(activations, axis=(1, 2))
    average = partial(metrics.by_class, labels=labels, classes=logits.shape[-1])
    selective = responses.selectivity(activations, labels, classes=logits.shape[-1], bins=1)
    return Predictors(
        auc=selective.auc.T,
        selectivity=selective.index.T,
        activation=average(activations.T),
        weight=average(gradient.T),
        activation_weight=average(products.T),
        centred_activation_weight=average(centred.T),
    )


def _read(network: Network, data: Dataset, site: Site) -> tuple[Array, Array]:
    check_site(network.model, site)
    logits, activations = network(data.images)
    return logits, activations[site]


def _changes(network: Network, data: Dataset, site: Site, kind: str, key) -> tuple[Array, Array]:
    """The activations at a site, and the change that takes each of them to its fill."""
    logits, activations = _read(network, data, site)
    return activations, fill(kind, activations, data.labels, classes=logits.shape[-1], key=key) - activations


def _map(fn: Callable, arguments: tuple, chunk: int | None) -> Any:
    return jax.vmap(fn)(*arguments) if chunk is None else jax.lax.map(lambda a: fn(*a), arguments, batch_size=chunk)


def _drop_axis(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[:, 0], tree)


def _smallest(values: Array, count: Array) -> Array:
    """Whether each value is among the `count` smallest of its row."""
    return jnp.argsort(jnp.argsort(values, axis=-1), axis=-1) < count
