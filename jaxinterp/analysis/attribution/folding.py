"""What does a network compute between its activation functions? Its layers as plain affine maps, all else folded in."""

from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, check_site, sites

# Accelerators would otherwise multiply with fewer bits.
EXACT = jax.lax.Precision.HIGHEST
EXACTLY_LINEAR = ("relu", "identity")

Affine = tuple[Float[Array, "inputs outputs"], Float[Array, " outputs"]]


def folded(network: Network, *, site: Site = "logits") -> tuple[Affine, ...]:
    """(kernel, bias) of every layer up to a site: layer l + 1 = activation(layer l) @ kernel + bias, from the image on.

    The input's mean and standard deviation and batch norms, before or after the activation function, with their running
    statistics, are folded in. The last map gives the site, and nothing follows it: up to a "/post" site it is the
    identity behind the activation function. Raises InputError for a site that is not there, for the pixels themselves,
    and for a layer norm on the way, which scales each image by itself.
    """
    layers, last = [], None
    for reached in _on_the_way(network, "input", site):
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
    """What each unit of a site would read off the units of an earlier one if activation functions did nothing.

    The product of all kernels between the two, batch norms and the input's standard deviation included; in units of the
    site a unit of the source. Source: Elhage et al. 2021, A mathematical framework for transformer circuits. Raises
    InputError for sites that are not there or in the wrong order, and for a layer norm between them.
    """
    product = None
    for reached in _on_the_way(network, source, site):
        if not reached.endswith("/post"):
            kernel = _step(network, reached)[0]
            product = kernel if product is None else _product(product, kernel)
    if product is None:
        product = jnp.ones(network.model.widths[layer_of(network, source)])
    return jnp.asarray(product).T if product.ndim == 2 else jnp.diag(product)


def kernel_product(network: Network) -> Float[Array, "outputs pixels"]:
    """The product of all kernels as they are, norms left out: what each logit would read off the pixels."""
    params = network.variables["params"]
    kernels = [params[f"hidden{layer}"]["kernel"] for layer in range(len(network.model.widths))]
    return reduce(_product, [*kernels, params["output"]["kernel"]]).T


def contributions(
    network: Network, images: Float[Array | np.ndarray, "examples pixels"], target: int
) -> Float[Array, "examples units"]:
    """What each unit of the last hidden layer adds to a logit on each image, batch norms folded in.

    With the folded bias these add up to the logit. Raises InputError for a layer norm behind the activation function.
    """
    kernel, _ = folded(network)[-1]
    site = f"hidden{len(network.model.widths) - 1}/post"
    return network(images)[1][site] * kernel[:, target]


def layer_of(network: Network, site: Site) -> int:
    """The number of the hidden layer that a site is in, from 0; −1 for the pixels, their number for the logits."""
    if site in ("input", "logits"):
        return -1 if site == "input" else len(network.model.widths)
    return int(site.partition("/")[0].removeprefix("hidden"))


def check_exactly_linear(network: Network) -> None:
    """Raise InputError unless the network is linear between break points that are known."""
    activation = network.model.activation
    if activation not in EXACTLY_LINEAR:
        raise InputError(f"this is exact for {' and '.join(EXACTLY_LINEAR)} networks only, not for {activation}")


def _on_the_way(network: Network, source: Site, site: Site) -> tuple[Site, ...]:
    """The sites after the source up to the site."""
    for name in (source, site):
        check_site(network.model, name)
    every = sites(network.model)
    first, last = every.index(source), every.index(site)
    if first >= last:
        raise InputError(f"choose a site after {source}, not {site}")
    return every[first + 1 : last + 1]


def _step(network: Network, site: Site):
    """The affine map that leads to a site from the one before it; of a norm the kernel is its diagonal alone."""
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
    if model.norm == "layer":
        raise InputError(f"a layer norm scales each image by itself, so weights cannot pass {name}: use gradients")
    params, running = network.variables["params"][name], network.variables["batch_stats"][name]
    scale = params["scale"] / jnp.sqrt(running["var"] + model.norm_epsilon)
    return scale, params["bias"] - running["mean"] * scale


def _then(first, second):
    """The affine map that does one after the other; a kernel of one axis is a diagonal."""
    if first is None:
        return second
    (kernel, bias), (next_kernel, next_bias) = first, second
    moved = bias * next_kernel if next_kernel.ndim == 1 else jnp.matmul(bias, next_kernel, precision=EXACT)
    return _product(kernel, next_kernel), moved + next_bias


def _product(kernel, next_kernel):
    if next_kernel.ndim == 1:
        return kernel * next_kernel
    return kernel[:, None] * next_kernel if kernel.ndim == 1 else jnp.matmul(kernel, next_kernel, precision=EXACT)
