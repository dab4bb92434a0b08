"""How can a layer keep more features than it has units? Toy models of superposition, all of them in one program.

A toy model keeps n features in m units and gives them back as ReLU(WᵀWx + b). Features are independent: each is absent
(0) with a probability, the sparsity, and uniform in [0, 1] otherwise. The loss is the expectation of Σ Iᵢ (xᵢ − x̂ᵢ)²,
with an importance Iᵢ for each feature.

- Without sparsity, the m most important features get orthogonal directions of length 1, and the others none.
- With much sparsity and equal importance, features share dimensions: 2 in 1 are an antipodal pair, 5 in 2 a pentagon.

Source: Elhage et al. 2022, Toy models of superposition, arXiv 2209.10652.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from jaxinterp import ensemble
from jaxinterp.errors import InputError

KEPT = 0.5  # a feature is kept whose direction is longer: it comes back at more than a quarter of its size
BATCH = 128  # of draws in a step
CHECKED = 4096  # draws on which the final loss is estimated

Weight = Float[Array | np.ndarray, "units features"]
Draws = Float[Array, "features draws"]
Uniform = Float[Array, "uniforms draws"]  # one further, then one for each feature


class ToyModel(NamedTuple):
    """A toy model; the column of a feature in the weight is its direction in the layer."""

    weight: Float[Array, "*models units features"]
    bias: Float[Array, "*models features"]


class Trained(NamedTuple):
    """Toy models of every seed and sparsity, and the expected loss of each on draws that are the same for all."""

    models: ToyModel
    loss: Float[Array, "seeds sparsities"]


def fit(
    keys: Key[Array, " seeds"],
    sparsities: Float[Array | np.ndarray, " sparsities"],
    importance: Float[Array | np.ndarray, " features"],
    *,
    units: int,
    steps: int,
    learning_rate: float = 0.01,
) -> Trained:
    """Train a toy model for every seed and sparsity by Adam, at a rate that falls to 0; jittable.

    A seed's models share their initial weights and the uniform numbers behind their features, so that sparsities are
    compared in pairs; seeds share nothing. Raises InputError for sparsities that are not from 0 to below 1.
    """
    if isinstance(sparsities, np.ndarray) and not np.all((sparsities >= 0) & (sparsities < 1)):
        raise InputError(f"sparsities are probabilities from 0 to below 1, got {sparsities.tolist()}")
    features = importance.shape[0]
    optimizer = optax.adam(optax.linear_schedule(learning_rate, 0.0, steps))

    def of_seed(key, sparsities, importance):
        weight = jax.random.normal(key, (units, features)) / np.sqrt(features)
        first = ToyModel(weight, jnp.zeros(features))
        gradient = jax.vmap(jax.grad(expected_loss), (0, 0, None, None))

        def step(state, number):
            models, memory = state
            uniform = jax.random.uniform(jax.random.fold_in(key, number), (features + 1, BATCH))
            updates, memory = optimizer.update(gradient(models, sparsities, importance, uniform), memory)
            return (optax.apply_updates(models, updates), memory), None

        models = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(sparsities), *leaf.shape)), first)
        (models, _), _ = jax.lax.scan(step, (models, optimizer.init(models)), jnp.arange(steps))
        return models

    def of_share(keys, sparsities, importance):
        models: Any = jax.vmap(of_seed, (0, None, None))(keys, sparsities, importance)
        uniform = jax.random.uniform(jax.random.key(0), (features + 1, CHECKED))
        over_sparsities = jax.vmap(expected_loss, (0, 0, None, None))
        return Trained(models, jax.lax.map(lambda own: over_sparsities(own, sparsities, importance, uniform), models))

    return ensemble.over_devices(of_share)(keys, jnp.asarray(sparsities), jnp.asarray(importance))


def restored(model: ToyModel, features: Draws) -> Draws:
    """What a toy model gives back: ReLU(WᵀWx + b)."""
    hidden = jnp.matmul(model.weight, features, precision=jax.lax.Precision.HIGHEST)
    read = jnp.matmul(model.weight.T, hidden, precision=jax.lax.Precision.HIGHEST)
    return jnp.maximum(read + model.bias[:, None], 0)


def expected_loss(
    model: ToyModel, sparsity, importance: Float[Array, " features"], uniform: Uniform
) -> Float[Array, ""]:
    """The expected loss: exact where all features are absent, and by draws of `present` where one or more are not.

    At high sparsity nearly all draws would have no feature, and teach nothing.
    """
    none = sparsity ** importance.shape[0]
    drawn = present(sparsity, uniform)
    of_draws = jnp.sum(importance * jnp.mean((drawn - restored(model, drawn)) ** 2, axis=1))
    of_nothing = jnp.sum(importance * jnp.maximum(model.bias, 0) ** 2)
    return none * of_nothing + (1 - none) * of_draws


def present(sparsity, uniform: Uniform) -> Draws:
    """Features given that one or more are present, from uniform numbers in [0, 1).

    The first one draws the first feature that is present; those after it are independent of it. A number below the
    probability of presence, divided by that, is uniform again and the feature's value.
    """
    probability, numbers = 1 - sparsity, uniform[1:]
    count = len(numbers)
    # The inverse of the distribution function of a geometric variable below the count.
    first = jnp.floor(jnp.log1p(-uniform[0] * (1 - sparsity**count)) / jnp.log(sparsity))
    first = jnp.clip(jnp.nan_to_num(first), 0, count - 1)
    index = jnp.arange(count)[:, None]
    value = jnp.where(numbers < probability, numbers / probability, 0)
    return jnp.where(index < first, 0, jnp.where(index == first, numbers, value))


def norms(weight: Weight) -> Float[Array, " features"]:
    """The length of each feature's direction: about 1 if the feature is kept, 0 if not."""
    return jnp.linalg.norm(weight, axis=0)


def kept(weight: Weight) -> Float[Array, ""]:
    """How many features are kept: those whose direction is longer than KEPT."""
    return jnp.sum(norms(weight) > KEPT).astype(jnp.float32)


def interference(weight: Weight) -> Float[Array, " features"]:
    """How much other features show in a feature's direction, Σ_{j≠i} (Ŵᵢ·Wⱼ)²; 0 for one without a direction."""
    products, size = _products(weight)
    return (jnp.sum(products**2, axis=1) - jnp.diagonal(products) ** 2) / size**2


def dimensionality(weight: Weight) -> Float[Array, " features"]:
    """The share of a dimension that a feature has for itself, ‖Wᵢ‖²/Σⱼ(Ŵᵢ·Wⱼ)²; 0 for one without a direction.

    1 for a feature orthogonal to all others, ½ for each of an antipodal pair. They sum to at most the rank of the
    weight.
    """
    products, _ = _products(weight)
    total = jnp.sum(products**2, axis=1)
    return jnp.diagonal(products) ** 2 / jnp.where(total > 0, total, 1)


def _products(weight: Weight) -> tuple[Float[Array, "features features"], Float[Array, " features"]]:
    """Inner products of all directions, and their lengths, 1 in place of 0."""
    weight = jnp.asarray(weight)
    products = jnp.matmul(weight.T, weight, precision=jax.lax.Precision.HIGHEST)
    size = norms(weight)
    return products, jnp.where(size > 0, size, 1)
