"""Is a map a localised, connected cluster of pixels, or is it scattered? Statistics of any map over an image.

A map has one value per pixel: a unit's weights, a saliency map, an image that maximises a unit. The mass of a pixel is
the square of its value, divided by the sum of all squares. For a map of weights this is the pixel's share of the
variance of the unit's input, if all pixels vary equally and independently. The core of a map is the smallest set of
pixels that together have half of the mass. Two pixels are neighbours if they share an edge. No statistic depends on the
map's scale or sign. A map that is 0 everywhere, or has a value that is not finite, gives NaN.

Maps are square unless a function is given their grid, rows and columns. They have one value per pixel; of maps with
three channels, `over_channels` makes such maps with the same mass.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp.data import Shape, image_shape
from jaxinterp.networks import pad_units

CORE = 0.5  # share of the mass
TOP = 0.05  # share of the pixels
FOCUS = 0.25  # share of the core's mass: no more than four parts can be foci

# Masses that differ by less than this, relative to the largest, are equal but for rounding: all belong to the core.
_ROUNDING = 1e-5

Maps = Float[Array | np.ndarray, "units pixels"]
Masks = Bool[Array | np.ndarray, "units pixels"]
Grid = tuple[int, int]  # rows and columns


class Locality(NamedTuple):
    """How a map's mass is distributed in the image; n is the number of pixels, mᵢ their mass, Σ mᵢ = 1.

    - participation: 1/Σ mᵢ², the number of pixels that would carry an equally concentrated mass in equal parts, from 1
      to n (the reciprocal of the inverse participation ratio of Bell and Dean 1970);
    - gini: Gini coefficient of the mᵢ, from 0 where all are equal to 1 − 1/n where one pixel has all the mass (Hurley
      and Rickard 2009, arXiv 0811.4706);
    - top_share: mass of the 5 % of pixels with the largest mass;
    - spread: root mean square distance, in pixels, of the mass from its centre of mass; √((rows² + columns² − 2)/12)
      for equal mᵢ;
    - core: number of pixels in the core;
    - components: number of connected parts of the core;
    - largest: share of the core's mass in the largest of them; 1 where the core is one cluster;
    - moran: Moran's I of the map itself (Moran 1950), see `morans_i`.
    """

    participation: Float[Array, " units"]
    gini: Float[Array, " units"]
    top_share: Float[Array, " units"]
    spread: Float[Array, " units"]
    core: Float[Array, " units"]
    components: Float[Array, " units"]
    largest: Float[Array, " units"]
    moran: Float[Array, " units"]


class Foci(NamedTuple):
    """How many places hold a map's mass: count of foci, and how far apart the two of largest mass are.

    A focus is a connected part of the core that holds at least a quarter of the core's mass. Distance: between centres
    of mass, in pixels; 0 where there are not two.
    """

    count: Float[Array, " units"]  # pyright: ignore[reportIncompatibleMethodOverride]
    distance: Float[Array, " units"]


def over_channels(maps: Maps, shape: Shape) -> Float[Array, "units _"]:
    """Maps with one value per pixel, the root of the sum of squares over channels: each pixel keeps its mass."""
    *grid, channels = shape
    values = jnp.asarray(maps).reshape(len(maps), math.prod(grid), channels)
    return values[..., 0] if channels == 1 else jnp.linalg.norm(values, axis=-1)


def locality(maps: Maps, grid: Grid | None = None) -> Locality:
    """Every statistic of every map. Raises InputError for images that are not square and have no grid."""
    pixels = maps.shape[-1]
    _, columns = grid = grid or image_shape(pixels)
    mass = _mass(maps)
    ordered = jnp.sort(mass, axis=-1)
    rank = jnp.arange(1, pixels + 1)
    top = max(1, round(TOP * pixels))
    row, column = jnp.divmod(jnp.arange(pixels), columns)
    position = jnp.stack([row, column], axis=-1).astype(mass.dtype)
    centre = jnp.matmul(mass, position, precision=jax.lax.Precision.HIGHEST)
    distance = jnp.sum((position - centre[:, None]) ** 2, axis=-1)
    inside = core(maps)
    parts = connected(inside, grid)
    largest = jnp.max(_mass_by_part(mass, parts), axis=-1) / jnp.sum(jnp.where(inside, mass, 0), axis=-1)
    statistics = Locality(
        participation=1 / jnp.sum(mass**2, axis=-1),
        gini=jnp.sum((2 * rank - pixels - 1) * ordered, axis=-1) / pixels,
        top_share=jnp.sum(ordered[:, -top:], axis=-1),
        spread=jnp.sqrt(jnp.sum(mass * distance, axis=-1)),
        core=jnp.sum(inside, axis=-1).astype(mass.dtype),
        components=jnp.sum(parts == jnp.arange(pixels), axis=-1).astype(mass.dtype),
        largest=largest,
        moran=morans_i(maps, grid),
    )
    known = jnp.isfinite(mass[:, 0])
    return jax.tree.map(lambda values: jnp.where(known, values, jnp.nan), statistics)


def of_layers(layers: Sequence[Float[Array, "views _ pixels"]]) -> Float[Array, "views layers statistics units"]:
    """Every statistic, in the order of Locality's fields, of the maps of several layers; NaN for units that one lacks.

    One program for all layers. Raises InputError for images that are not square.
    """
    together = jnp.concatenate(layers, axis=1)
    values = jnp.stack(locality(together.reshape(-1, together.shape[-1]))).reshape(-1, *together.shape[:2])
    parts = jnp.split(values, np.cumsum([layer.shape[1] for layer in layers])[:-1], axis=2)
    padded = pad_units([jnp.moveaxis(part, 2, 0) for part in parts])  # layers units statistics views
    return jnp.transpose(padded, (3, 0, 2, 1))


def foci(maps: Maps) -> Foci:
    """The foci of every map; NaN for a map without mass. Raises InputError for images that are not square."""
    pixels = maps.shape[-1]
    side, _ = image_shape(pixels)
    inside = core(maps)
    mass = jnp.where(inside, _mass(maps), 0)
    share = mass / jnp.sum(mass, axis=-1, keepdims=True)
    parts = connected(inside)
    row, column = jnp.divmod(jnp.arange(pixels), side)
    held, down, across = (_mass_by_part(share * place, parts) for place in (jnp.ones(pixels), row, column))
    largest, two = jax.lax.top_k(held, min(2, pixels))
    weight = jnp.where(largest > 0, largest, 1)
    centres = jnp.stack([jnp.take_along_axis(sums, two, axis=-1) / weight for sums in (down, across)], axis=-1)
    distance = jnp.linalg.norm(centres[:, 0] - centres[:, -1], axis=-1)
    known = jnp.isfinite(share[:, 0])
    return Foci(
        jnp.where(known, jnp.sum(held >= FOCUS, axis=-1), jnp.nan).astype(share.dtype),
        jnp.where(known, jnp.where(largest[:, -1] >= FOCUS, distance, 0), jnp.nan),
    )


def core(maps: Maps) -> Bool[Array, "units pixels"]:
    """The fewest pixels with half of each map's mass, and all ties of the last one; none for a map without mass."""
    mass = _mass(maps)
    descending = jnp.sort(mass, axis=-1)[:, ::-1]
    before = jnp.cumsum(descending, axis=-1) - descending
    least = jnp.min(jnp.where(before < CORE - _ROUNDING, descending, jnp.inf), axis=-1, keepdims=True)
    return mass >= least - _ROUNDING * descending[:, :1]


def connected(masks: Masks, grid: Grid | None = None) -> Int[Array, "units pixels"]:
    """The connected part of the mask that each pixel is in, labelled by its first pixel; n outside the mask.

    n is the number of pixels. Each pixel takes the smallest label among its neighbours and of the pixel that its own
    label names, until none changes.
    """
    pixels = masks.shape[-1]
    rows, columns = grid or image_shape(pixels)

    def spread(state):
        labels, _ = state
        padded = jnp.pad(labels.reshape(-1, rows, columns), ((0, 0), (1, 1), (1, 1)), constant_values=pixels)
        near = (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
        least = jnp.minimum(labels, jnp.min(jnp.stack(near), axis=0).reshape(labels.shape))
        # A label is a pixel of the same part, so that pixel's label is valid too. This needs few rounds for long parts.
        outside = jnp.full((*labels.shape[:-1], 1), pixels, labels.dtype)
        jumped = jnp.take_along_axis(jnp.concatenate([least, outside], axis=-1), least, axis=-1)
        updated = jnp.where(masks, jnp.minimum(least, jumped), pixels)
        return updated, jnp.any(updated != labels)

    start = jnp.where(masks, jnp.arange(pixels), pixels)
    labels, _ = jax.lax.while_loop(lambda state: state[1], spread, (start, jnp.array(True)))
    return labels


def shuffled(key, where: Bool[Array | np.ndarray, " pixels"]) -> Int[Array, " pixels"]:
    """A random order of the pixels that `where` selects; each other pixel stays in its place.

    `maps[..., order]` have the same masses in other places: what a map that is not local looks like.
    """
    places = jnp.arange(len(where))
    targets = jnp.argsort(jnp.where(where, places, places + len(where)))
    sources = jnp.argsort(jnp.where(where, jax.random.uniform(key, where.shape), places + 1))
    return jnp.zeros_like(places).at[targets].set(sources)


def morans_i(maps: Maps, grid: Grid | None = None) -> Float[Array, " units"]:
    """Moran's I: are neighbours alike? n/W · Σ wᵢⱼ zᵢ zⱼ / Σ zᵢ²; z = map − mean, wᵢⱼ = 1 for neighbours, else 0.

    W = Σ wᵢⱼ. Near 1 for smooth maps, −1/(n − 1) on average for pixels in random order, −1 for a checkerboard; NaN for
    a constant map. Source: Moran 1950. Raises InputError for images that are not square and have no grid.
    """
    rows, columns = grid or image_shape(maps.shape[-1])
    maps = _scaled(maps)
    z = (maps - jnp.mean(maps, axis=-1, keepdims=True)).reshape(-1, rows, columns)
    products = jnp.sum(z[:, 1:] * z[:, :-1], axis=(1, 2)) + jnp.sum(z[:, :, 1:] * z[:, :, :-1], axis=(1, 2))
    variance = jnp.mean(z**2, axis=(1, 2))
    varies = jnp.max(maps, axis=-1) - jnp.min(maps, axis=-1) > _ROUNDING
    pairs = rows * (columns - 1) + columns * (rows - 1)
    return products / jnp.where(varies & (pairs > 0), pairs * variance, jnp.nan)


def _scaled(maps: Maps) -> Float[Array, "units pixels"]:
    """The map divided by its largest absolute value, so that squares neither vanish nor overflow; NaN if that is 0."""
    maps = jnp.asarray(maps)
    size = jnp.max(jnp.abs(maps), axis=-1, keepdims=True)
    return maps / jnp.where((size > 0) & jnp.isfinite(size), size, jnp.nan)


def _mass(maps: Maps) -> Float[Array, "units pixels"]:
    squares = _scaled(maps) ** 2
    return squares / jnp.sum(squares, axis=-1, keepdims=True)


def _mass_by_part(mass: Float[Array, "units pixels"], parts: Int[Array, "units pixels"]):
    """The mass of each part, at the index of its first pixel."""
    zeros = jnp.zeros_like(mass)
    return jax.vmap(lambda total, part, mass: total.at[part].add(mass, mode="drop"))(zeros, parts, mass)
