"""What does a unit look at? A map over the pixels for each unit of a site: weights pushed back, mean gradients."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.errors import InputError
from jaxinterp.interventions import Site, steer
from jaxinterp.networks import MLP, Network, check_site

# Accelerators would otherwise multiply with fewer bits.
_EXACT = jax.lax.Precision.HIGHEST

Images = Float[Array | np.ndarray, "examples pixels"]


def weights(network: Network, *, site: Site) -> Float[Array, "units pixels"]:
    """The weights of each unit of a site, pushed back to the pixels: the plain product of all kernels before it.

    In units of the site a unit of intensity. Of the first layer these are its own weights; deeper they are what the
    unit would look at if activation functions did nothing. The division by input_std and batch norms, with their
    running statistics, are part of the product. Raises InputError for a site that is not there, for the pixels
    themselves, and for a layer norm on the way, which has no fixed weights.
    """
    model, params = network.model, network.variables["params"]
    check_site(model, site)
    if site == "input":
        raise InputError("the pixels look at themselves: choose a site after input")
    maps = None
    for layer, name in enumerate((*(f"hidden{layer}" for layer in range(len(model.widths))), "output")):
        kernel = params[name]["kernel"].T
        maps = kernel / model.input_std if maps is None else jnp.matmul(kernel, maps, precision=_EXACT)
        hidden = name != "output" and model.norm != "none"
        if hidden and model.norm_position == "before":
            maps = _norm_scale(network, layer)[:, None] * maps
        if site in (f"{name}/pre", f"{name}/post"):
            break
        if hidden and model.norm_position == "after":
            maps = _norm_scale(network, layer)[:, None] * maps
        if site == f"{name}/norm":
            break
    return jnp.asarray(maps)


def gradients(network: Network, images: Images, *, site: Site, chunk: int = 8) -> Float[Array, "units pixels"]:
    """The mean over the images of each unit's gradient by the pixels, in units of the site a unit of intensity.

    In a ReLU network the product of kernels in which only the units that are active on an image pass anything on,
    averaged over images. Layer norms are differentiated as they are.

    chunk: units of the site at once; memory grows as chunk × examples × (units of the widest layer), or × pixels
    where a layer norm follows the first product. Raises InputError for a site that is not there.
    """
    check_site(network.model, site)
    # The way from the pixels to the first layer is the same for all images, so it need not be gone for each of them.
    entry = "hidden0/pre" if site != "input" and _first_is_fixed(network.model) else "input"

    def read(shift):
        return jnp.mean(network(images, {entry: steer(shift)})[1][site], axis=0)

    width = network.model.widths[0] if entry != "input" else images.shape[-1]
    values, pull = jax.vjp(read, jnp.zeros(width))
    maps = jax.lax.map(lambda unit: pull(unit)[0], jnp.eye(values.shape[-1]), batch_size=chunk)
    return maps if entry == "input" else jnp.matmul(maps, weights(network, site=entry), precision=_EXACT)


def _first_is_fixed(model: MLP) -> bool:
    return bool(model.widths) and not (model.norm == "layer" and model.norm_position == "before")


def _norm_scale(network: Network, layer: int) -> Float[Array, " units"]:
    model, name = network.model, f"norm{layer}"
    if model.norm == "layer":
        raise InputError(f"a layer norm scales each image by itself, so weights cannot pass {name}: use gradients")
    variance = network.variables["batch_stats"][name]["var"]
    return network.variables["params"][name]["scale"] / jnp.sqrt(variance + model.norm_epsilon)
