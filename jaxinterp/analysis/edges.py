"""Does a filter detect an oriented edge or line? The energy of the best pair of filters in quadrature.

A pair has one orientation: an odd filter, which an edge in the middle of the window excites most, and an even one, for
a line. The sum of both squares, the energy, depends on the orientation of an edge or line, and little on where in the
window it lies (Adelson and Bergen 1985). The pairs are Gabor functions (Daugman 1985) of one period per window, with
their mean removed and unit length; of a window of 3 × 3 pixels, the odd ones across rows and columns are Sobel's.

A filter that is no edge has some energy too, the more so the fewer pixels there are: compare with `shuffled`.
"""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import networks
from jaxinterp.analysis import attribution
from jaxinterp.data import Shape
from jaxinterp.errors import InputError
from jaxinterp.networks import Network

ORIENTATIONS = 16  # from 0 to 180 degrees: no edge is more than 6 degrees from one of them
LEAST = 3  # pixels: in a smaller window there are no lines

_SOBEL = 1 / (3 * np.sqrt(2 * np.log(2)))  # width of the Gaussian, as a share of the window
_ROUNDING = 1e-5

Filters = Float[Array | np.ndarray, "units rows columns channels"]


class Edges(NamedTuple):
    """How much of a filter is the edge or line that fits it best; all but the angle are shares from 0 to 1.

    - energy: share of the filter's variance, over all pixels and channels of the window, that the best pair explains;
    - across: share that the pair at right angles to it explains; of a spot or a ring it is as much;
    - oriented: energy − across, 1 for an edge in the middle of the window, 0 for what has no orientation;
    - odd: share of the energy that is due to the odd filter: 1 for an edge, 0 for a line;
    - angle: degrees, from 0 to 180, of the direction across the edge or line; 0 is along a row, 90 down a column.

    A constant filter has energy 0; odd and angle are then NaN. All is NaN for a filter that is not finite.
    """

    energy: Float[Array, " units"]
    across: Float[Array, " units"]
    oriented: Float[Array, " units"]
    odd: Float[Array, " units"]
    angle: Float[Array, " units"]


def edges(filters: Filters) -> Edges:
    """How much of each filter is an oriented edge or line.

    All channels of a filter have the same pair, each with its own amplitudes. Nothing depends on a filter's sign, scale
    or mean. Raises InputError for windows that are not square, or smaller than 3 × 3 pixels.
    """
    filters = jnp.asarray(filters)
    _, rows, columns, channels = filters.shape
    _check(rows, columns)
    pixels = jnp.moveaxis(filters, -1, 1).reshape(len(filters), channels, -1)
    largest = jnp.max(jnp.abs(pixels), axis=(1, 2), keepdims=True)
    pixels = pixels / jnp.where(largest > 0, largest, 1)  # squares neither vanish nor overflow
    centred = pixels - jnp.mean(pixels, axis=-1, keepdims=True)
    variance = jnp.sum(centred**2, axis=(1, 2))
    varies = variance > _ROUNDING * jnp.sum(pixels**2, axis=(1, 2))
    amplitudes = jnp.einsum("ucp,opq->uocq", centred, pairs(rows), precision=networks.EXACT)
    energies = jnp.sum(amplitudes**2, axis=2) / jnp.where(varies, variance, 1)[:, None, None]  # unit orientation parity
    both = jnp.sum(energies, axis=-1)
    best = jnp.argmax(both, axis=1)
    turned = (best + ORIENTATIONS // 2) % ORIENTATIONS

    def at(values, orientation):
        return jnp.take_along_axis(values, orientation[:, None], axis=1)[:, 0]

    energy, across = (jnp.where(varies, at(both, which), 0) for which in (best, turned))
    defined = jnp.where(varies, 1, jnp.nan)
    known = jnp.where(jnp.isfinite(variance), 1, jnp.nan)
    return Edges(
        energy * known,
        across * known,
        (energy - across) * known,
        at(energies[..., 0], best) / at(both, best) * defined * known,
        best * (180 / ORIENTATIONS) * defined * known,
    )


@cache
def pairs(side: int) -> Float[np.ndarray, "orientations pixels 2"]:
    """The odd and the even filter of each orientation in a window of side × side pixels, of mean 0 and unit length."""
    place = np.arange(side) - (side - 1) / 2
    row, column = (axis.ravel() for axis in np.meshgrid(place, place, indexing="ij"))
    angles = np.pi * np.arange(ORIENTATIONS)[:, None] / ORIENTATIONS
    phase = 2 * np.pi / side * (np.cos(angles) * column + np.sin(angles) * row)
    window = np.exp(-(row**2 + column**2) / (2 * (_SOBEL * side) ** 2))
    both = window[:, None] * np.stack([np.sin(phase), np.cos(phase)], axis=-1)
    both -= both.mean(axis=1, keepdims=True)
    return both / np.linalg.norm(both, axis=1, keepdims=True)


def step_edges(side: int) -> Float[np.ndarray, "orientations side side 1"]:
    """Sharp steps from −1 to 1 through the middle of a window, at each orientation: what a plain edge reaches.

    A pixel that the step crosses is in between. Steps are no Gabor functions, and have less than all their variance in
    one pair.
    """
    place = np.arange(side) - (side - 1) / 2
    angles = np.pi * np.arange(ORIENTATIONS)[:, None, None] / ORIENTATIONS
    return np.clip(2 * (np.cos(angles) * place + np.sin(angles) * place[:, None]), -1, 1)[..., None]


def shuffled(key, filters: Filters, *, draws: int) -> Float[Array, "draws units rows columns channels"]:
    """The filters with their pixels in random orders, one for all filters of a draw: the same values, but no edges.

    All channels of a pixel stay together.
    """
    units, rows, columns, channels = filters.shape
    pixels = jnp.asarray(filters).reshape(units, rows * columns, channels)
    orders = jax.vmap(lambda own: jax.random.permutation(own, rows * columns))(jax.random.split(key, draws))
    return jnp.moveaxis(pixels[:, orders], 0, 1).reshape(draws, *filters.shape)


def cut(maps: Float[Array | np.ndarray, "units pixels"], shape: Shape, *, side: int) -> Filters:
    """The window of side × side pixels of each map that has the largest sum of squares; the first one of several.

    shape: rows, columns and channels of the maps. Raises InputError where no such window fits.
    """
    rows, columns, channels = shape
    if side > min(rows, columns):
        raise InputError(f"no window of {side} × {side} pixels fits images of {rows} × {columns}: use a smaller side")
    images = jnp.asarray(maps).reshape(-1, rows, columns, channels)
    mass = jnp.sum(images**2, axis=-1)
    sums = jax.lax.reduce_window(mass, 0.0, jax.lax.add, (1, side, side), (1, 1, 1), "VALID")
    first = jnp.argmax(sums.reshape(len(images), -1), axis=1)
    row, column = jnp.divmod(first, columns - side + 1)

    def window(image, row, column):
        return jax.lax.dynamic_slice(image, (row, column, 0), (side, side, channels))

    return jax.vmap(window)(images, row, column)


def first_filters(network: Network, shape: Shape, *, side: int) -> Filters:
    """What the units of the first layer read of a window: the kernels of channels, and of neurons a `cut` of weights.

    shape: of the images; side: of the cut. Raises InputError as `cut` does.
    """
    first = network.model.layers[0]
    if networks.has_maps(network.model, first.pre):
        return networks.filters(network, first)
    return cut(attribution.weights(network, site=first.pre), shape, side=side)


def _check(rows: int, columns: int) -> None:
    if rows != columns or rows < LEAST:
        raise InputError(
            f"edges need square windows of {LEAST} × {LEAST} pixels or more, got {rows} × {columns}: cut them"
        )
