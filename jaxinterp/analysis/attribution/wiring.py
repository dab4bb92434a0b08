"""Which units feed a unit, which does it feed, and through which chains of units does an image reach it?"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp.analysis.attribution.folding import EXACT, folded, layer_of, linear_pieces
from jaxinterp.analysis.attribution.maps import Images, explained
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, check_site


class Connections(NamedTuple):
    """Every unit's most important connections, the most important first; −1 and NaN where there are fewer.

    By weight: units and the weights themselves. By contribution: weight × the source's standard deviation over the
    images, what the connection makes the target vary by. Both have their sign and are ordered without it.
    """

    incoming_units: Int[Array, "units places"]
    incoming_weights: Float[Array, "units places"]
    incoming_contribution_units: Int[Array, "units places"]
    incoming_contributions: Float[Array, "units places"]
    outgoing_units: Int[Array, "units places"]
    outgoing_weights: Float[Array, "units places"]
    outgoing_contribution_units: Int[Array, "units places"]
    outgoing_contributions: Float[Array, "units places"]


class Paths(NamedTuple):
    """Paths from an image to a unit, the most important first; contributions in units of the explained one.

    - pixels: the pixel where a path begins, −1 where it begins with a bias;
    - units: the unit that it passes in each hidden layer; −1 before the layer whose bias it begins with, throughout for
      the explained unit's own;
    - contributions: intensity, or bias, × all weights on the way, 0 through a closed unit;
    - total: of every path there is, the unit's value; absolute: the same of their sizes.
    """

    pixels: Int[Array, " paths"]
    units: Int[Array, "paths layers"]
    contributions: Float[Array, " paths"]
    total: Float[Array, ""]
    absolute: Float[Array, ""]


def connections(network: Network, images: Images, *, site: Site, k: int = 10) -> Connections:
    """The k most important connections into and out of every unit of a site's layer.

    Weights are those of `folded`, from what leaves one activation function to what enters the next, so that they have
    one scale with batch norms and without. A weight of 0 is no connection, and a source that does not vary over the
    images, a dead one, contributes to none. Pixels have only outgoing connections, logits only incoming ones. Raises
    InputError for a site that is not there, k below 1, and layer norms.
    """
    check_site(network.model, site)
    if k < 1:
        raise InputError(f"choose 1 connection or more, got {k}")
    layers, activations = folded(network), network(images)[1]
    place = layer_of(network, site) + 1
    names = ("input", *(f"hidden{layer}/post" for layer in range(len(layers) - 1)))

    def spread(layer: int):
        values = activations[names[layer]]
        varies = jnp.max(values, axis=0) > jnp.min(values, axis=0)
        return jnp.where(varies, jnp.std(values, axis=0), 0)

    none = jnp.zeros((activations[site].shape[-1], 1))
    incoming = layers[place - 1][0].T if place > 0 else none
    arriving = incoming * spread(place - 1) if place > 0 else none
    outgoing = layers[place][0] if place < len(layers) else none
    leaving = outgoing * spread(place)[:, None] if place < len(layers) else none
    return Connections(*_largest(incoming, k), *_largest(arriving, k), *_largest(outgoing, k), *_largest(leaving, k))


def top_paths(
    network: Network, image: Float[Array | np.ndarray, " pixels"], unit, *, k: int, site: Site = "logits"
) -> Paths:
    """The k paths of largest contribution, by size, from the pixels and biases of an image to a unit; fewer if so many.

    The value of a network with a piecewise linear activation function is the sum over all paths (pixel, unit, …, unit)
    of xᵢ W1ᵢⱼ g1ⱼ W2ⱼₗ g2ₗ …, g being the function's slope at each unit (for ReLU 1 where the unit is active and 0
    elsewhere), and of paths that begin with a bias. The k best of every unit follow from those of the layer before, so
    that the whole table is never built: memory grows as k × the largest kernel. unit: one number. Raises InputError for
    a site or a unit that does not exist, k below 1, norms over units, and other activation functions.
    """
    if k < 1:
        raise InputError(f"choose 1 path or more, got {k}")
    pieces = linear_pieces(network)
    image = jnp.asarray(image)
    asked = explained(network, image[None], unit, site)
    *hidden, (kernel, bias) = folded(network, site=site)
    layers = [*hidden, (jnp.take(kernel, asked, axis=1), jnp.take(bias, asked))]
    state, size = image, jnp.abs(image)
    values, trails = image[:, None], jnp.arange(len(image))[:, None, None]  # paths to each unit, and what is on them
    for layer, (kernel, bias) in enumerate(layers):
        ways = values[:, :, None] * kernel[:, None, :]
        ways = jnp.concatenate([ways.reshape(-1, len(bias)), bias[None]]).T
        trails = trails.reshape(-1, trails.shape[-1])
        trails = jnp.concatenate([trails, jnp.full((1, trails.shape[-1]), -1)])
        best = jax.lax.top_k(jnp.abs(ways), min(k, ways.shape[-1]))[1]
        values = jnp.take_along_axis(ways, best, axis=-1)
        own = jnp.broadcast_to(jnp.arange(len(bias))[:, None, None], (*best.shape, 1))
        trails = jnp.concatenate([trails[best], own], axis=-1)
        state = jnp.matmul(state, kernel, precision=EXACT) + bias
        size = jnp.matmul(size, jnp.abs(kernel), precision=EXACT) + jnp.abs(bias)
        if layer < len(hidden):
            slope = pieces.slope(state)
            values, state, size = values * slope[:, None], state * slope, size * jnp.abs(slope)
    trail = trails[0, :, :-1]
    return Paths(trail[:, 0], trail[:, 1:], values[0], state[0], size[0])


def _largest(table: Float[Array, "units others"], k: int):
    """The k entries of every row that are largest by size and not 0, and where they are."""
    count = min(k, table.shape[-1])
    _, places = jax.lax.top_k(jnp.abs(table), count)
    values = jnp.take_along_axis(table, places, axis=-1)
    present = jnp.abs(values) > 0
    rest = ((0, 0), (0, k - count))
    return (
        jnp.pad(jnp.where(present, places, -1), rest, constant_values=-1),
        jnp.pad(jnp.where(present, values, jnp.nan), rest, constant_values=jnp.nan),
    )
