"""Which units feed a unit, which units does it feed, and through which chains of units does an image reach it?"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp.analysis.attribution.folding import linear_pieces
from jaxinterp.analysis.attribution.maps import Images, explained
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import EXACT, INPUT, LOGITS, Network, check_site, depth, folded


class Connections(NamedTuple):
    """Every unit's most important connections, most important first; −1 and NaN where there are fewer.

    By weight: the connected units and the weights. By contribution: weight × the source's standard deviation over the
    images, which is the variation that the connection causes in the target. Values are signed, and sorted by absolute
    value.
    """

    incoming_units: Int[Array, "units connections"]
    incoming_weights: Float[Array, "units connections"]
    incoming_contribution_units: Int[Array, "units connections"]
    incoming_contributions: Float[Array, "units connections"]
    outgoing_units: Int[Array, "units connections"]
    outgoing_weights: Float[Array, "units connections"]
    outgoing_contribution_units: Int[Array, "units connections"]
    outgoing_contributions: Float[Array, "units connections"]


class Paths(NamedTuple):
    """Paths from an image to a unit, most important first; contributions are in units of the explained unit.

    - pixels: the pixel where a path starts, −1 where it starts with a bias;
    - units: the unit that it passes in each hidden layer; −1 before the layer whose bias it starts with, and everywhere
      for the explained unit's own bias;
    - contributions: intensity, or bias, × all weights on the path, 0 through an inactive unit;
    - total: sum over all existing paths, the unit's value; absolute: sum of their absolute values.
    """

    pixels: Int[Array, " paths"]
    units: Int[Array, "paths layers"]
    contributions: Float[Array, " paths"]
    total: Float[Array, ""]
    absolute: Float[Array, ""]


def connections(network: Network, images: Images, *, site: Site, k: int = 10) -> Connections:
    """The k most important connections into and out of every unit of a site's layer.

    Weights are those of `folded`, from the output of one activation function to the input of the next, so that they
    have one scale with and without batch norms. A weight of 0 is no connection, and a source that does not vary over
    the images, such as a dead unit, contributes to none. Pixels have only outgoing connections, logits only incoming
    ones. Raises InputError for an unknown site, k below 1, and layer norms.
    """
    check_site(network.model, site)
    if k < 1:
        raise InputError(f"k is {k}: use 1 or more connections")
    layers, activations = folded(network), network(images)[1]
    index = depth(network.model, site) + 1
    names = (INPUT, *(layer.post for layer in network.model.layers))

    def spread(layer: int):
        values = activations[names[layer]]
        varies = jnp.max(values, axis=0) > jnp.min(values, axis=0)
        return jnp.where(varies, jnp.std(values, axis=0), 0)

    none = jnp.zeros((activations[site].shape[-1], 1))
    incoming = layers[index - 1][0].T if index > 0 else none
    arriving = incoming * spread(index - 1) if index > 0 else none
    outgoing = layers[index][0] if index < len(layers) else none
    leaving = outgoing * spread(index)[:, None] if index < len(layers) else none
    return Connections(*_largest(incoming, k), *_largest(arriving, k), *_largest(outgoing, k), *_largest(leaving, k))


def top_paths(
    network: Network, image: Float[Array | np.ndarray, " pixels"], unit, *, k: int, site: Site = LOGITS
) -> Paths:
    """The k paths from an image's pixels and biases to a unit that contribute most; fewer if fewer exist.

    The value of a network with a piecewise linear activation function is the sum over all paths (pixel, unit, …, unit)
    of xᵢ W1ᵢⱼ g1ⱼ W2ⱼₗ g2ₗ …, where g is the function's slope at each unit (for ReLU 1 where the unit is active and 0
    elsewhere), and over paths that start with a bias. "Most" is by absolute value. The k best paths to every unit
    follow from those to the previous layer, so the whole table is never built: memory grows as k × the largest kernel.
    unit: one number. Raises InputError for an unknown site or unit, k below 1, norms over units, and other activation
    functions.
    """
    if k < 1:
        raise InputError(f"k is {k}: use 1 or more paths")
    pieces = linear_pieces(network)
    image = jnp.asarray(image)
    explained_unit = explained(network, image[None], unit, site)
    *hidden, (kernel, bias) = folded(network, site=site)
    layers = [*hidden, (jnp.take(kernel, explained_unit, axis=1), jnp.take(bias, explained_unit))]
    state, size = image, jnp.abs(image)
    # Contributions of the best paths to each unit, and the pixel and units on each path.
    values, trails = image[:, None], jnp.arange(len(image))[:, None, None]
    for layer, (kernel, bias) in enumerate(layers):
        extended = values[:, :, None] * kernel[:, None, :]
        extended = jnp.concatenate([extended.reshape(-1, len(bias)), bias[None]]).T
        trails = trails.reshape(-1, trails.shape[-1])
        trails = jnp.concatenate([trails, jnp.full((1, trails.shape[-1]), -1)])
        best = jax.lax.top_k(jnp.abs(extended), min(k, extended.shape[-1]))[1]
        values = jnp.take_along_axis(extended, best, axis=-1)
        reached = jnp.broadcast_to(jnp.arange(len(bias))[:, None, None], (*best.shape, 1))
        trails = jnp.concatenate([trails[best], reached], axis=-1)
        state = jnp.matmul(state, kernel, precision=EXACT) + bias
        size = jnp.matmul(size, jnp.abs(kernel), precision=EXACT) + jnp.abs(bias)
        if layer < len(hidden):
            slope = pieces.slope(state)
            values, state, size = values * slope[:, None], state * slope, size * jnp.abs(slope)
    trail = trails[0, :, :-1]
    return Paths(trail[:, 0], trail[:, 1:], values[0], state[0], size[0])


def _largest(table: Float[Array, "units others"], k: int):
    """The k entries of every row with the largest absolute values above 0, and their indices."""
    count = min(k, table.shape[-1])
    _, indices = jax.lax.top_k(jnp.abs(table), count)
    values = jnp.take_along_axis(table, indices, axis=-1)
    present = jnp.abs(values) > 0
    rest = ((0, 0), (0, k - count))
    return (
        jnp.pad(jnp.where(present, indices, -1), rest, constant_values=-1),
        jnp.pad(jnp.where(present, values, jnp.nan), rest, constant_values=jnp.nan),
    )
