"""Which networks compute the same? Units can be permuted, and some mirrored: a table of what moves together.

Source of the idea: the permutation specification of Git Re-Basin (Ainsworth et al. 2022, arXiv 2209.04836).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Array, Float, Int

from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.errors import InputError
from jaxinterp.networks.affine import EXACT
from jaxinterp.networks.layers import norm_over_units
from jaxinterp.networks.mlp import MLP, OUTPUT
from jaxinterp.networks.network import Network
from jaxinterp.networks.steps import Convolution, Dense, Flattening, Layer, Pooling, operations

Path = tuple[str, ...]

_READER = 1  # the place among a layer's parts of the kernel that reads it


class Part(NamedTuple):
    """One axis of one array of the variables that has an entry for each unit of a layer.

    axis: from the end. mirrored: whether entries change sign with their unit. positions: how many groups of all units
    follow one another on the axis, as flattened feature maps do. statistics: whether it is no parameter.
    """

    path: Path
    axis: int
    mirrored: bool
    positions: int = 1
    statistics: bool = False


def symmetry(model: MLP) -> tuple[tuple[Part, ...], ...]:
    """For each layer, the parts of the variables that are permuted together when its units are."""
    readers = _readers(model)
    return tuple(_parts(model, layer, *reader) for layer, reader in zip(model.layers, readers, strict=True))


def permute(
    network: Network,
    orders: Sequence[Int[Array | np.ndarray, "..."]],
    signs: Sequence[Float[Array | np.ndarray, "..."]] | None = None,
) -> Network:
    """The same function with units in another order: position k of layer l gets unit `orders[l][k]`.

    The activations are permuted accordingly, and logits change only by rounding. For an ensemble, orders have a leading
    seeds axis or are the same for all seeds. signs: −1 for a unit whose sign is flipped, by its new position. Raises
    InputError unless there is one order of the right size per layer, and for signs where the activation function is not
    odd, a layer norm mixes the units, or a maximum is pooled.
    """
    model = network.model
    seeds = network.variables["params"][OUTPUT]["bias"].shape[:-1]
    counts = tuple(layer.units for layer in model.layers)
    shapes = [tuple(order.shape) for order in orders]
    if len(shapes) != len(counts) or any(
        shape not in ((units,), (*seeds, units)) for shape, units in zip(shapes, counts, strict=True)
    ):
        raise InputError(f"hidden layers of {counts} units need one order each, got shapes {shapes}")
    if signs is not None:
        check_mirrors(model)
    if seeds:
        parts = jax.tree.map(lambda x: jnp.broadcast_to(x, (*seeds, x.shape[-1])), (tuple(orders), signs))
        return jax.vmap(permute)(network, *parts)
    flat: dict[Any, Any] = flatten_dict(network.variables)
    for number, (order, parts) in enumerate(zip(orders, symmetry(model), strict=True)):
        sign = jnp.ones(order.shape) if signs is None else signs[number]
        for part in parts:
            flat[part.path] = _moved(flat[part.path], part, order, sign)
    return Network(model, unflatten_dict(flat))


def mirrors(model: MLP) -> bool:
    """Whether a unit and its mirror image are equivalent: −1 times its weights in, and −1 times its weights out."""
    largest = any(isinstance(own, Pooling) and own.kind == "max" for own in operations(model.steps))
    return ACTIVATIONS[model.activation].odd and not norm_over_units(model) and not largest


def check_mirrors(model: MLP) -> None:
    """Raise InputError unless a unit and its mirror image are equivalent."""
    if not mirrors(model):
        odd = ", ".join(name for name, entry in ACTIVATIONS.items() if entry.odd)
        raise InputError(
            f"signs need an odd activation function ({odd}), no norm over units and no maximum over positions, "
            f"got {model.activation} with norm {model.norm}"
        )


def unit_products(first: Network, second: Network, layer: int) -> tuple[Array, Array]:
    """Inner products "units units" of the weights of all units of one layer of two networks of one model.

    Returns those of the parameters that change sign with a unit, and those of the others.
    """
    units = first.model.layers[layer].units
    one, other = flatten_dict(first.variables), flatten_dict(second.variables)
    mirrored = fixed = jnp.zeros((units, units))
    for part in symmetry(first.model)[layer]:
        rows = [_by_unit(flat[part.path], part, units) for flat in (one, other)]
        product = jnp.matmul(rows[0], rows[1].T, precision=EXACT)
        if part.mirrored and not part.statistics:
            mirrored = mirrored + product
        elif not part.statistics:
            fixed = fixed + product
    return mirrored, fixed


def incoming_weights(network: Network, layer: int) -> Float[Array, "units weights"]:
    """All weights by which each unit of a layer reads what is before it, of a channel at one position."""
    kernel = symmetry(network.model)[layer][0]
    flat = flatten_dict(network.variables)
    return _by_unit(flat[kernel.path], kernel, network.model.layers[layer].units)


def outgoing_weights(network: Network, layer: int) -> Float[Array, "units weights"]:
    """All weights by which the next layer reads each unit of a layer, of a channel at every position."""
    reader = symmetry(network.model)[layer][_READER]
    flat = flatten_dict(network.variables)
    return _by_unit(flat[reader.path], reader, network.model.layers[layer].units)


def _parts(model: MLP, layer: Layer, reader: str, positions: int) -> tuple[Part, ...]:
    """The parts of a layer, of the layer that reads it, and of its norm."""
    parts = [
        Part(("params", layer.name, "kernel"), -1, True),
        Part(("params", reader, "kernel"), -2, True, positions),
        Part(("params", layer.name, "bias"), -1, True),
    ]
    if layer.norm is not None:
        parts += [Part(("params", layer.norm, "bias"), -1, True), Part(("params", layer.norm, "scale"), -1, False)]
        if NORMS[model.norm].over_units is None:
            mean, var = (("batch_stats", layer.norm, name) for name in ("mean", "var"))
            parts += [Part(mean, -1, True, statistics=True), Part(var, -1, False, statistics=True)]
    return tuple(parts)


def _readers(model: MLP) -> list[tuple[str, int]]:
    """For each layer, the parameters that read it, and over how many positions of a flattened feature map."""
    found, positions = [], 1
    for operation in operations(model.steps):
        if isinstance(operation, Flattening):
            positions = operation.positions
        if isinstance(operation, Dense | Convolution):
            found.append((operation.name, positions))
            positions = 1
    return found[1:]  # the first reads the pixels


def _moved(value, part: Part, order, sign):
    """The array with its entries for the units in another order, mirrored where they are."""
    axis = value.ndim + part.axis
    split = value.reshape(*value.shape[:axis], part.positions, -1, *value.shape[axis + 1 :])
    taken = jnp.take(split, order, axis=axis + 1)
    if part.mirrored:
        taken = taken * jnp.reshape(sign, (-1, *[1] * (taken.ndim - axis - 2)))
    return taken.reshape(value.shape)


def _by_unit(value, part: Part, units: int):
    """The array as one row for each unit."""
    axis = value.ndim + part.axis
    split = value.reshape(*value.shape[:axis], part.positions, units, *value.shape[axis + 1 :])
    return jnp.moveaxis(split, axis + 1, 0).reshape(units, -1)
