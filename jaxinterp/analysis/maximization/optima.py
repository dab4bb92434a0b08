"""How high can a unit go? Closed forms for units that are linear in the pixels, interval bounds for the others."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import attribution
from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.interventions import Site
from jaxinterp.networks import (
    EXACT,
    INPUT,
    MLP,
    Network,
    activation_function,
    check_site,
    convolves,
    sites,
    unit_values,
)
from jaxinterp.networks.convolution import convolve, pool
from jaxinterp.networks.steps import Activation, Convolution, Dense, Norm, Operation, Pooling, Scaling, Unflattening

Weights = Float[Array | np.ndarray, "units pixels"]
Bias = Float[Array | np.ndarray, " units"]
Optima = tuple[Float[Array, "units pixels"], Float[Array, " units"]]
Bounds = tuple[Float[Array, "*maps units"], Float[Array, "*maps units"]]


def affine(network: Network) -> tuple[Float[Array, "units pixels"], Float[Array, " units"]]:
    """Weights and bias of the first layer as a function of the pixels, with input scaling and batch norm folded in.

    Its pre-activation is weights · x + bias. Raises InputError for a layer norm before the activation function.
    """
    site, blank = sites(network.model)[1], jnp.zeros(network.pixels)
    if convolves(network.model):  # a channel's mean is linear in the pixels, with the same gradient on every image
        weights = attribution.gradients(network, blank[None], site=site)
    else:
        weights = attribution.weights(network, site=site)
    return weights, network.units(blank)[site]


def box_optimum(weights: Weights, bias: Bias, *, low: float = 0.0, high: float = 1.0) -> Optima:
    """The image in [low, high] with the highest w·x + b, and that value: high where w > 0, low elsewhere."""
    weights = jnp.asarray(weights)
    images = jnp.where(jnp.isnan(weights), jnp.nan, jnp.where(weights > 0, high, low))
    return images, jnp.sum(weights * images, axis=-1) + bias


def ball_optimum(weights: Weights, bias: Bias, radius) -> Optima:
    """The image of norm ≤ radius with the highest w·x + b, and that value: r·w/‖w‖ and r‖w‖ + b; blank for w = 0.

    It is also the optimum on the sphere of that norm.
    """
    norm = jnp.linalg.norm(jnp.asarray(weights), axis=-1, keepdims=True)
    return radius * weights / jnp.where(norm == 0, 1.0, norm), radius * norm[:, 0] + bias


def penalty_optimum(weights: Weights, bias: Bias, penalty) -> Optima:
    """The image with the highest w·x + b − λ‖x‖², and that value: w/2λ and ‖w‖²/4λ + b."""
    return jnp.asarray(weights) / (2 * penalty), jnp.sum(jnp.asarray(weights) ** 2, axis=-1) / (4 * penalty) + bias


def share_of_optimum(network: Network, values: Bias) -> Float[Array, " units"]:
    """How far values of first-layer units go from the blank image's to `box_optimum`'s; NaN where these are equal."""
    weights, blank = affine(network)
    room = box_optimum(weights, blank)[1] - blank
    return (jnp.asarray(values) - blank) / jnp.where(room > 0, room, jnp.nan)


def interval_bounds(network: Network, *, site: Site, low: float = 0.0, high: float = 1.0) -> Bounds:
    """Lower and upper bounds of every unit of a site, for any image with pixels in [low, high].

    Each layer is treated as if its inputs could reach their bounds independently: exact at the first layer's
    pre-activation without layer norm, wider with each layer. A layer norm of n units gives at most √(n − 1) standard
    deviations. Source: Gowal et al. 2018, arXiv 1810.12715. Raises InputError for an unknown site.
    """
    least, most = (
        unit_values(network.model, site, bound) for bound in map_bounds(network, site=site, low=low, high=high)
    )
    return least, most


def map_bounds(network: Network, *, site: Site, low: float = 0.0, high: float = 1.0) -> Bounds:
    """`interval_bounds` of a channel at each position of its map, "rows columns channels"; of neurons the same."""
    check_site(network.model, site)
    bounds = jnp.full(network.pixels, low), jnp.full(network.pixels, high)
    bounds_at = {INPUT: bounds}
    for step in network.model.steps:
        for operation in step.operations:
            bounds = _bounds_after(network, operation, bounds)
        bounds_at[step.site] = bounds
    return bounds_at[site]


def _product(values, kernel):
    return jnp.matmul(values, kernel, precision=EXACT)


def _bounds_after(network: Network, operation: Operation, bounds: tuple[Array, Array]) -> Bounds:
    """The bounds of the output of one operation of a network, from those of its input."""
    if isinstance(operation, Scaling):
        least, most = ((bound - operation.mean) / operation.std for bound in bounds)
        return least, most
    if isinstance(operation, Dense):
        return _scaled(bounds, **network.variables["params"][operation.name])
    if isinstance(operation, Norm):
        return _normed(network, operation, bounds)
    if isinstance(operation, Activation):
        return _activated(network.model, bounds)
    if isinstance(operation, Convolution):
        product = partial(convolve, stride=operation.stride, padding=operation.padding)
        return _scaled(bounds, **network.variables["params"][operation.name], product=product)
    if isinstance(operation, Pooling):
        low, high = (pool(bound, operation.kind, operation.size) for bound in bounds)
        return low, high
    low, high = (bound.reshape(operation.shape if isinstance(operation, Unflattening) else -1) for bound in bounds)
    return low, high


def _scaled(
    bounds: tuple[Array, Array],
    kernel: Float[Array, "*window inputs units"],
    bias: Float[Array, " units"],
    product: Callable = _product,
) -> Bounds:
    """The bounds times kernel plus bias."""
    low, high = bounds
    rising, falling = jnp.maximum(kernel, 0), jnp.minimum(kernel, 0)

    def reach(with_rising, with_falling):
        parts = (with_rising, rising), (with_falling, falling)
        return sum((product(values, half) for values, half in parts), bias)

    return reach(low, high), reach(high, low)


def _normed(network: Network, norm: Norm, bounds: Bounds) -> Bounds:
    scale, bias = (network.variables["params"][norm.name][part] for part in ("scale", "bias"))
    over_units = NORMS[norm.kind].over_units
    if over_units is not None:
        reach = over_units.reach(scale.shape[0]) * jnp.abs(scale)
        return bias - reach, bias + reach
    statistics = network.variables["batch_stats"][norm.name]
    low, high = ((bound - statistics["mean"]) / jnp.sqrt(statistics["var"] + norm.epsilon) for bound in bounds)
    return jnp.minimum(scale * low, scale * high) + bias, jnp.maximum(scale * low, scale * high) + bias


def _activated(model: MLP, bounds: Bounds) -> Bounds:
    low, high = bounds
    function, lowest_at = activation_function(model), ACTIVATIONS[model.activation].least
    ends = function(low), function(high)
    least = ends[0] if lowest_at is None else function(jnp.clip(lowest_at, low, high))
    return least, jnp.maximum(*ends)
