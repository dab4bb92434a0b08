"""Which parameters belong to a unit, which are weights, and what does each weight read? For pruning.

A mask is a tree like the parameters: 1 for what is kept, 0 for what is not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Array, Bool, Float

from jaxinterp.networks.layers import sites
from jaxinterp.networks.mlp import OUTPUT
from jaxinterp.networks.network import Network
from jaxinterp.networks.steps import Convolution, Dense
from jaxinterp.networks.symmetry import symmetry

Masks = Any


def unit_masks(network: Network, kept: Sequence[Bool[Array | np.ndarray, "_"]]) -> Masks:
    """0 for all parameters of units that are not kept: their weights in and out, their biases and their norms'.

    kept: of each layer. A unit without parameters stays in its layer, constant, and nothing reads it.
    """
    masks = jax.tree.map(jnp.ones_like, network.variables["params"])
    flat: dict[Any, Any] = flatten_dict({"params": masks})
    for own, parts in zip(kept, symmetry(network.model), strict=True):
        for part in parts:
            if not part.statistics:
                after = [1] * (-part.axis - 1)
                flat[part.path] = flat[part.path] * jnp.tile(own, part.positions).reshape(-1, *after)
    return unflatten_dict(flat)["params"]


def weight_masks(network: Network, kept: Mapping[str, Bool[Array | np.ndarray, "..."]]) -> Masks:
    """0 for the weights that are not kept, by the name of their kernel as in `kernels`; biases and norms are kept."""
    masks: Any = jax.tree.map(jnp.ones_like, network.variables["params"])
    return masks | {name: masks[name] | {"kernel": 1.0 * jnp.asarray(own)} for name, own in kept.items()}


def masked(network: Network, masks: Masks) -> Network:
    """The network with its parameters multiplied by a mask."""
    params = jax.tree.map(jnp.multiply, network.variables["params"], masks)
    return network.replace(variables={**network.variables, "params": params})


def kernels(network: Network, params: Any = None) -> dict[str, Array]:
    """Every kernel by its name, "… inputs outputs", in the order of computation; params: others like the network's."""
    params = network.variables["params"] if params is None else params
    return {name: params[name]["kernel"] for name, _ in _products(network)}


def inputs_of_kernels(
    network: Network, images: Float[Array | np.ndarray, "examples pixels"]
) -> dict[str, Float[Array, "examples inputs"]]:
    """What the inputs of every kernel read, by its name: of a convolution the mean of a channel over its map.

    Behind feature maps, a kernel's inputs are the channels at each position.
    """
    activations, own = network(images)[1], kernels(network)
    return {
        name: jnp.mean(activations[site].reshape(len(images), -1, own[name].shape[-2]), axis=1)
        for name, site in _products(network)
    }


def output_layer(network: Network) -> tuple[Float[Array, "inputs outputs"], Float[Array, " outputs"]]:
    """The kernel and the bias of the output layer."""
    layer = network.variables["params"][OUTPUT]
    return layer["kernel"], layer["bias"]


def with_output_layer(
    network: Network, kernel: Float[Array, "inputs outputs"], bias: Float[Array, " outputs"]
) -> Network:
    """The network with another output layer."""
    params = {**network.variables["params"], OUTPUT: {"kernel": kernel, "bias": bias}}
    return network.replace(variables={**network.variables, "params": params})


def _products(network: Network) -> list[tuple[str, str]]:
    """The name of each kernel, and the site that it reads."""
    steps = zip(sites(network.model), network.model.steps, strict=False)
    parts = [(source, operation) for source, step in steps for operation in step.operations]
    return [(own.name, source) for source, own in parts if isinstance(own, Dense | Convolution)]
