"""What breaks when units are taken away? Ablation of units, of groups and in doses, and the groups to compare with.

Every function is of one network and takes the place that ablated units are given:

- "zero": 0, which leaves the data behind wherever a unit is seldom 0;
- "mean": the unit's mean over the examples;
- "class mean": its mean over the examples of the same class, which keeps what the class alone explains;
- "resample": its activation on another example, drawn at random, which keeps its distribution.

What is returned is `measure(logits, labels)` for every edit, `Scores` by default, so that a hundred edits cost the
memory of their scores. Only what comes after the site is computed again.
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
from jaxinterp.networks import Network, check_site, sites

KINDS = ("zero", "mean", "class mean", "resample")

Masks = Bool[Array | np.ndarray, "groups units"]


class Scores(NamedTuple):
    """How well each class is answered, as means over its examples; NaN for a class without any."""

    accuracy: Float[Array, " classes"]
    margin: Float[Array, " classes"]
    loss: Float[Array, " classes"]


def scores(logits: Float[Array, "examples classes"], labels: Int[Array, " examples"]) -> Scores:
    """Accuracy, margin in logits and cross-entropy in nats, class by class."""
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
    """What an ablation costs: drop in accuracy, drop in margin and rise in loss, so that harm is positive."""
    return Scores(before.accuracy - after.accuracy, before.margin - after.margin, after.loss - before.loss)


def baseline(network: Network, data: Dataset, *, measure: Callable = scores) -> Any:
    """The measure of the network as it is."""
    return measure(network(data.images)[0], jnp.asarray(data.labels))


def fill(
    kind: str,
    activations: Float[Array, "examples units"],
    labels: Int[Array | np.ndarray, " examples"],
    *,
    classes: int,
    key=None,
) -> Float[Array, "examples units"]:
    """What each unit is given in its place on each example. key: for "resample".

    Raises InputError for a kind that does not exist, and for "resample" without a key.
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
        raise InputError("resample-ablation draws other examples: give it a key")
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
    """The measure without each unit in turn: every leaf leads with a units axis.

    chunk: units at once; memory grows as chunk × examples × units of the next layer. Raises InputError for a site or a
    kind that does not exist.
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
    """The measure with each unit in turn at each strength: every leaf leads with "units doses".

    A unit's activation a becomes fill + strength · (a − fill): 0 ablates, 1 changes nothing; under "zero" the strength
    is a factor. chunk: as for `units`, over units × doses.
    """
    activations, away = _moves(network, data, site, kind, key)
    labels = jnp.asarray(data.labels)
    run = unit_mover(network, data.images, site=site, measure=lambda logits: measure(logits, labels))
    count, strengths = activations.shape[-1], jnp.asarray(strengths, activations.dtype)
    which, strength = jnp.repeat(jnp.arange(count), len(strengths)), jnp.tile(strengths, count)

    def one(unit, strength):
        return run(unit, (1 - strength) * jnp.take(away, unit, axis=1))

    found = _map(one, (which, strength), chunk)
    return jax.tree.map(lambda leaf: leaf.reshape(count, -1, *leaf.shape[1:]), found)


def unit_mover(
    network: Network, images: Float[Array | np.ndarray, "examples pixels"], *, site: Site, measure: Callable
) -> Callable[[Any, Any], Any]:
    """A function (unit, change of its activation " examples") → measure(logits), to be mapped over units.

    Where the site feeds a linear layer the change is of rank one there, which is far cheaper than that layer's product.
    Raises InputError for a site that does not exist.
    """
    check_site(network.model, site)
    before, following = network(images)[1], _linear_after(network, site)
    if following is None:
        return lambda unit, change: measure(network(images, {site: replace(before[site].at[:, unit].add(change))})[0])
    kernel, after = following

    def run(unit, change):
        moved = before[after] + change[:, None] * jnp.take(kernel, unit, axis=0)
        return measure(network(images, {after: replace(moved)})[0])

    return run


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
    """The measure without each group of units: every leaf leads with a groups axis.

    chunk: groups at once; memory grows as chunk × examples × units. Raises InputError for masks of another size than
    the site's.
    """
    activations, away = _moves(network, data, site, kind, key)
    if masks.shape[-1] != activations.shape[-1]:
        raise InputError(f"masks of {masks.shape[-1]} units do not fit {site}, which has {activations.shape[-1]}")
    labels = jnp.asarray(data.labels)

    def one(mask):
        moved = replace(activations + jnp.where(mask, away, 0))
        return measure(network(data.images, {site: moved})[0], labels)

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
    """S_ij = D_ij − D_i − D_j for every pair of units, D the drop of the measure: leaves lead with "units units_other".

    0 where two units do their work apart; positive where each stands in for the other. NaN on the diagonal.
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
    """The groups of a cumulative curve: none, the first unit of the order, the first two, … all."""
    return jnp.argsort(order) < jnp.arange(order.shape[0] + 1)[:, None]


def subsets(units: int) -> Bool[np.ndarray, "subsets units"]:
    """All 2^units groups: unit u is in group i where bit u of i is set, so the first is empty and the last has all."""
    return (np.arange(2**units)[:, None] >> np.arange(units)) % 2 == 1


def random_groups(key, group: Bool[Array | np.ndarray, " units"], *, draws: int) -> Bool[Array, "draws units"]:
    """Groups as large as the given one, each drawn at random from all units."""
    return _smallest(jax.random.uniform(key, (draws, group.shape[0])), jnp.sum(group))


def matched_groups(
    key,
    group: Bool[Array | np.ndarray, " units"],
    quantity: Float[Array | np.ndarray, " units"],
    *,
    draws: int,
    strata: int = 10,
) -> Bool[Array, "draws units"]:
    """Random groups as large as the given one, and as large in each of the strata that quantity sorts units into.

    Mean activation or outgoing norm, say, is then about the same as in the group. Draws may hold units of the group: a
    stratum that the group fills leaves no choice.
    """
    count = group.shape[0]
    rank = jnp.argsort(jnp.argsort(quantity))
    stratum = rank * strata // count
    member = stratum == jnp.arange(strata)[:, None]
    noise = jax.random.uniform(key, (draws, 1, count))
    picked = _smallest(jnp.where(member, noise, jnp.inf), jnp.sum(member & group, axis=1)[:, None])
    return jnp.any(picked & member, axis=1)


def searched_p(
    key,
    drops: Float[Array, "units examples"],
    labels: Int[Array | np.ndarray, " examples"],
    *,
    classes: int,
    draws: int,
) -> Float[Array, "units classes"]:
    """Is a unit's damage to a class more than the worst of all units and classes would be, were damage blind to class?

    Labels are permuted over the examples, and every (unit, class) is compared with the largest mean drop over all of
    them: p = (b + 1)/(draws + 1), corrected for the search (Westfall and Young's single-step maxT). NaN for absent
    classes.

    drops: each example's drop in correctness, margin or loss without each unit.
    """
    labels = jnp.asarray(labels)
    observed = metrics.by_class(drops, labels, classes=classes)

    def largest(key):
        return jnp.nanmax(metrics.by_class(drops, jax.random.permutation(key, labels), classes=classes))

    null = jax.lax.map(largest, jax.random.split(key, draws))
    exceeded = jnp.sum(null >= observed[..., None], axis=-1)
    return jnp.where(jnp.isnan(observed), jnp.nan, (exceeded + 1) / (draws + 1))


class Predictors(NamedTuple):
    """What might tell beforehand how much a class suffers without a unit; NaN for a class without examples.

    A weight is the gradient of the class's logit, averaged over the class: behind the last hidden layer it is the
    output weight itself. Centred: the activation less its mean over all examples.
    """

    selectivity: Float[Array, "units classes"]
    activation: Float[Array, "units classes"]
    weight: Float[Array, "units classes"]
    activation_weight: Float[Array, "units classes"]
    centred_activation_weight: Float[Array, "units classes"]


def predictors(network: Network, data: Dataset, *, site: Site) -> Predictors:
    """The candidates of `Predictors` for every unit of a site and every class."""
    labels = jnp.asarray(data.labels)
    logits, activations = _read(network, data, site)

    def own_logits(at_site):
        return jnp.sum(jnp.take_along_axis(network(data.images, {site: replace(at_site)})[0], labels[:, None], axis=1))

    gradient = jax.grad(own_logits)(activations)
    average = partial(metrics.by_class, labels=labels, classes=logits.shape[-1])
    centred = activations - jnp.mean(activations, axis=0)
    return Predictors(
        selectivity=responses.selectivity(activations, labels, classes=logits.shape[-1]).index.T,
        activation=average(activations.T),
        weight=average(gradient.T),
        activation_weight=average((activations * gradient).T),
        centred_activation_weight=average((centred * gradient).T),
    )


def _read(network: Network, data: Dataset, site: Site) -> tuple[Array, Array]:
    check_site(network.model, site)
    logits, activations = network(data.images)
    return logits, activations[site]


def _moves(network: Network, data: Dataset, site: Site, kind: str, key) -> tuple[Array, Array]:
    """The activations at a site, and what takes each of them to its fill."""
    logits, activations = _read(network, data, site)
    return activations, fill(kind, activations, data.labels, classes=logits.shape[-1], key=key) - activations


def _linear_after(network: Network, site: Site) -> tuple[Array, Site] | None:
    """The kernel that a site feeds and the site that it feeds into, where nothing else lies between."""
    model, (layer, _, part) = network.model, site.partition("/")
    last = "norm" if model.norm != "none" and model.norm_position == "after" else "post"
    if part != last:
        return None
    following = int(layer.removeprefix("hidden")) + 1
    if following == len(model.widths):
        return jnp.asarray(network.variables["params"]["output"]["kernel"]), "logits"
    if model.norm != "none" and model.norm_position == "before":
        return None
    kernel = jnp.asarray(network.variables["params"][f"hidden{following}"]["kernel"])
    return kernel, sites(model)[sites(model).index(site) + 1]


def _map(fn: Callable, arguments: tuple, chunk: int | None) -> Any:
    return jax.vmap(fn)(*arguments) if chunk is None else jax.lax.map(lambda a: fn(*a), arguments, batch_size=chunk)


def _drop_axis(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[:, 0], tree)


def _smallest(values: Array, count: Array) -> Array:
    """Whether each value is among the `count` smallest of its row."""
    return jnp.argsort(jnp.argsort(values, axis=-1), axis=-1) < count
