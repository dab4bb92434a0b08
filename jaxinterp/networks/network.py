"""What is a network? A pure function images → (logits, activations) and its weights; or an ensemble of networks."""

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.config import ModelConfig, check_positive, check_types, in_float32
from jaxinterp.errors import InputError
from jaxinterp.interventions import NONE, Interventions
from jaxinterp.networks.cnn import CNN
from jaxinterp.networks.layers import Pool, check_output, check_site, sites, unit_activations
from jaxinterp.networks.mlp import MLP, OUTPUT, Activations
from jaxinterp.networks.steps import Convolution

_MOST = 2**31
_PER_BLOCK = ("kernel_size", "stride", "padding", "pool_size")  # fields with one number for all blocks, or one for each


class Network(flax.struct.PyTreeNode):
    """One network, or an ensemble when every leaf of `variables` has a leading seeds axis."""

    model: MLP = flax.struct.field(pytree_node=False)
    variables: Any

    @property
    def pixels(self) -> int:
        """Number of pixels in an input image."""
        return self.model.pixels(self.variables["params"])

    def __call__(
        self,
        images: Float[Array | np.ndarray, "*batch pixels"],
        interventions: Interventions = NONE,
        *,
        dropout_key=None,
    ) -> tuple[Float[Array, "*batch outputs"], Activations]:
        """Logits and activations of one network. The result is deterministic; with a dropout_key it is one pass with
        dropout.

        Raises InputError for an intervention at an unknown site or of the wrong size.
        """
        for name in interventions:
            check_site(self.model, name)
        images = jnp.asarray(images)
        noisy: dict[str, Any] = {}
        if dropout_key is not None and self.model.dropout:
            noisy = {"dropout_rates": jnp.asarray(self.model.dropout), "rngs": {"dropout": dropout_key}}
        logits, activations = _pass(self.model, self.variables, images, dict(interventions), noisy)
        return logits, {site: activations[site] for site in sites(self.model)}

    def units(
        self, images: Float[Array | np.ndarray, "*batch pixels"], *, pool: Pool = "mean"
    ) -> dict[str, Float[Array, "*batch units"]]:
        """Each unit's activation at every site; pool: what that of a channel is, over the positions of its map."""
        return unit_activations(self.model, self(images)[1], pool=pool)


# Traced once for equal shapes, however many programs the pass is a part of.
@partial(jax.jit, static_argnums=0, inline=True)
def _pass(model: MLP, variables, images, interventions, noisy):
    logits, activations = model.apply(variables, images, interventions, **noisy)
    return jnp.asarray(logits), activations


def build(config: ModelConfig) -> MLP:
    """The module that a ModelConfig describes. Raises InputError where the config contradicts itself."""
    check_types(config)
    if not all(1 <= width < _MOST for width in (*config.widths, config.outputs)):
        raise InputError(
            f"widths and outputs must be from 1 to 2³¹ − 1, got widths {config.widths}, outputs {config.outputs}"
        )
    layers = len(config.channels) + len(config.widths)
    if config.dropout and len(config.dropout) != layers:
        raise InputError(f"dropout needs one rate for each of the {layers} hidden layers, got {config.dropout}")
    if any(not 0 <= in_float32(rate) < 1 for rate in config.dropout):
        raise InputError(f"dropout rates must lie in [0, 1), got {config.dropout}")
    for name in ("input_std", "initializer_gain", "norm_epsilon"):
        check_positive(name, getattr(config, name))
    if not 0 <= in_float32(config.norm_momentum) < 1:
        raise InputError(f"norm_momentum must lie in [0, 1), got {config.norm_momentum}")
    if not abs(in_float32(config.input_mean)) < float("inf"):
        raise InputError(f"input_mean must be finite, got {config.input_mean}")
    if not config.channels:
        return MLP(**_fields(MLP, config))
    if len(config.image_shape) != 3 or not all(1 <= side < _MOST for side in config.image_shape):
        raise InputError(
            "convolutions need the rows, columns and channels of the images in model.image_shape, "
            f"got {config.image_shape}"
        )
    return _with_maps(CNN(**_fields(CNN, replace(config, **per_block(config)))))


def init(key, model: MLP, pixels: int) -> Network:
    """A network with freshly drawn initial weights. Raises InputError for another number of pixels than it reads."""
    if isinstance(model, CNN) and pixels != math.prod(model.image_shape):
        raise InputError(f"images of {pixels} pixels do not have the shape {model.image_shape} of model.image_shape")
    return Network(model, model.init(key, jnp.zeros((1, pixels))))


def count(model: MLP, pixels: int) -> tuple[int, int]:
    """How many numbers the variables are, and how many the network computes of one image, patches included."""

    def computed(key):
        network = init(key, model, pixels)
        return network, network(jnp.zeros(pixels))[1]

    network, activations = jax.eval_shape(computed, jax.random.key(0))
    sizes = [leaf.size for leaf in jax.tree.leaves((network.variables, activations))]
    variables = len(jax.tree.leaves(network.variables))
    patches = [
        math.prod(network.variables["params"][operation.name]["kernel"].shape[:-1])
        * math.prod(activations[step.site].shape[:-1])
        for step in model.steps
        for operation in step.operations
        if isinstance(operation, Convolution)
    ]
    return sum(sizes[:variables]), sum(sizes[variables:]) + sum(patches)


def from_layers(layers: Sequence[tuple[Array, Array]], **options: Any) -> Network:
    """A multilayer perceptron of these kernels "inputs units" and biases, the last of which lead to the logits.

    With a leading seeds axis in front of each, they are an ensemble. options: other fields of `MLP`, such as
    activation.
    """
    model = MLP(tuple(bias.shape[-1] for _, bias in layers[:-1]), layers[-1][1].shape[-1], **options)
    parts = [*(layer.name for layer in model.layers), OUTPUT]
    params = {name: {"kernel": kernel, "bias": bias} for name, (kernel, bias) in zip(parts, layers, strict=True)}
    return Network(model, {"params": params})


def with_outputs(network: Network, outputs: Sequence[int]) -> Network:
    """The same network with these of its outputs alone, in this order. Raises InputError for one that it lacks."""
    for output in outputs:
        check_output(network.model, output)
    params = network.variables["params"]
    kept = {name: leaf[..., jnp.asarray(outputs)] for name, leaf in params[OUTPUT].items()}
    variables = {**network.variables, "params": {**params, OUTPUT: kept}}
    return Network(network.model.clone(outputs=len(outputs)), variables)


def per_block(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The fields that convolutions have one number of for each block: kernel_size, stride, padding and pool_size.

    Raises InputError for numbers that are too small, and where there is neither one number nor one for each block.
    """
    blocks = len(config.channels)
    if not all(1 <= channels < _MOST for channels in config.channels):
        raise InputError(f"channels must be from 1 to 2³¹ − 1, got {config.channels}")
    found = {}
    for name in _PER_BLOCK:
        values, least = getattr(config, name), 0 if name == "padding" else 1
        if len(values) not in (1, blocks):
            raise InputError(f"{name} needs one number, or one for each of the {blocks} blocks, got {values}")
        if not all(least <= value < _MOST for value in values):
            raise InputError(f"{name} must be at least {least}, got {values}")
        found[name] = values if len(values) == blocks else values * blocks
    return found


def _fields(kind: type[MLP], config: ModelConfig) -> dict[str, Any]:
    """The values of a config that a kind of model has."""
    return {field.name: getattr(config, field.name) for field in fields(kind) if hasattr(config, field.name)}


def _with_maps(model: CNN) -> CNN:
    """The model itself, where something is left of the image after every block."""
    for block, shape in enumerate(model.maps):
        if min(shape) < 1:
            raise InputError(
                f"images of {model.image_shape[0]} × {model.image_shape[1]} pixels are too small for block {block}: "
                "use smaller kernel_size, stride or pool_size, padding, or fewer channels"
            )
    return model
