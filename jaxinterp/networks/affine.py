"""What does a network compute between its activation functions? Affine maps, with norms and input scaling folded in."""

from collections.abc import Iterable
from functools import reduce

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxinterp.choices import NORMS
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks.layers import between, check_pre_activation, step_after
from jaxinterp.networks.mlp import OUTPUT
from jaxinterp.networks.network import Network
from jaxinterp.networks.steps import (
    INPUT,
    LOGITS,
    Activation,
    Convolution,
    Dense,
    Flattening,
    Layer,
    Norm,
    Operation,
    Scaling,
    Step,
    operations,
)

# Accelerators multiply with fewer bits by default.
EXACT = jax.lax.Precision.HIGHEST

Affine = tuple[Float[Array, "inputs outputs"], Float[Array, " outputs"]]


def folded(network: Network, *, site: Site = LOGITS) -> tuple[Affine, ...]:
    """(kernel, bias) of every layer up to a site: layer l + 1 = activation(layer l) @ kernel + bias, from the image on.

    The input's mean and standard deviation, and batch norms before or after the activation function, with their running
    statistics, are folded in. The last map gives the site itself, without an activation function; for a "/post" site it
    is the identity after the activation function. Raises InputError for an unknown site, for "input", and for what is
    no fixed map of the units before it: a layer norm, a convolution or pooling.
    """
    layers, last = [], None
    for step in between(network.model, INPUT, site):
        if _activates(step):
            assert last is not None  # a "/pre" site comes before it
            layers.append(last)
            last = None
        else:
            last = _then(last, _affine(network, step))
    if last is None:
        width = layers[-1][1].shape[0]
        last = jnp.eye(width, dtype=layers[-1][0].dtype), jnp.zeros(width, layers[-1][1].dtype)
    kernel, bias = last
    return (*layers, (kernel if kernel.ndim == 2 else jnp.diag(kernel), bias))


def virtual_weights(network: Network, *, source: Site, site: Site) -> Float[Array, "units sources"]:
    """Effective (virtual) weights: what a unit would read from earlier units with identity activation functions.

    The product of all kernels between the two sites, including batch norms and the input's standard deviation, in units
    of the site per unit of the source. Source: Elhage et al. 2021, A mathematical framework for transformer circuits.
    Raises InputError for unknown sites, for sites in the wrong order, and as `folded` does for what lies between them.
    """
    steps = between(network.model, source, site)
    kernels = [_affine(network, step)[0] for step in steps if not _activates(step)]
    if not kernels:  # from the input of an activation function to its output
        return jnp.eye(next(layer.units for layer in network.model.layers if layer.pre == source))
    product = jnp.asarray(reduce(_product, kernels))
    return product.T if product.ndim == 2 else jnp.diag(product)


def weights_on_input(network: Network, *, site: Site) -> Float[Array, "units sources"]:
    """The weights of a layer's units, at its pre-activation or the logits, on the site before: on what the layer reads.

    A feature map is flattened, with one source for each of its positions and channels, channels last. Norms at the site
    and the input's standard deviation are folded in. Raises InputError for other sites, for a layer norm at the site,
    and for channels.
    """
    check_pre_activation(network.model, site)
    step = between(network.model, INPUT, site)[-1]
    read = [operation for operation in step.operations if not isinstance(operation, Flattening)]
    return jnp.asarray(_affine(network, step._replace(operations=tuple(read)))[0]).T


def kernel_product(network: Network) -> Float[Array, "outputs pixels"]:
    """The product of all kernels as they are, norms left out: what each logit would read off the pixels.

    Raises InputError for convolutions.
    """
    params = network.variables["params"]
    parts = list(operations(network.model.steps))
    _check_dense(parts)
    kernels = [params[part.name]["kernel"] for part in parts if isinstance(part, Dense)]
    return jnp.asarray(reduce(_product, kernels)).T


def output_weights(network: Network) -> Float[Array, "units outputs"]:
    """The weights of the outputs on the last hidden layer's units. Raises InputError where they read feature maps."""
    if any(isinstance(operation, Flattening) for operation in network.model.steps[-1].operations):
        raise InputError("the outputs read feature maps, and have a weight for each position: give the model widths")
    return jnp.asarray(network.variables["params"][OUTPUT]["kernel"])


def filters(network: Network, layer: Layer) -> Float[Array, "units rows columns inputs"]:
    """The kernel of each channel of a convolution, on the channels of the maps before it; the first reads the image's.

    Raises InputError for a layer of neurons.
    """
    for operation in between(network.model, INPUT, layer.pre)[-1].operations:
        if isinstance(operation, Convolution):
            return jnp.moveaxis(jnp.asarray(network.variables["params"][operation.name]["kernel"]), -1, 0)
    raise InputError(f"{layer.name} is no convolution: its units have weights for all that comes before")


def linear_after(network: Network, site: Site) -> tuple[Array, Site] | None:
    """The kernel that a hidden site feeds and the site at its output, where nothing else lies between the two."""
    if site in (INPUT, LOGITS):
        return None
    step = step_after(network.model, site)
    first, *rest = step.operations
    if rest or not isinstance(first, Dense):
        return None
    return jnp.asarray(network.variables["params"][first.name]["kernel"]), step.site


def normed(network: Network, norm: Norm) -> tuple[Float[Array, " units"], Float[Array, " units"]]:
    """(scale, shift) of a norm with running statistics: norm(x) = scale · x + shift.

    Raises InputError for a norm over units.
    """
    if NORMS[norm.kind].over_units is not None:
        raise InputError(
            f"a {norm.kind} norm scales each image differently, so {norm.name} has no fixed weights: use gradients"
        )
    params, running = network.variables["params"][norm.name], network.variables["batch_stats"][norm.name]
    scale = params["scale"] / jnp.sqrt(running["var"] + norm.epsilon)
    return scale, params["bias"] - running["mean"] * scale


def _activates(step: Step) -> bool:
    return any(isinstance(operation, Activation) for operation in step.operations)


def _affine(network: Network, step: Step):
    """The affine map to a site from the one before it; the kernel of a norm is only its diagonal."""
    _check_dense(step.operations)
    found, scaling = None, None
    for operation in step.operations:
        if isinstance(operation, Scaling):
            scaling = operation
        elif isinstance(operation, Norm):
            found = _then(found, normed(network, operation))
        elif isinstance(operation, Dense):
            part = network.variables["params"][operation.name]
            found = part["kernel"], part["bias"]
            if scaling is not None:
                kernel = part["kernel"] / scaling.std
                found = kernel, part["bias"] - scaling.mean * jnp.sum(kernel, axis=0)
    assert found is not None
    return found


def _check_dense(parts: Iterable[Operation]) -> None:
    if not all(isinstance(part, Scaling | Dense | Norm | Activation) for part in parts):
        raise InputError(
            "a convolution has no one weight between two units: use gradients, or a source behind all feature maps"
        )


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
