"""Which pixels does a unit depend on? Maps of effective weights, and gradients on one image or on average.

Maps of images explain one unit on each image: `units` is one unit for all images, or one per image. Under jit its range
is not checked. Maps are in units of the site per unit of intensity; those multiplied by the input are in units of the
site.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from jaxinterp.errors import InputError
from jaxinterp.interventions import NONE, Interventions, Site, replace, steer
from jaxinterp.networks import (
    EXACT,
    INPUT,
    LOGITS,
    Network,
    check_site,
    convolves,
    first_layer_is_affine,
    has_maps,
    sites,
    unit_count,
    unit_values,
    virtual_weights,
)

Images = Float[Array | np.ndarray, "examples pixels"]
# Looser than the accepted shapes, because the error of `explained` is clearer than that of a shape check.
Units = int | np.integer | Int[Array | np.ndarray, "..."]


def weights(network: Network, *, site: Site) -> Float[Array, "units pixels"]:
    """The effective weights of each unit of a site on the pixels: the plain product of all kernels before it.

    In units of the site per unit of intensity. In the first layer these are the unit's own weights; in deeper layers
    they show what the unit would depend on if activation functions were the identity. The product includes the division
    by input_std and batch norms with their running statistics. Raises InputError for an unknown site, for "input", and
    for a layer norm before the site, which has no fixed weights.
    """
    return virtual_weights(network, source=INPUT, site=site)


def gradients(network: Network, images: Images, *, site: Site, chunk: int = 8) -> Float[Array, "units pixels"]:
    """Each unit's gradient with respect to the pixels, averaged over images, in units of the site per intensity.

    In a ReLU network this is the product of kernels restricted to the units that are active on an image, averaged over
    images. Layer norms are differentiated as they are.

    chunk: units of the site at once; memory grows as chunk × examples × (units of the widest layer), or × pixels where
    a layer norm follows the first product. Raises InputError for an unknown site.
    """
    check_site(network.model, site)
    start = entry(network) if site != INPUT else INPUT

    def read(shift):
        return jnp.mean(unit_values(network.model, site, network(images, {start: steer(shift)})[1][site]), axis=0)

    values, pull = jax.vjp(read, jnp.zeros(unit_count(network.model, start, images.shape[-1])))
    maps = jax.lax.map(lambda unit: pull(unit)[0], jnp.eye(values.shape[-1]), batch_size=chunk)
    return to_pixels(network, maps, start)


def logit_gradients(network: Network, images: Images, *, site: Site) -> Float[Array, "examples classes units"]:
    """Every logit's gradient with respect to the units of a site, on each image; of a channel, summed over its map.

    Raises InputError for an unknown site.
    """
    check_site(network.model, site)

    def logits(row, image):
        return network(image, {site: replace(row)})[0]

    found = jax.vmap(jax.jacrev(logits))(network(images)[1][site], jnp.asarray(images))
    return jnp.sum(found, axis=(2, 3)) if has_maps(network.model, site) else found


def is_fixed(gradients: Float[Array, "examples classes units"], *, tolerance: float) -> Bool[Array, "classes units"]:
    """Whether a unit's gradient is the same on all images, within tolerance × the gradients' root mean square."""
    spread = jnp.max(jnp.abs(gradients - jnp.mean(gradients, axis=0)), axis=0)
    return spread <= tolerance * jnp.sqrt(jnp.mean(gradients**2))


def probes(network: Network, pixels: int, *, site: Site) -> Float[Array, "units pixels"]:
    """Each unit's value on an image that is blank but for one pixel of 1, less that on the blank image.

    In units of the site. Of the first layer these are the weights divided by input_std, deeper ones depend on which
    units a single pixel activates. Raises InputError for a site that does not exist.
    """
    check_site(network.model, site)
    lit, blank = (network.units(images)[site] for images in (jnp.eye(pixels), jnp.zeros((1, pixels))))
    return (lit - blank).T


def gradient(network: Network, images: Images, units: Units, *, site: Site = LOGITS) -> Float[Array, "examples pixels"]:
    """The gradient of the explained unit with respect to the pixels, on each image.

    In a ReLU network these are the effective weights through the active units. Raises InputError for an unknown site or
    unit, and for "input".
    """
    explained_units = explained(network, images, units, site)
    start = entry(network)
    state = network(images)[1][start]
    return to_pixels(network, by_state(network, images, explained_units, site, start)(state), start)


def gradient_times_input(
    network: Network, images: Images, units: Units, *, site: Site = LOGITS
) -> Float[Array, "examples pixels"]:
    """`gradient` times the image, in units of the site; adds up to the unit's value in a ReLU network without biases.

    Source: Shrikumar et al. 2016, arXiv 1605.01713. Raises InputError as `gradient` does.
    """
    return jnp.asarray(images) * gradient(network, images, units, site=site)


def effective_weights_times_input(
    network: Network, images: Images, units: Units, *, site: Site = LOGITS
) -> Float[Array, "examples pixels"]:
    """`weights` of the explained unit times the image, in units of the site: as if every unit before it were active.

    Raises InputError as `gradient` does, and for a layer norm before the site.
    """
    explained_units = explained(network, images, units, site)
    return jnp.asarray(images) * jnp.take(weights(network, site=site), explained_units, axis=0)


def explained(network: Network, images: Images, units: Units, site: Site) -> Int[Array, " examples"]:
    """The unit that is explained on each image. Raises InputError for an unknown unit or site."""
    check_site(network.model, site)
    if site == INPUT:
        raise InputError("choose a site after input: the pixels themselves need no explanation")
    width = unit_count(network.model, site, network.pixels)
    if not isinstance(units, Tracer):
        for unit in np.unique(np.asarray(units)):
            if not 0 <= unit < width:
                raise InputError(f"no unit {unit} at {site}: use 0 to {width - 1}")
    if np.shape(units) not in ((), images.shape[:1]):
        raise InputError(f"units must be one number, or one per image ({len(images)}), got {np.shape(units)[0]}")
    return jnp.broadcast_to(jnp.asarray(units), images.shape[:1])


def value(
    network: Network,
    images: Images,
    units: Int[Array, " examples"],
    site: Site,
    interventions: Interventions = NONE,
) -> Float[Array, " examples"]:
    """The explained unit's value on each image."""
    values = unit_values(network.model, site, network(images, interventions)[1][site])
    return jnp.take_along_axis(values, units[:, None], axis=-1)[:, 0]


def by_state(network: Network, images: Images, units: Int[Array, " examples"], site: Site, start: Site) -> Callable:
    """A function from activations at `start` to the gradient of the explained units' values with respect to them."""
    return jax.grad(lambda state: jnp.sum(value(network, images, units, site, {start: replace(state)})))


def entry(network: Network) -> Site:
    """The site at which to take gradients: after the first product where that is the same for all images."""
    model = network.model
    return sites(model)[1] if model.layers and first_layer_is_affine(model) and not convolves(model) else INPUT


def to_pixels(network: Network, maps: Float[Array, "units entries"], start: Site) -> Float[Array, "units pixels"]:
    """Gradients with respect to the units of the entry site, multiplied by their weights on the pixels."""
    return maps if start == INPUT else jnp.matmul(maps, weights(network, site=start), precision=EXACT)
