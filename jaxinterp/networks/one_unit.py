"""How does the next layer's product change where a single unit changes? By that unit's weights alone."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxinterp.interventions import Site
from jaxinterp.networks.affine import EXACT
from jaxinterp.networks.convolution import convolve, pool
from jaxinterp.networks.layers import between, depth
from jaxinterp.networks.network import Network
from jaxinterp.networks.steps import LOGITS, Convolution, Dense, Flattening, Pooling, operations

Moved = Callable[[Array, Float[Array, "*batch"], Float[Array, "*batch"]], Float[Array, "*batch _"]]


def moved_by_one_unit(network: Network, site: Site) -> tuple[Moved, Site] | None:
    """A function (unit, its activation, change of it) → change of what the next layer's product gives; and that site.

    Activations are "examples *map". None where the product is not next, or more than pooling lies before it. Raises
    InputError for an unknown site.
    """
    model = network.model
    number = depth(model, site)
    if site == LOGITS or number < 0:
        return None
    target = model.layers[number + 1].pre if number + 1 < len(model.layers) else LOGITS
    *before, product = operations(between(model, site, target))
    if not isinstance(product, Dense | Convolution) or any(not isinstance(o, Pooling | Flattening) for o in before):
        return None
    pools = [operation for operation in before if isinstance(operation, Pooling)]

    def moved(unit, activation, change):
        if pools:
            change = _pooled(pools, activation + change) - _pooled(pools, activation)
        return _product(network, product, unit, change)

    return moved, target


def _pooled(pools: list[Pooling], channel: Float[Array, "examples rows columns"]) -> Float[Array, "examples _ _"]:
    for operation in pools:
        channel = pool(channel[..., None], operation.kind, operation.size)[..., 0]
    return channel


def _product(network: Network, product: Dense | Convolution, unit, change: Float[Array, "examples *map"]):
    """A product's part that is due to one of its inputs, without the bias."""
    kernel = jnp.asarray(network.variables["params"][product.name]["kernel"])
    if isinstance(product, Convolution):
        own = jnp.take(kernel, unit, axis=2)[:, :, None]
        return convolve(change[..., None], own, stride=product.stride, padding=product.padding)
    if change.ndim == 1:
        return change[:, None] * jnp.take(kernel, unit, axis=0)
    flat = change.reshape(len(change), -1)
    rows = kernel.reshape(flat.shape[1], -1, kernel.shape[-1])  # positions, channels, outputs
    return jnp.matmul(flat, jnp.take(rows, unit, axis=1), precision=EXACT)
