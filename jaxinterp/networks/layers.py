"""Which sites does a network have, and what is a unit there? All that analyses ask of a model before they compute."""

from collections.abc import Mapping, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from jaxinterp.choices import NORMS
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks.mlp import MLP, OUTPUT
from jaxinterp.networks.steps import (
    INPUT,
    LOGITS,
    Activation,
    Convolution,
    Layer,
    Norm,
    Operation,
    Step,
    Unflattening,
    operations,
)
from jaxinterp.text import suggestion

Pool = Literal["mean", "max"]


def sites(model: MLP) -> tuple[Site, ...]:
    """All sites of the model, in the order of computation."""
    return (INPUT, *(step.site for step in model.steps))


def check_site(model: MLP, site: Site) -> None:
    """Raise InputError, listing the sites of the model, for a site that it does not have."""
    if site not in sites(model):
        known = sites(model)
        raise InputError(f"no site {site!r} in this network{suggestion(site, known)}; it has {', '.join(known)}")


def check_output(model: MLP, output: int) -> None:
    """Raise InputError for an output that the model does not have. (JAX would take the last one.)"""
    if not 0 <= output < model.outputs:
        raise InputError(f"there is no output {output}: use 0 to {model.outputs - 1}")


def num_classes(model: MLP) -> int:
    """Number of classes that a model distinguishes: two for a model with one output."""
    return max(model.outputs, 2)


def names(model: MLP) -> tuple[str, ...]:
    """The names of the layers, in order."""
    return tuple(layer.name for layer in model.layers)


def layer_parameters(model: MLP) -> tuple[tuple[str, ...], ...]:
    """The names of every layer's parameters and of its norm's, from the first layer to the outputs."""
    hidden = [(layer.name, *([] if layer.norm is None else [layer.norm])) for layer in model.layers]
    return (*hidden, (OUTPUT,))


def depth(model: MLP, site: Site) -> int:
    """The index of a site's layer, from 0; −1 for the input, and the number of layers for the logits.

    Raises InputError for an unknown site.
    """
    check_site(model, site)
    if site == INPUT:
        return -1
    return next((index for index, layer in enumerate(model.layers) if site in layer.sites), len(model.layers))


def layer_of(model: MLP, site: Site) -> Layer | None:
    """The layer of a site; None for the input and the logits. Raises InputError for an unknown site."""
    index = depth(model, site)
    return model.layers[index] if 0 <= index < len(model.layers) else None


def layer_named(model: MLP, name: str) -> Layer:
    """The layer of this name. Raises InputError, listing the layers, where there is none."""
    for layer in model.layers:
        if layer.name == name:
            return layer
    meant, known = suggestion(name, names(model)), ", ".join(names(model)) or "none"
    raise InputError(f"no hidden layer {name!r} in this network{meant}; it has {known}")


def unit_count(model: MLP, site: Site, pixels: int) -> int:
    """The number of units at a site; of the input, its pixels. Raises InputError for an unknown site."""
    layer = layer_of(model, site)
    return layer.units if layer is not None else pixels if site == INPUT else model.outputs


def has_maps(model: MLP, site: Site) -> bool:
    """Whether a unit at this site is a channel, with a value at each position of a feature map."""
    layer = layer_of(model, site)
    return layer is not None and layer.feature_map is not None


def convolves(model: MLP) -> bool:
    """Whether the model has convolutions."""
    return any(isinstance(operation, Convolution) for operation in operations(model.steps))


def image_shape(model: MLP) -> tuple[int, int, int] | None:
    """Rows, columns and channels of the images that a model with convolutions reads; None for one without."""
    return next((own.shape for own in operations(model.steps) if isinstance(own, Unflattening)), None)


def is_pre_activation(model: MLP, site: Site) -> bool:
    """Whether a site is the input of an activation function, or the logits, so that no unit there is cut off."""
    return site == LOGITS or any(site == layer.pre for layer in model.layers)


def check_pre_activation(model: MLP, site: Site) -> None:
    """Raise InputError for a site that is neither the input of an activation function nor the logits."""
    check_site(model, site)
    if not is_pre_activation(model, site):
        raise InputError(f"{site} is not a pre-activation: use logits or a site that ends in /pre")


def step_after(model: MLP, site: Site) -> Step:
    """The step that leads on from a site. Raises InputError for an unknown site, and for the logits."""
    check_site(model, site)
    if site == LOGITS:
        raise InputError("nothing follows the logits: choose a site before them")
    return model.steps[sites(model).index(site)]


def between(model: MLP, source: Site, site: Site) -> tuple[Step, ...]:
    """The steps from a source to a site after it. Raises InputError for unknown sites, and where it is not after it."""
    for name in (source, site):
        check_site(model, name)
    first, last = sites(model).index(source), sites(model).index(site)
    if first >= last:
        raise InputError(f"choose a site after {source}, not {site}")
    return model.steps[first:last]


def norm_over_units(model: MLP) -> bool:
    """Whether a norm of the model standardises the units of each image, so that it is no affine map of them."""
    return any(map(_is_over_units, operations(model.steps)))


def first_layer_is_affine(model: MLP) -> bool:
    """Whether the second site, the first after the input, is an affine map of the pixels."""
    return not any(isinstance(own, Activation) or _is_over_units(own) for own in model.steps[0].operations)


def unit_values(
    model: MLP, site: Site, values: Float[Array, "..."], *, pool: Pool = "mean"
) -> Float[Array, "*batch units"]:
    """Each unit's activation: of a channel, the mean or the maximum over its feature map; of a neuron, as it is."""
    if not has_maps(model, site):
        return values
    return (jnp.mean if pool == "mean" else jnp.max)(values, axis=(-3, -2))


def unit_activations(
    model: MLP, activations: Mapping[Site, jax.Array], *, pool: Pool = "mean"
) -> dict[Site, Float[Array, "*batch units"]]:
    """`unit_values` at every site."""
    return {site: unit_values(model, site, values, pool=pool) for site, values in activations.items()}


def pad_units(layers: Sequence[Shaped[Array, "_ ..."]]) -> Float[Array, "layers units ..."]:
    """Values of each layer's units, stacked; NaN for units that the narrower layers do not have."""
    widest = max(map(len, layers))
    pads = [[(0, widest - len(own)), *[(0, 0)] * (own.ndim - 1)] for own in layers]
    return jnp.stack([jnp.pad(1.0 * own, pad, constant_values=jnp.nan) for own, pad in zip(layers, pads, strict=True)])


def _is_over_units(operation: Operation) -> bool:
    return isinstance(operation, Norm) and NORMS[operation.kind].over_units is not None
