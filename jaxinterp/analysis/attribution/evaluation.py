"""Are maps right? Curves as pixels change in the order of a map or in random order, and maps of randomised networks.

A map is any array "examples pixels": of a method, or the images themselves. Their order, brightest first, is the harder
control, since on a dark baseline only ink matters.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import ensemble, networks
from jaxinterp.analysis.attribution.integrals import Baseline, ends
from jaxinterp.analysis.attribution.maps import Images, Units, explained, value
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import LOGITS, Network, layer_parameters

Maps = Float[Array | np.ndarray, "..."]


class Sanity(NamedTuple):
    """Spearman correlation of a map with those after 0, 1, … and all layers are randomised, from the output down.

    absolute_correlations: of the absolute values of the maps. NaN for a constant map.
    """

    correlations: Float[Array, "layers examples"]
    absolute_correlations: Float[Array, "layers examples"]


def deletion(
    network: Network,
    images: Images,
    maps: Maps,
    units: Units,
    *,
    site: Site = LOGITS,
    baseline: Baseline = 0.0,
    steps: int = 28,
) -> Float[Array, "examples points"]:
    """The explained unit's value as pixels are set to the baseline, largest map values first, in equal steps.

    It runs from the image's value, at point 0, to the baseline's, at point `steps`; for a good map it falls early. Ties
    are in the order of the pixels. Source: Petsiuk et al. 2018, arXiv 1806.07421. Raises InputError for an unknown site
    or unit, for maps that do not fit the images, and for fewer than 1 step.
    """
    return _curves(network, images, maps, units, site, baseline, steps, inserted=False)


def insertion(
    network: Network,
    images: Images,
    maps: Maps,
    units: Units,
    *,
    site: Site = LOGITS,
    baseline: Baseline = 0.0,
    steps: int = 28,
) -> Float[Array, "examples points"]:
    """The explained unit's value as the baseline's pixels are set to the image's, in the same order.

    For a good map it rises early. Source and errors as for `deletion`.
    """
    return _curves(network, images, maps, units, site, baseline, steps, inserted=True)


def deletion_of_ink(
    network: Network,
    images: Images,
    maps: Maps,
    units: Units,
    shares: Float[Array | np.ndarray, " points"],
    *,
    site: Site = "logits",
) -> Float[Array, "examples points"]:
    """The explained unit's value as ink is blanked in a map's order, at these shares of each image's ink that are gone.

    Only pixels that are not 0 are blanked: blanking a dark pixel changes nothing, so that a signed map would win by
    putting dark pixels before the ink that speaks against the unit. Images differ in how much ink they have.
    """
    ink, pixels = jnp.asarray(images) > 0, images.shape[-1]
    by_pixel = deletion(network, images, jnp.where(ink, maps, -jnp.inf), units, site=site, steps=pixels)
    gone = jnp.asarray(shares) * jnp.sum(ink, axis=1, keepdims=True)
    return jax.vmap(jnp.interp, (0, None, 0))(gone, jnp.arange(pixels + 1.0), by_pixel)


def area(curves: Float[Array | np.ndarray, "examples points"]) -> Float[Array, " examples"]:
    """The area under each curve over the share of pixels (0 to 1), in units of the value; trapezoidal rule."""
    return jnp.trapezoid(jnp.asarray(curves), dx=1 / (curves.shape[-1] - 1), axis=-1)


def random_order(key, images: Images) -> Float[Array, "examples pixels"]:
    """The control of `deletion` and `insertion`: a map that orders the pixels of each image at random."""
    return jax.random.uniform(key, images.shape)


def randomized(key, network: Network, layers: int) -> Network:
    """The network with its last layers, and their norms, drawn again as before training.

    layers: how many, from the output down; for all of them the result is `networks.init(key, …)`. Raises InputError for
    more layers than the network has.
    """
    count = len(layer_parameters(network.model))
    if not 0 <= layers <= count:
        raise InputError(f"randomise 0 to {count} layers of this network, not {layers}")
    return _with_last(network, _fresh(key, network), layers)


def sanity(key, network: Network, images: Images, units: Units, method: Callable, *, site: Site = LOGITS) -> Sanity:
    """Does a method's map depend on what the network has learnt? Its maps, compared with those of randomised networks.

    Cascading randomisation: the same new weights, one more layer at a time. A map that stays similar when all layers
    are random shows the image and not the network (Adebayo et al. 2018, arXiv 1810.03292); methods that multiply by the
    input keep much of their absolute values. Layers after the site change nothing. method: one of `METHODS`, or a
    function with the same arguments.
    """
    fresh = _fresh(key, network)
    count = len(layer_parameters(network.model))
    cascade = [_with_last(network, fresh, layers) for layers in range(count + 1)]
    stacked = ensemble.stack(cascade)
    maps = jax.lax.map(lambda one: method(one, images, units, site=site), stacked)
    return Sanity(_with_first(maps), _with_first(jnp.abs(maps)))


def _fresh(key, network: Network) -> Network:
    return networks.init(key, network.model, network.pixels)


def _with_last(network: Network, other: Network, layers: int) -> Network:
    """The network with its last layers taken from another."""
    names = layer_parameters(network.model)
    taken = {name for part in names[len(names) - layers :] for name in part}
    variables = {
        kind: {name: (other if name in taken else network).variables[kind][name] for name in parts}
        for kind, parts in network.variables.items()
    }
    return network.replace(variables=variables)


def _curves(network, images, maps, units, site: Site, baseline: Baseline, steps: int, *, inserted: bool):
    explained_units = explained(network, images, units, site)
    images, blank = ends(images, baseline)
    if maps.shape != images.shape:
        raise InputError(f"maps {np.shape(maps)} do not fit the images {images.shape}: give one number per pixel")
    if steps < 1:
        raise InputError(f"steps is {steps}: use 1 or more")
    pixels = images.shape[-1]
    order = jnp.argsort(jnp.asarray(maps), axis=-1, descending=True, stable=True)
    rank = jax.vmap(lambda order: jnp.zeros(pixels, int).at[order].set(jnp.arange(pixels)))(order)
    first, second = (images, blank) if inserted else (blank, images)

    def at(count):
        return value(network, jnp.where(rank < count, first, second), explained_units, site)

    counts = jnp.asarray(np.round(np.linspace(0, pixels, steps + 1)).astype(int))
    return jax.lax.map(at, counts).T


def _with_first(maps: Float[Array, "layers examples pixels"]) -> Float[Array, "layers examples"]:
    """Spearman correlation of each map with the first of the same image; ties share their ranks."""
    ranks = jax.scipy.stats.rankdata(maps, axis=-1)
    ranks = ranks - jnp.mean(ranks, axis=-1, keepdims=True)
    squares = jnp.sum(ranks**2, axis=-1)
    size = jnp.sqrt(squares[:1]) * jnp.sqrt(squares)
    return jnp.sum(ranks * ranks[:1], axis=-1) / jnp.where(size > 0, size, jnp.nan)
