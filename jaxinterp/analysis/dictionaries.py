"""Which features does a layer carry, perhaps more than it has units? Sparse dictionaries of its activations.

A dictionary has a direction of length 1 for each feature, and gives an activation back as a sum of at most k of them
with positive coefficients, on top of a centre, the mean. It is a k-sparse autoencoder: the coefficients are the k
largest of ReLU(E(a − centre) + bias). (A centre that is trained, too, ends anywhere, and the directions with it.)
Source: Makhzani and Frey 2013, k-sparse autoencoders, arXiv 1312.5663.

A dictionary always finds something. What it finds is compared with principal components, with random directions, with
the units themselves, with dictionaries of untrained networks and of units shuffled independently; and a feature that a
second dictionary of the same layer lacks is no finding (`found_again`).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Key

from jaxinterp.analysis import decompositions, matching
from jaxinterp.errors import InputError

BATCH = 128
LEARNING_RATE = 0.03  # of Adam, for activations whose mean square distance from their mean is the number of units
FOUND = 0.9  # the cosine of two directions that are one feature: less than a fifth of their squares is not shared
ALIVE = 0.001  # a feature is dead that less than this share of examples uses

Activations = Float[Array | np.ndarray, "examples units"]
Directions = Float[Array, "features units"]


class Dictionary(NamedTuple):
    """A sparse dictionary of a layer; directions have length 1, and are 0 for features that it is too small to have."""

    directions: Float[Array, "features units"]
    encoder: Float[Array, "features units"]
    bias: Float[Array, " features"]
    centre: Float[Array, " units"]


def fit(
    key: Key[Array, ""], activations: Activations, *, features: int, k: int, steps: int, size: Array | int | None = None
) -> Dictionary:
    """A dictionary of these activations, by Adam at a rate that falls to 0, from directions of examples.

    size: the number of features that it may have, at most `features`, by default all: it may be traced, so that
    dictionaries of several sizes are one program. A unit that never varies has no part in it. Raises InputError unless
    1 ≤ k ≤ features.
    """
    if not 1 <= k <= features:
        raise InputError(f"a dictionary of {features} features gives activations back by 1 to {features}, not by {k}")
    activations = jnp.asarray(activations)
    examples, units = activations.shape
    usable = (jnp.arange(features) < (features if size is None else size))[:, None]
    mean = jnp.mean(activations, axis=0)
    scale = jnp.sqrt(jnp.mean((activations - mean) ** 2))
    values = (activations - mean) / jnp.where(scale > 0, scale, 1)
    start, noise, draws = jax.random.split(key, 3)
    chosen = values[jax.random.randint(start, (features,), 0, examples)]
    directions = _unit_length(chosen + 0.1 * jax.random.normal(noise, chosen.shape)) * usable
    first = Dictionary(directions, directions, jnp.zeros(features), jnp.zeros(units))
    optimizer = optax.adam(optax.linear_schedule(LEARNING_RATE, 0.0, steps))

    def loss(dictionary, batch):
        return jnp.mean(jnp.sum((batch - restored(dictionary, code(dictionary, batch, k=k))) ** 2, axis=1))

    def step(state, number):
        dictionary, memory = state
        batch = values[jax.random.randint(jax.random.fold_in(draws, number), (BATCH,), 0, examples)]
        updates, memory = optimizer.update(jax.grad(loss)(dictionary, batch), memory)
        found: Any = optax.apply_updates(dictionary, updates)
        found = found._replace(directions=_unit_length(found.directions) * usable, encoder=found.encoder * usable)
        return (found._replace(bias=found.bias * usable[:, 0], centre=dictionary.centre), memory), None

    (found, _), _ = jax.lax.scan(step, (first, optimizer.init(first)), jnp.arange(steps))
    return found._replace(bias=found.bias * scale, centre=mean)


def code(dictionary: Dictionary, activations: Activations, *, k: int) -> Float[Array, "examples features"]:
    """Each example's coefficients: the k largest that the encoder gives, if they are positive, and 0 elsewhere."""
    given = _product(activations - dictionary.centre, dictionary.encoder.T) + dictionary.bias
    given = jnp.maximum(given, 0)
    return jnp.where(_largest(given, k), given, 0)


def restored(dictionary: Dictionary, code: Float[Array, "examples features"]) -> Float[Array, "examples units"]:
    """The activations that the coefficients stand for."""
    return dictionary.centre + _product(code, dictionary.directions)


def explained(activations: Activations, restored: Float[Array, "examples units"]) -> Float[Array, ""]:
    """The share of the variance, over all units, that activations given back explain; NaN where nothing varies."""
    activations = jnp.asarray(activations)
    total = jnp.sum((activations - jnp.mean(activations, axis=0)) ** 2)
    return 1 - jnp.sum((activations - restored) ** 2) / jnp.where(total > 0, total, jnp.nan)


def explained_by(directions: Directions, activations: Activations, *, k: int) -> Float[Array, ""]:
    """The share of variance that k of any directions explain, chosen for each example by matching pursuit.

    Again and again the direction along which most of the rest lies, of either sign, is taken from it. For the same
    question to dictionaries, principal components, random directions and units. Source: Mallat and Zhang 1993, Matching
    pursuits with time-frequency dictionaries.
    """
    activations = jnp.asarray(activations)
    rest = activations - jnp.mean(activations, axis=0)

    def take(rest, _):
        along = _product(rest, directions.T)
        most = jnp.argmax(jnp.abs(along), axis=1)
        return rest - jnp.take_along_axis(along, most[:, None], axis=1) * directions[most], None

    rest, _ = jax.lax.scan(take, rest, length=k)
    return explained(activations, activations - rest)


def principal_directions(activations: Activations) -> Float[Array, "units units"]:
    """The principal components of a layer, one in each row, by falling variance."""
    values = activations - jnp.mean(activations, axis=0)
    _, vectors = decompositions.eigh(_product(values.T, values))
    return vectors.T[::-1]


def alive(code: Float[Array, "examples features"]) -> Bool[Array, " features"]:
    """Which features are used by at least a share ALIVE of the examples."""
    return jnp.mean((code > 0).astype(jnp.float32), axis=0) >= ALIVE


def found_again(
    first: Directions, second: Directions, first_alive: Bool[Array, " features"], second_alive: Bool[Array, " features"]
) -> Bool[Array, " features"]:
    """Which features of one dictionary another has, too: matched one-to-one, their cosine is above FOUND.

    Both must be alive. Two dictionaries of the same layer, or a dictionary and the planted truth.
    """
    cosines = _product(first, second.T)
    cosines = jnp.where(first_alive[:, None] & second_alive, cosines, jnp.nan)
    order = matching.assign(cosines)
    return jnp.take_along_axis(cosines, order[:, None], axis=1)[:, 0] > FOUND


def lines(directions: Directions, chosen: Bool[Array, " features"]) -> Float[Array, ""]:
    """The number of chosen features, two that point in opposite directions counted as one.

    Independent units have two features each, above and below the centre: more than units, without superposition.
    """
    opposite = (_product(directions, directions.T) < -FOUND) & chosen[:, None] & chosen
    return jnp.sum(chosen & ~jnp.any(jnp.triu(opposite), axis=0)).astype(jnp.float32)


def _largest(values: Float[Array, "examples features"], k: int) -> Bool[Array, "examples features"]:
    """Whether each is among the k largest of its row. Taking the maximum k times is faster than sorting on a CPU."""
    if k >= values.shape[1]:
        return jnp.ones_like(values, bool)
    left = values
    for _ in range(k - 1):
        left = jnp.where(left == jnp.max(left, axis=1, keepdims=True), -jnp.inf, left)
    return values >= jnp.max(left, axis=1, keepdims=True)


def _unit_length(rows: Float[Array, "rows units"]) -> Float[Array, "rows units"]:
    size = jnp.linalg.norm(rows, axis=1, keepdims=True)
    return rows / jnp.where(size > 0, size, 1)


def _product(first, second):
    return jnp.matmul(first, second, precision=jax.lax.Precision.HIGHEST)
