"""How do networks come to be what they are? Activity, births, selectivity, drift and barriers over training.

A course is a `Network` whose leaves have leading axes "epochs seeds": the same networks at several times of their
training, in order (`ensemble.stack` of one ensemble per time). Its last time is called the end. Functions of a course
handle one epoch after another and keep the activations of a few epochs, never of all; `chunk` is the number of networks
that are computed at once.

Every comparison of a network with itself at another time comes with the same comparison between two networks, which
shows what the task alone makes similar. Networks that are not finite give NaN.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import barriers, correlation, matching, responses, similarity, spectrum, top_units
from jaxinterp.choices import ACTIVATIONS
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds, stack
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, pad_units, permute

Activations = Float[Array | np.ndarray, "examples units"]
Images = Float[Array | np.ndarray, "examples pixels"]

MEASURES = ("debiased CKA", "matched correlation")
REFERENCES = ("untrained", "previous", "same", "end")
ENDS, ORDERS = ("own end", "another network's end"), ("in order", "matched")


class Activity(NamedTuple):
    """What the activations of a layer are like on some images.

    mean, spread: mean and standard deviation over (image, unit). dead: share of units that fire (> 0) on no image.
    sparsity: share of (image, unit) that do not fire. participation, rank: how many directions the variance has, by
    `spectrum.participation_ratio` and `spectrum.effective_rank`; NaN for a constant layer.
    """

    mean: Float[Array, ""]
    spread: Float[Array, ""]
    dead: Float[Array, ""]
    sparsity: Float[Array, ""]
    participation: Float[Array, ""]
    rank: Float[Array, ""]


class Turnover(NamedTuple):
    """How many units came to life, and how many died, since the epoch before; 0 in the first."""

    births: Float[Array, "epochs *networks"]
    deaths: Float[Array, "epochs *networks"]


class Drift(NamedTuple):
    """How alike networks at each epoch are to those of each of REFERENCES, by each of MEASURES.

    own: a network and itself. between: network i at the epoch and network j at the reference; NaN where i is j.
    """

    own: Float[Array, "measures references epochs layers seeds"]
    between: Float[Array, "measures references epochs layers seeds seeds"]


class Becoming(NamedTuple):
    """Correlation over images of each unit at each epoch with units at the end; NaN where one of them is constant.

    own: with itself. other: with its match at the end of the next network.
    """

    own: Float[Array, "epochs seeds layers units"]
    other: Float[Array, "epochs seeds layers units"]


class Selective(NamedTuple):
    """Each class's AUC (`responses.selectivity`) of a unit that was chosen on other images.

    now: of the unit that is most selective at the epoch. end: of the one that is so at the end.
    """

    now: Float[Array, "epochs seeds classes"]
    end: Float[Array, "epochs seeds classes"]


def over_course(fn: Callable, *, chunk: int | None = None) -> Callable:
    """Lift fn(network, *shared) to a course: every array that it returns gets leading axes "epochs seeds".

    chunk: as for `ensemble.over_seeds`.
    """

    def lifted(course: Network, *shared):
        return jax.lax.map(lambda stage: over_seeds(fn, chunk=chunk)(stage, *shared), course)

    return lifted


def activity(activations: Activations) -> Activity:
    """The activity of one layer of one network."""
    live, variances = responses.liveness(activations), spectrum.variances(activations)
    return Activity(
        mean=jnp.mean(activations),
        spread=jnp.std(activations),
        dead=jnp.where(jnp.any(jnp.isnan(live.firing_rate)), jnp.nan, jnp.mean(live.dead)),
        sparsity=1 - jnp.mean(live.firing_rate),
        participation=spectrum.participation_ratio(variances),
        rank=spectrum.effective_rank(variances),
    )


def turnover(dead: Bool[Array | np.ndarray, "epochs *networks units"]) -> Turnover:
    """Births and deaths of units from epoch to epoch, by whether they are dead: a unit may be born more than once."""

    def count(before, after):
        changed = jnp.sum(before & after, axis=-1, dtype=jnp.result_type(float))
        return jnp.concatenate([jnp.zeros_like(changed[:1]), changed])

    was, now = jnp.asarray(dead)[:-1], jnp.asarray(dead)[1:]
    return Turnover(count(was, ~now), count(~was, now))


def stays_from(
    values: Float[Array | np.ndarray, "epochs *rest"], bar: Float[Array | np.ndarray, "*#rest"] | float
) -> Float[Array, "*rest"]:
    """The position of the first epoch from which values stay at or above a bar until the end; NaN where they do not.

    A value that is NaN is not above the bar.
    """
    above = jnp.asarray(values) >= bar
    lasting = jnp.sum(jnp.cumprod(above[::-1], axis=0), axis=0)
    return jnp.where(lasting > 0, 1.0 * (len(values) - lasting), jnp.nan)


def drift(course: Network, images: Images, key, *, chunk: int = 8) -> Drift:
    """Drift of every layer's activations after the activation function; previous of the first epoch is NaN.

    key: of the halves of the images on which `matching.matched_correlation` fits and scores. A unit and its mirror
    image match where the activation function is odd.
    """
    odd = ACTIVATIONS[course.model.activation].odd

    def compare(now, reference):
        matched = matching.matched_correlation(now, reference, key=key, absolute=odd, chunk=chunk)
        return jnp.stack([similarity.linear_cka(now, reference, chunk=chunk), matched])

    def step(previous, stage):
        now = _read(stage, images, chunk)
        found = [
            jax.lax.map(partial(compare, layers[2]), jnp.stack(layers))
            for layers in zip(first, previous, now, last, strict=True)
        ]
        return now, jnp.stack(found)  # layers references measures seeds seeds

    first, last = (_read(_at(course, place), images, chunk) for place in (0, -1))
    nothing = [jnp.full_like(layer, jnp.nan) for layer in first]
    _, found = jax.lax.scan(step, nothing, course)
    found = jnp.transpose(found, (3, 2, 0, 1, 4, 5))
    own = jnp.diagonal(found, axis1=-2, axis2=-1)
    return Drift(own, jnp.where(jnp.eye(own.shape[-1], dtype=bool), jnp.nan, found))


def becoming(course: Network, images: Images, *, chunk: int = 8) -> Becoming:
    """When does a unit become what it will be? Its correlation with its own end, and with another network's.

    The units of two ends are matched one to one on even images, up to sign where the activation function is odd, and
    all correlations are scored on odd images, in the layers' activations after the activation function.
    """
    odd = ACTIVATIONS[course.model.activation].odd

    def match(end, other):
        """The other's units in the order of those that they match, and with their signs."""
        fitted = matching.correlations(end[None, ::2], other[None, ::2])[0, 0]
        order = matching.assign(jnp.abs(fitted) if odd else fitted)
        signs = jnp.where(jnp.take_along_axis(fitted, order[:, None], axis=1)[:, 0] < 0, -1.0, 1.0)
        return other[:, order] * (signs if odd else 1.0)

    def correlate(now, end):
        """seeds units"""
        return correlation.rowwise(*(jnp.swapaxes(layer[:, 1::2], 1, 2) for layer in (now, end)))

    def at_epoch(stage):
        now = _read(stage, images, chunk)
        found = [[correlate(*pair) for pair in zip(now, end, strict=True)] for end in (ends, others)]
        return Becoming(*(jnp.moveaxis(pad_units([layer.T for layer in layers]), -1, 0) for layers in found))

    ends = _read(_at(course, -1), images, chunk)
    others = [jax.vmap(match)(end, jnp.roll(end, -1, axis=0)) for end in ends]
    return jax.lax.map(at_epoch, course)


def selective(
    course: Network, choosing: Dataset, scoring: Dataset, *, site: Site, classes: int, chunk: int = 8
) -> Selective:
    """How selective for each class is the unit of one layer that is most so, now and at the end?

    choosing: the images on which a class's unit of highest AUC is chosen; scoring: those on which its AUC is measured.
    """

    def table(network, data):
        found = responses.selectivity(network.units(data.images)[site], data.labels, classes=classes, bins=1)
        return found.auc  # classes units

    def chosen(network):
        return top_units.highest(table(network, choosing))

    def of_network(network, at_end):
        scores, picks = table(network, scoring), (chosen(network), at_end)
        return Selective(*(jnp.take_along_axis(scores, pick[:, None], axis=1)[:, 0] for pick in picks))

    ends = over_seeds(chosen, chunk=chunk)(_at(course, -1))
    return jax.lax.map(lambda stage: _over_seeds(of_network, chunk, stage, ends), course)


def barriers_to_end(
    course: Network,
    data: Dataset,
    key,
    *,
    points: int = 11,
    loss: str = "cross_entropy",
    chunk: int = 2,
) -> Float[Array, "ends orders epochs seeds"]:
    """The barrier of the loss between every network at every epoch and the ENDS: its own, and the next network's.

    See `barriers.barrier`, with points on the line; batch norm's statistics are computed from the data's images.
    ORDERS: the end's units in their own order, and after `barriers.weight_matching` with the network. key: of that.
    chunk: networks at once, each at all points of one line.
    """

    def between(network, end):
        matched = permute(end, barriers.weight_matching(network, end, key).orders)

        def to(other):
            return barriers.barrier(network, other, data, points=points, loss=loss, statistics=data.images).barrier

        return jax.lax.map(to, stack([end, matched]))

    def of_network(network, *ends):
        return jax.lax.map(partial(between, network), stack(ends))

    ends = _at(course, -1)
    others = jax.tree.map(lambda leaf: jnp.roll(leaf, -1, axis=0), ends)
    found = jax.lax.map(lambda stage: _over_seeds(of_network, chunk, stage, ends, others), course)
    return jnp.transpose(found, (2, 3, 0, 1))


def _over_seeds(fn: Callable, chunk: int, *own):
    """fn of what belongs to one seed, for all seeds."""
    return jax.lax.map(lambda one: fn(*one), own, batch_size=chunk)


def _at(course: Network, place: int) -> Network:
    return jax.tree.map(lambda leaf: leaf[place], course)


def _read(networks: Network, images, chunk: int) -> Sequence[Float[Array, "seeds examples units"]]:
    """Activations of every layer after its activation function."""

    def of_network(network):
        activations = network.units(images)
        return [activations[layer.post] for layer in network.model.layers]

    return over_seeds(of_network, chunk=chunk)(networks)
