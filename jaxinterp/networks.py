"""What is a network? A pure function images → (logits, activations) and its weights; or an ensemble of networks."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import initializers
from jaxtyping import Array, Float, Shaped

from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.config import ModelConfig, check_positive, check_types, in_float32
from jaxinterp.errors import InputError
from jaxinterp.interventions import NONE, Edit, Interventions, Site

Activations = dict[Site, jax.Array]

# Variance-scaling initialisers as (scale, mode, distribution). "torch" is the default of PyTorch's Linear: uniform
# in ±1/√fan_in.
INITIALIZERS: dict[str, tuple[float, Any, Any]] = {
    "torch": (1 / 3, "fan_in", "uniform"),
    "xavier_uniform": (1.0, "fan_avg", "uniform"),
    "xavier_normal": (1.0, "fan_avg", "normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "he_normal": (2.0, "fan_in", "normal"),
    "lecun_normal": (1.0, "fan_in", "truncated_normal"),
}


class MLP(nn.Module):
    """A multilayer perceptron that returns its logits and the activations at every site.

    Each hidden layer is linear → [norm] → activation function → [norm] → dropout. The sites are, in order: "input" (the
    image, in [0, 1]); for each hidden layer "hiddenN/pre" (input of the activation function), "hiddenN/post" (its
    output) and, with norm_position="after", "hiddenN/norm" (output of the norm); and "logits".
    """

    widths: tuple[int, ...] = (32, 16)
    outputs: int = 10
    activation: str = ModelConfig.activation
    initializer: str = "lecun_normal"
    initializer_gain: float = 1.0
    bias_initializer: str = "default"
    norm: str = "none"
    norm_position: str = "before"
    norm_epsilon: float = 1e-5
    norm_momentum: float = 0.9
    dropout: tuple[float, ...] = ()
    input_mean: float = 0.0
    input_std: float = 1.0

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the hidden layers."""
        return tuple(f"hidden{layer}" for layer in range(len(self.widths)))

    @nn.compact
    def __call__(
        self,
        images: Float[Array | np.ndarray, "*batch pixels"],
        interventions: Interventions = NONE,
        *,
        train: bool = False,
        dropout_rates: Float[Array, " layers"] | None = None,
    ):
        """Return the logits "*batch outputs" and {site: activations}.

        train: batch norm uses the statistics of the batch. dropout_rates: one rate per hidden layer; units are dropped
        with the random generator "dropout". None drops no unit.
        """
        activations: Activations = {}

        def site(name: Site, value):
            if name in interventions:
                value = _edited(name, value, interventions[name])
            activations[name] = value
            return value

        x = site("input", images)
        if (self.input_mean, self.input_std) != (0.0, 1.0):
            x = (x - self.input_mean) / self.input_std
        for layer, width in enumerate(self.widths):
            x = self._linear(width, f"hidden{layer}")(x)
            if self.norm_position == "before":
                x = self._norm(x, layer, train)
            x = site(f"hidden{layer}/pre", x)
            x = site(f"hidden{layer}/post", activation_function(self)(x))
            if self.norm_position == "after" and self.norm != "none":
                x = site(f"hidden{layer}/norm", self._norm(x, layer, train))
            if dropout_rates is not None:
                # flax's Dropout needs a static rate. Ours may be traced, so that the arms of a sweep share one program.
                kept = 1.0 - dropout_rates[layer]
                x = jnp.where(jax.random.bernoulli(self.make_rng("dropout"), kept, x.shape), x / kept, 0.0)
        return site("logits", self._linear(self.outputs, "output")(x)), activations

    def _linear(self, features: int, name: str):
        scale, mode, distribution = INITIALIZERS[self.initializer]
        kernel = initializers.variance_scaling(scale * self.initializer_gain**2, mode, distribution)
        bias = _torch_bias if "torch" in (self.initializer, self.bias_initializer) else initializers.zeros
        return _Linear(features, kernel, bias, name=name)

    def _norm(self, x, layer: int, train: bool):
        if self.norm == "none":
            return x
        options = {"epsilon": self.norm_epsilon, "momentum": self.norm_momentum, "name": f"norm{layer}"}
        return NORMS[self.norm].module(nn, train, **options)(x)


def activation_function(model: MLP) -> Callable:
    """The model's activation function, of an array."""
    return partial(ACTIVATIONS[model.activation].function, jax)


def norm_over_units(model: MLP) -> bool:
    """Whether the model's norm standardises the units of each image, so that it is no affine map of them."""
    return model.norm != "none" and NORMS[model.norm].over_units is not None


def first_layer_is_affine(model: MLP) -> bool:
    """Whether the second site, the first after the input, is an affine map of the pixels."""
    return not (model.widths and norm_over_units(model) and model.norm_position == "before")


def pad_units(layers: Sequence[Shaped[Array, "_ ..."]]) -> Float[Array, "layers units ..."]:
    """Values of each layer's units, stacked; NaN for units that the narrower layers do not have."""
    widest = max(map(len, layers))
    pads = [[(0, widest - len(own)), *[(0, 0)] * (own.ndim - 1)] for own in layers]
    return jnp.stack([jnp.pad(1.0 * own, pad, constant_values=jnp.nan) for own, pad in zip(layers, pads, strict=True)])


def _edited(site: Site, value, edit: Edit):
    for part in (edit.scale, edit.shift):
        if part is not None and jnp.ndim(part) and jnp.shape(part)[-1] not in (1, value.shape[-1]):
            raise InputError(f"an edit of {jnp.shape(part)[-1]} units does not fit {site}: use {value.shape[-1]} units")
    return jnp.broadcast_to(edit.shift, value.shape) if edit.scale is None else edit.scale * value + edit.shift


class _Linear(nn.Module):
    """A dense layer that passes fan_in to its bias initialiser, which PyTorch's uniform one needs."""

    features: int
    kernel_init: Callable
    bias_init: Callable

    @nn.compact
    def __call__(self, x):
        fan_in = x.shape[-1]
        kernel = self.param("kernel", self.kernel_init, (fan_in, self.features))
        bias = self.param("bias", lambda key: self.bias_init(key, (self.features,)) / jnp.sqrt(fan_in))
        # Accelerators multiply with fewer bits by default. On a CPU this makes no difference.
        return jnp.matmul(x, kernel, precision=jax.lax.Precision.HIGHEST) + bias


def _torch_bias(key, shape):
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


class Network(flax.struct.PyTreeNode):
    """One network, or an ensemble when every leaf of `variables` has a leading seeds axis."""

    model: MLP = flax.struct.field(pytree_node=False)
    variables: Any

    @property
    def pixels(self) -> int:
        """Number of pixels in an input image."""
        return self.variables["params"]["hidden0" if self.model.widths else "output"]["kernel"].shape[-2]

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
        logits, activations = self.model.apply(self.variables, images, interventions, **noisy)
        return jnp.asarray(logits), dict(activations)


def build(config: ModelConfig) -> MLP:
    """The module that a ModelConfig describes. Raises InputError where the config contradicts itself."""
    check_types(config)
    if not all(1 <= width < 2**31 for width in (*config.widths, config.outputs)):
        raise InputError(
            f"widths and outputs must be from 1 to 2³¹ − 1, got widths {config.widths}, outputs {config.outputs}"
        )
    if config.dropout and len(config.dropout) != len(config.widths):
        raise InputError(
            f"dropout needs one rate for each of the {len(config.widths)} hidden layers, got {config.dropout}"
        )
    if any(not 0 <= in_float32(rate) < 1 for rate in config.dropout):
        raise InputError(f"dropout rates must lie in [0, 1), got {config.dropout}")
    for name in ("input_std", "initializer_gain", "norm_epsilon"):
        check_positive(name, getattr(config, name))
    if not 0 <= in_float32(config.norm_momentum) < 1:
        raise InputError(f"norm_momentum must lie in [0, 1), got {config.norm_momentum}")
    if not abs(in_float32(config.input_mean)) < float("inf"):
        raise InputError(f"input_mean must be finite, got {config.input_mean}")
    return MLP(**vars(config))


def sites(model: MLP) -> tuple[Site, ...]:
    """All sites of the model, in the order of computation."""
    parts = ("pre", "post", "norm") if model.norm != "none" and model.norm_position == "after" else ("pre", "post")
    hidden = tuple(f"{layer}/{part}" for layer in model.layers for part in parts)
    return ("input", *hidden, "logits")


def check_site(model: MLP, site: Site) -> None:
    """Raise InputError, listing the sites of the model, for a site that it does not have."""
    if site not in sites(model):
        raise InputError(f"no site {site!r} in this network; it has {', '.join(sites(model))}")


def check_output(model: MLP, output: int) -> None:
    """Raise InputError for an output that the model does not have. (JAX would take the last one.)"""
    if not 0 <= output < model.outputs:
        raise InputError(f"there is no output {output}: use 0 to {model.outputs - 1}")


def init(key, model: MLP, pixels: int) -> Network:
    """A network with freshly drawn initial weights."""
    return Network(model, model.init(key, jnp.zeros((1, pixels))))


def with_outputs(network: Network, outputs: Sequence[int]) -> Network:
    """The same network with these of its outputs alone, in this order. Raises InputError for one that it lacks."""
    for output in outputs:
        check_output(network.model, output)
    params = network.variables["params"]
    kept = {name: leaf[..., jnp.asarray(outputs)] for name, leaf in params["output"].items()}
    variables = {**network.variables, "params": {**params, "output": kept}}
    return Network(network.model.clone(outputs=len(outputs)), variables)
