"""What does a network compute between its activation functions? Affine maps, with norms and input scaling folded in."""

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.choices import ACTIVATIONS
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, activation_function, check_output, check_site, norm_over_units, sites

# Accelerators multiply with fewer bits by default.
EXACT = jax.lax.Precision.HIGHEST

Affine = tuple[Float[Array, "inputs outputs"], Float[Array, " outputs"]]


class Pieces(NamedTuple):
    """A piecewise linear activation function, with its slopes below and above 0."""

    function: Callable
    below: float
    above: float

    def slope(self, x):
        """The function's slope at x; at 0 that from below."""
        return jnp.where(x > 0, self.above, self.below)


def folded(network: Network, *, site: Site = "logits") -> tuple[Affine, ...]:
    """(kernel, bias) of every layer up to a site: layer l + 1 = activation(layer l) @ kernel + bias, from the image on.

    The input's mean and standard deviation, and batch norms before or after the activation function, with their running
    statistics, are folded in. The last map gives the site itself, without an activation function; for a "/post" site it
    is the identity after the activation function. Raises InputError for an unknown site, for "input", and for a layer
    norm before the site, which scales each image differently.
    """
    layers, last = [], None
    for reached in _between(network, "input", site):
        if reached.endswith("/post"):
            assert last is not None  # a "/pre" site comes before it
            layers.append(last)
            last = None
        else:
            last = _then(last, _step(network, reached))
    if last is None:
        width = layers[-1][1].shape[0]
        last = jnp.eye(width, dtype=layers[-1][0].dtype), jnp.zeros(width, layers[-1][1].dtype)
    kernel, bias = last
    return (*layers, (kernel if kernel.ndim == 2 else jnp.diag(kernel), bias))


def virtual_weights(network: Network, *, source: Site, site: Site) -> Float[Array, "units sources"]:
    """Effective (virtual) weights: what a unit would read from earlier units with identity activation functions.

    The product of all kernels between the two sites, including batch norms and the input's standard deviation, in units
    of the site per unit of the source. Source: Elhage et al. 2021, A mathematical framework for transformer circuits.
    Raises InputError for unknown sites, for sites in the wrong order, and for a layer norm between them.
    """
    product = None
    for reached in _between(network, source, site):
        if not reached.endswith("/post"):
            kernel = _step(network, reached)[0]
            product = kernel if product is None else _product(product, kernel)
    if product is None:
        product = jnp.ones(network.model.widths[layer_of(network, source)])
    return jnp.asarray(product).T if product.ndim == 2 else jnp.diag(product)


def kernel_product(network: Network) -> Float[Array, "outputs pixels"]:
    """The product of all kernels as they are, norms left out: what each logit would read off the pixels."""
    params = network.variables["params"]
    kernels = [params[layer]["kernel"] for layer in network.model.layers]
    return reduce(_product, [*kernels, params["output"]["kernel"]]).T


def contributions(
    network: Network, images: Float[Array | np.ndarray, "examples pixels"], target: int
) -> Float[Array, "examples units"]:
    """What each unit of the last hidden layer adds to a logit on each image, batch norms folded in.

    With the folded bias these add up to the logit. Raises InputError for a layer norm behind the activation function,
    and for a target that is no output.
    """
    check_output(network.model, target)
    kernel, _ = folded(network)[-1]
    site = f"{network.model.layers[-1]}/post"
    return network(images)[1][site] * kernel[:, target]


def layer_of(network: Network, site: Site) -> int:
    """The index of the hidden layer of a site, from 0; −1 for "input", and the number of hidden layers for "logits"."""
    if site in ("input", "logits"):
        return -1 if site == "input" else len(network.model.widths)
    return int(site.partition("/")[0].removeprefix("hidden"))


def linear_pieces(network: Network) -> Pieces:
    """The network's activation function in linear pieces. Raises InputError unless its break points are known."""
    name = network.model.activation
    slopes = ACTIVATIONS[name].slopes
    if slopes is None:
        exact = [name for name, entry in ACTIVATIONS.items() if entry.slopes is not None]
        raise InputError(f"this method is exact only for {' and '.join(exact)} networks, not for {name}")
    return Pieces(activation_function(network.model), *slopes)


def _between(network: Network, source: Site, site: Site) -> tuple[Site, ...]:
    """The sites after the source, up to and including the site."""
    for name in (source, site):
        check_site(network.model, name)
    every = sites(network.model)
    first, last = every.index(source), every.index(site)
    if first >= last:
        raise InputError(f"choose a site after {source}, not {site}")
    return every[first + 1 : last + 1]


def _step(network: Network, site: Site):
    """The affine map to a site from the one before it; the kernel of a norm is only its diagonal."""
    model, params, layer = network.model, network.variables["params"], layer_of(network, site)
    if site.endswith("/norm"):
        return _norm(network, layer)
    part = params["output" if site == "logits" else f"hidden{layer}"]
    kernel, bias = part["kernel"], part["bias"]
    if layer == 0:
        kernel = kernel / model.input_std
        bias = bias - model.input_mean * jnp.sum(kernel, axis=0)
    hidden = site != "logits"
    return _then((kernel, bias), _norm(network, layer)) if hidden and _norm_is_before(network) else (kernel, bias)


def _norm_is_before(network: Network) -> bool:
    return network.model.norm != "none" and network.model.norm_position == "before"


def _norm(network: Network, layer: int):
    model, name = network.model, f"norm{layer}"
    if norm_over_units(model):
        raise InputError(
            f"a {model.norm} norm scales each image differently, so {name} has no fixed weights: use gradients"
        )
    params, running = network.variables["params"][name], network.variables["batch_stats"][name]
    scale = params["scale"] / jnp.sqrt(running["var"] + model.norm_epsilon)
    return scale, params["bias"] - running["mean"] * scale


def _then(first, second):
    """The composition of two affine maps; a kernel with one axis is a diagonal."""
    if first is None:
        return second
    (kernel, bias), (next_kernel, next_bias) = first, second
    moved = bias * next_kernel if next_kernel.ndim == 1 else jnp.matmul(bias, next_kernel, precision=EXACT)
    return _product(kernel, next_kernel), moved + next_bias


def _product(kernel, next_kernel):
    if next_kernel.ndim == 1:
        return kernel * next_kernel
    return kernel[:, None] * next_kernel if kernel.ndim == 1 else jnp.matmul(kernel, next_kernel, precision=EXACT)
