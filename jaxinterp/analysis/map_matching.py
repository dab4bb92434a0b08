"""Do matched units of two networks use the same pixels? Correlation of the maps of units matched by their activations.

Units matched by their activations are compared by their maps, which the match did not use. Units matched by the maps
themselves correlate even if the maps are random, since the match chose them for it. `likeness` returns both, and the
mean over all pairs of units for comparison. A unit whose map is constant or not finite is left out.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import correlation, matching
from jaxinterp.data import spaced_rows

Maps = Float[Array | np.ndarray, "seeds views units pixels"]
Activations = Float[Array | np.ndarray, "seeds examples units"]


class Likeness(NamedTuple):
    """Correlation over pixels of paired units' maps, mean over units, by how units are paired.

    activations: matched by their activations. random: all pairs of units. maps: matched by the maps.
    """

    activations: Float[Array, "views seeds seeds"]
    random: Float[Array, "views seeds seeds"]
    maps: Float[Array, "views seeds seeds"]


def likeness(maps: Maps, activations: Activations, *, outputs: bool = False, odd: bool = False) -> Likeness:
    """How alike the maps of paired units are, for all pairs of networks and each view, one kind of map.

    outputs: the units are classes, which are paired with themselves unless they are matched by the maps. odd: a unit
    and its mirror image count as the same: a pair whose activations correlate negatively has one map negated.
    """
    # Matching stands alone: JAX keeps no program with a callback, so each process would compile all of it.
    table, pixels = _correlations(maps, activations)
    order = _order(table, outputs, odd)
    best = jnp.stack([matching.match(view, absolute=odd).value for view in pixels])
    return _means(table, pixels, order, best, odd=odd)


@jax.jit
def _correlations(maps: Maps, activations: Activations) -> tuple[Array, Array]:
    """Of all pairs of units: of their activations, and of their maps for each view."""
    views = jnp.moveaxis(jnp.asarray(maps), 1, 0)
    pixels = [matching.correlations(jnp.swapaxes(view, 1, 2)) for view in views]
    return matching.correlations(activations), jnp.stack(pixels)


@partial(jax.jit, static_argnames="odd")
def _means(table: Array, pixels: Array, order: Array, best: Array, *, odd: bool) -> Likeness:
    signed = jnp.where(table < 0, -1.0, 1.0) * pixels if odd else pixels
    matched = jnp.take_along_axis(signed, order[None, ..., None], axis=-1)[..., 0]
    best = jnp.abs(best) if odd else best
    return Likeness(jnp.nanmean(matched, axis=-1), jnp.nanmean(signed, axis=(-2, -1)), jnp.nanmean(best, axis=-1))


def gallery(
    maps: Maps,
    activations: Activations,
    where: Bool[np.ndarray, " pixels"] | bool = True,
    *,
    places: int,
    outputs: bool = False,
    odd: bool = False,
) -> tuple[Float[np.ndarray, "views places seeds pixels"], Float[np.ndarray, "views places seeds"]]:
    """Maps of some units of the first network and of their matches in the others, and their correlation with the first.

    where: the pixels that count for that. Units evenly from the one whose activations correlate most with its
    matches' to the one whose do least; of outputs the first. A map is negated where its unit is a mirror image. NaN
    in places that there are no units for.
    """
    count, views, units, pixels = maps.shape
    pictures = np.full((views, places, count, pixels), np.nan)
    if not count:
        return pictures, pictures[..., 0]
    order, alike = map(np.array, _matches(activations, outputs=outputs, odd=odd))
    order[0], alike[0] = np.arange(units), 1
    sign = np.where(alike < 0, -1, 1) if odd else np.ones_like(alike)
    ranked = np.argsort(-np.nan_to_num(np.abs(alike) if odd else alike).mean(axis=0), kind="stable")
    evenly = spaced_rows(units, places)
    picked = np.arange(len(evenly)) if outputs else ranked[evenly]
    rows = np.take_along_axis(np.asarray(maps), order[:, None, picked, None], axis=2)
    pictures[:, : len(picked)] = np.moveaxis(sign[:, None, picked, None] * rows, 0, 2)
    first = np.broadcast_to(pictures[:, :, :1], pictures.shape)
    return pictures, np.asarray(correlation.rowwise(pictures, first, where), np.float64)


def _order(activations: Float[Array, "seeds seeds_other units units_other"], outputs: bool, odd: bool) -> Array:
    if outputs:
        return jnp.broadcast_to(jnp.arange(activations.shape[-1]), activations.shape[:-1])
    return matching.match(activations, absolute=odd).order


@partial(jax.jit, static_argnames=("outputs", "odd"))
def _matches(activations: Float[Array | np.ndarray, "seeds examples units"], *, outputs: bool, odd: bool):
    """For every unit of the first network, its match in each network, and how the two's activations correlate."""
    table = matching.correlations(activations[:1], activations)
    order = _order(table, outputs, odd)
    return order[0], jnp.take_along_axis(table, order[..., None], axis=-1)[0, ..., 0]
