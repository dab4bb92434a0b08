"""What do a unit's class means say about it? How much of its variance they explain, and how many classes stand out."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import metrics
from jaxinterp.analysis import responses
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import Network

HALF = 0.5  # a unit responds to a class where its mean is at least half of that on its best class
OFTEN = 0.5  # it is active for a class where it is so on more than half of the class's images


class Profile(NamedTuple):
    """How each unit's activation depends on the class; a class without examples counts nowhere.

    - explained: share of the variance that lies between classes (η²); NaN for a constant unit;
    - responds: number of classes whose mean is at least half of the highest; 0 for a unit that is never above 0;
    - active: number of classes on most of whose images the unit is above 0;
    - highest, lowest: of the class means.
    """

    explained: Float[Array, " units"]
    responds: Float[Array, " units"]
    active: Float[Array, " units"]
    highest: Float[Array, " units"]
    lowest: Float[Array, " units"]


def profile(
    activations: Float[Array, "examples units"], labels: Int[Array | np.ndarray, " examples"], *, classes: int
) -> Profile:
    """The profile of every unit; NaN for one whose activations are not finite."""
    found = responses.by_class(activations, labels, classes=classes)
    weights = (found.count / jnp.sum(found.count))[:, None]

    def total(values):
        return jnp.sum(jnp.where(weights > 0, weights * values, 0), axis=0)

    mean = jnp.mean(activations, axis=0)
    between, within = total((found.mean - mean) ** 2), total(found.sd**2)
    constant = jnp.max(activations, axis=0) == jnp.min(activations, axis=0)
    highest = jnp.max(jnp.where(weights > 0, found.mean, -jnp.inf), axis=0)

    def count(condition):
        return jnp.sum(condition & (weights > 0), axis=0) + 0 * mean

    return Profile(
        explained=jnp.where(constant, jnp.nan, between / (between + within)),
        responds=count((found.mean >= HALF * highest) & (highest > 0)),
        active=count(found.firing_rate > OFTEN),
        highest=highest,
        lowest=jnp.min(jnp.where(weights > 0, found.mean, jnp.inf), axis=0),
    )


def selectivity_index(
    activations: Float[Array, "examples units"], labels: Int[Array | np.ndarray, " examples"], *, classes: int
) -> Float[Array, "classes units"]:
    """The index of `responses.selectivity` alone, which is quicker to permute."""
    mean = metrics.by_class(activations.T, labels, classes=classes).T
    count = jnp.sum(jnp.equal(labels[:, None], jnp.arange(classes)), axis=0)[:, None]
    rest = (jnp.sum(activations, axis=0) - count * mean) / (len(labels) - count)
    return (mean - rest) / (mean + rest + 1e-3)


class Selective(NamedTuple):
    """Selectivity index of each unit for its best class, chosen on other images; null: its 95th percentile."""

    observed: Float[Array, " units"]
    null: Float[Array, " units"]


def selective(
    network: Network,
    choosing: Dataset,
    scoring: Dataset,
    permuted: Int[Array | np.ndarray, "draws examples"],
    *,
    site: Site,
) -> Selective:
    """The index of each unit of a site for its best class, chosen on other images; its null by permuted labels."""
    classes = network.model.outputs
    first, second = (network.units(half.images)[site] for half in (choosing, scoring))
    best = jnp.argmax(selectivity_index(first, choosing.labels, classes=classes), axis=0)

    def chosen(labels):
        return jnp.take_along_axis(selectivity_index(second, labels, classes=classes), best[None], axis=0)[0]

    null = jax.lax.map(chosen, jnp.asarray(permuted), batch_size=10)
    return Selective(chosen(jnp.asarray(scoring.labels)), jnp.quantile(null, 0.95, axis=0))
