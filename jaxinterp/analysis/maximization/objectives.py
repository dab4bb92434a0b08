"""What is to be maximised? An objective is a function of activations, to one number an objective and restart.

Activations are as a network returns them for images "objectives restarts pixels": row o holds the images that maximise
the o-th unit, direction or class. Aim at "/pre" sites: behind a closed ReLU there is no gradient.
"""

from collections.abc import Callable, Sequence

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Activations

Objective = Callable[[Activations], Array]
Indices = Int[Array | np.ndarray, " objectives"] | Sequence[int]

# Accelerators would otherwise multiply with fewer bits.
_EXACT = jax.lax.Precision.HIGHEST


def units(site: Site, units: Indices) -> Objective:
    """The activation of one unit an objective. Raises InputError, when used, for a unit or site that is not there."""

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        values = _at(activations, site)
        chosen = jnp.asarray(units)
        _check_objectives(chosen.shape[0], values)
        known = () if isinstance(chosen, jax.core.Tracer) else np.asarray(chosen)
        for unit in known:
            if not 0 <= unit < values.shape[-1]:
                raise InputError(f"no unit {unit} at {site}: use 0 to {values.shape[-1] - 1}")
        # A choice, not a product with ones and zeros: other units may be infinite.
        mask = jnp.expand_dims(chosen, (1, 2)) == jnp.arange(values.shape[-1])
        return jnp.sum(jnp.where(mask, values, 0.0), axis=-1)

    return objective


def directions(site: Site, directions: Float[Array | np.ndarray, "objectives units"]) -> Objective:
    """The inner product of a site's activations with one direction an objective.

    Raises InputError, when used, for directions of another size than the site's.
    """

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        values = _at(activations, site)
        _check_objectives(directions.shape[0], values)
        _check_units(directions, values, site)
        return jnp.einsum("oru,ou->or", values, directions, precision=_EXACT)

    return objective


def logits(classes: Indices) -> Objective:
    """The logit of one class an objective."""
    return units("logits", classes)


def logit_differences(first: Indices, second: Indices) -> Objective:
    """The logit of one class less that of another, a pair an objective."""
    return total([(1.0, logits(first)), (-1.0, logits(second))])


def layer_norm(site: Site) -> Objective:
    """The Euclidean length of a site's activation vector, the same for every objective; its gradient at 0 is 0."""

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        return _length(_at(activations, site))[..., 0]

    return objective


def diverse(site: Site, strength, weights: Float[Array | np.ndarray, "objectives units"] | None = None) -> Objective:
    """Makes the restarts of an objective its facets: −strength · mean over the other restarts of |cos| between vectors.

    The vectors are the site's activations or, with weights, the contributions weight · activation. Add it to what is
    to be maximised, with `total`: two facets that fully overlap then cost `strength`, in units of the objective. By
    angle, since inner products themselves would fall if all activations shrank; what can only be parallel stays so, at
    its full value. A vector of zeros is orthogonal to all.
    0 for one restart. Source: Olah et al. 2017, "Feature visualization", section on diversity.
    """

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        values = _at(activations, site)
        if weights is not None:
            _check_objectives(weights.shape[0], values)
            _check_units(weights, values, site)
            values = values * jnp.expand_dims(weights, 1)
        lengths = _length(values)
        vectors = values / jnp.where(lengths > 0, lengths, 1.0)
        cosines = jnp.einsum("oru,osu->ors", vectors, vectors, precision=_EXACT)
        restarts = values.shape[1]
        others = jnp.sum(jnp.where(jnp.eye(restarts, dtype=bool), 0.0, jnp.abs(cosines)), axis=-1)
        return -strength * others / max(restarts - 1, 1)

    return objective


def total(parts: Sequence[tuple[float, Objective]]) -> Objective:
    """The weighted sum Σ weight · objective. Raises InputError where there is nothing to sum."""
    if not parts:
        raise InputError("a total of no objectives: give at least one (weight, objective)")

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        return sum((weight * part(activations) for weight, part in parts[1:]), parts[0][0] * parts[0][1](activations))

    return objective


def _at(activations: Activations, site: Site) -> Float[Array, "objectives restarts units"]:
    if site not in activations:
        raise InputError(f"no site {site!r} in this network; it has {', '.join(activations)}")
    return activations[site]


def _check_objectives(count: int, values: Float[Array, "objectives restarts units"]) -> None:
    if values.shape[0] != count:
        raise InputError(
            f"{count} objectives need as many rows of images, got {values.shape[0]}: set objectives={count}"
        )


def _check_units(vectors, values: Float[Array, "objectives restarts units"], site: Site) -> None:
    if vectors.shape[-1] != values.shape[-1]:
        raise InputError(f"vectors of {vectors.shape[-1]} units do not fit {site}, which has {values.shape[-1]}")


def _length(values: Float[Array, "objectives restarts units"]) -> Float[Array, "objectives restarts 1"]:
    """Euclidean length; a gradient of 0, not NaN, where it is 0."""
    squares = jnp.sum(values**2, axis=-1, keepdims=True)
    return jnp.where(squares == 0, 0.0, jnp.sqrt(jnp.where(squares == 0, 1.0, squares)))
