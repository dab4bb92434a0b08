"""What is maximised? An objective is a function of activations that returns one number per objective and restart.

Activations are those of images "objectives restarts pixels": row o has the images that maximise the o-th unit,
direction or class. Use "/pre" sites: after an inactive ReLU there is no gradient.
"""

from collections.abc import Callable, Sequence

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Activations, Position

Objective = Callable[[Activations], Array]
Indices = Int[Array | np.ndarray, " objectives"] | Sequence[int]

# Accelerators multiply with fewer bits by default.
_EXACT = jax.lax.Precision.HIGHEST


def units(site: Site, units: Indices) -> Objective:
    """The activation of one unit per objective. Raises InputError, when used, for an unknown unit or site."""

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        return _chosen(_at(activations, site), units, site)

    return objective


def channels(site: Site, channels: Indices, position: Position) -> Objective:
    """The activation of one channel per objective at one position of its map: row and column.

    Raises InputError, when used, for an unknown channel or site, for one without feature maps, and for a position
    outside the map.
    """

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        return _chosen(_at_position(activations, site, position), channels, site)

    return objective


def directions(site: Site, directions: Float[Array | np.ndarray, "objectives units"]) -> Objective:
    """The inner product of a site's activations with one direction per objective.

    Raises InputError, when used, for directions whose size is not the site's.
    """

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        values = _at(activations, site)
        _check_objectives(directions.shape[0], values)
        _check_units(directions, values, site)
        return jnp.einsum("oru,ou->or", values, directions, precision=_EXACT)

    return objective


def logits(classes: Indices) -> Objective:
    """The logit of one class per objective."""
    return units("logits", classes)


def logit_differences(first: Indices, second: Indices) -> Objective:
    """The logit of one class minus that of another, one pair per objective."""
    return total([(1.0, logits(first)), (-1.0, logits(second))])


def layer_norm(site: Site) -> Objective:
    """The Euclidean length of a site's activation vector, the same for every objective. Its gradient at 0 is 0."""

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        return _length(_at(activations, site))[..., 0]

    return objective


def diverse(site: Site, strength, weights: Float[Array | np.ndarray, "objectives units"] | None = None) -> Objective:
    """A penalty that makes an objective's restarts its facets: −strength · mean |cos| with the other restarts' vectors.

    The vectors are the site's activations or, with weights, the contributions weight · activation. Add it to an
    objective with `total`: two facets that overlap fully then cost `strength`, in units of the objective. It uses
    angles, since inner products would also fall if all activations shrank; vectors that can only be parallel stay so,
    at full length. A vector of zeros is orthogonal to all. 0 for one restart. Source: Olah et al. 2017, "Feature
    visualization", section on diversity.
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
    """The weighted sum Σ weight · objective. Raises InputError for an empty sequence."""
    if not parts:
        raise InputError("total got no objectives: give at least one (weight, objective)")

    def objective(activations: Activations) -> Float[Array, "objectives restarts"]:
        return sum((weight * part(activations) for weight, part in parts[1:]), parts[0][0] * parts[0][1](activations))

    return objective


def _chosen(
    values: Float[Array, "objectives restarts units"], units: Indices, site: Site
) -> Float[Array, "objectives restarts"]:
    chosen = jnp.asarray(units)
    _check_objectives(chosen.shape[0], values)
    known = () if isinstance(chosen, jax.core.Tracer) else np.asarray(chosen)
    for unit in known:
        if not 0 <= unit < values.shape[-1]:
            raise InputError(f"no unit {unit} at {site}: use 0 to {values.shape[-1] - 1}")
    # A selection instead of a product with ones and zeros, because other units may be infinite.
    mask = jnp.expand_dims(chosen, (1, 2)) == jnp.arange(values.shape[-1])
    return jnp.sum(jnp.where(mask, values, 0.0), axis=-1)


def _at(activations: Activations, site: Site) -> Float[Array, "objectives restarts units"]:
    """The units' activations; those of channels are means over their maps."""
    values = _known(activations, site)
    return jnp.mean(values, axis=(-3, -2)) if values.ndim == 5 else values


def _at_position(
    activations: Activations, site: Site, position: Position
) -> Float[Array, "objectives restarts channels"]:
    values, (row, column) = _known(activations, site), position
    if values.ndim != 5:
        raise InputError(f"{site} has no feature maps: its units see the whole image")
    rows, columns = values.shape[2:4]
    if not (0 <= row < rows and 0 <= column < columns):
        raise InputError(f"no position {position} at {site}: use rows 0 to {rows - 1}, columns 0 to {columns - 1}")
    return values[:, :, row, column]


def _known(activations: Activations, site: Site) -> Float[Array, "objectives restarts *positions units"]:
    if site not in activations:
        raise InputError(f"no site {site!r} in this network; it has {', '.join(activations)}")
    return activations[site]


def _check_objectives(count: int, values: Float[Array, "objectives restarts units"]) -> None:
    if values.shape[0] != count:
        raise InputError(
            f"{count} objectives need {count} rows of images, got {values.shape[0]}: set objectives={count}"
        )


def _check_units(vectors, values: Float[Array, "objectives restarts units"], site: Site) -> None:
    if vectors.shape[-1] != values.shape[-1]:
        raise InputError(f"vectors of {vectors.shape[-1]} units do not fit {site}, which has {values.shape[-1]} units")


def _length(values: Float[Array, "objectives restarts units"]) -> Float[Array, "objectives restarts 1"]:
    """Euclidean length. Its gradient is 0, not NaN, where it is 0."""
    squares = jnp.sum(values**2, axis=-1, keepdims=True)
    return jnp.where(squares == 0, 0.0, jnp.sqrt(jnp.where(squares == 0, 1.0, squares)))
