"""What is a multilayer perceptron? Layers of neurons, each of which reads all neurons of the layer before."""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import initializers
from jaxtyping import Array, Float

from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.interventions import NONE, Edit, Interventions, Site
from jaxinterp.networks.steps import INPUT, LOGITS, Activation, Dense, Layer, Norm, Operation, Scaling, Step

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
OUTPUT = "output"  # the parameters that lead to the logits


def _product(x, kernel):
    # Accelerators multiply with fewer bits by default. On a CPU this makes no difference.
    return jnp.matmul(x, kernel, precision=jax.lax.Precision.HIGHEST)


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
    def layers(self) -> tuple[Layer, ...]:
        """The hidden layers, in order."""
        return tuple(
            Layer(name, width, self._sites_of(name), norm=self._norm_of(f"norm{number}"))
            for number, (name, width) in enumerate(zip(self._names, self.widths, strict=True))
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """What leads from each site to the next."""
        return self._dense_steps(self._scaling())

    def pixels(self, params: Any) -> int:
        """The number of pixels that the network with these parameters reads."""
        return params[self._names[0] if self.widths else OUTPUT]["kernel"].shape[-2]

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

        train: batch norm uses the statistics of the batch. dropout_rates: one rate per layer; units are dropped with
        the random generator "dropout". None drops no unit.
        """
        activations: Activations = {}

        def site(name: Site, value):
            if name in interventions:
                value = _edited(name, value, interventions[name])
            activations[name] = value
            return value

        x = site(INPUT, images)
        if (self.input_mean, self.input_std) != (0.0, 1.0):
            x = (x - self.input_mean) / self.input_std
        x = self._features(x, site, train, dropout_rates)
        for layer in self.layers[len(self.layers) - len(self.widths) :]:
            x = self._activated(self._linear((x.shape[-1], layer.units), layer.name)(x), layer, site, train)
            x = self._dropped(x, layer, dropout_rates)
        return site(LOGITS, self._linear((x.shape[-1], self.outputs), OUTPUT)(x)), activations

    def _features(self, x, site: Callable, train: bool, dropout_rates):
        """What the first hidden layer reads."""
        return x

    def _activated(self, x, layer: Layer, site: Callable, train: bool):
        """The output of a layer's activation function and norm, from that of its product."""
        if self.norm_position == "before":
            x = self._norm(x, layer, train)
        x = site(layer.pre, x)
        x = site(layer.post, activation_function(self)(x))
        if layer.norm is not None and self.norm_position == "after":
            x = site(layer.sites[2], self._norm(x, layer, train))
        return x

    def _dropped(self, x, layer: Layer, rates):
        if rates is None:
            return x
        # flax's Dropout needs a static rate. Ours may be traced, so that the arms of a sweep share one program.
        kept = 1.0 - rates[self.layers.index(layer)]
        return jnp.where(jax.random.bernoulli(self.make_rng("dropout"), kept, x.shape), x / kept, 0.0)

    def _linear(self, shape: tuple[int, ...], name: str, product: Callable = _product):
        scale, mode, distribution = INITIALIZERS[self.initializer]
        kernel = initializers.variance_scaling(scale * self.initializer_gain**2, mode, distribution)
        bias = _torch_bias if "torch" in (self.initializer, self.bias_initializer) else initializers.zeros
        return _Linear(shape, kernel, bias, product, name=name)

    def _norm(self, x, layer: Layer, train: bool):
        if layer.norm is None:
            return x
        options = {"epsilon": self.norm_epsilon, "momentum": self.norm_momentum, "name": layer.norm}
        return NORMS[self.norm].module(nn, train, **options)(x)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(f"hidden{number}" for number in range(len(self.widths)))

    def _norm_of(self, name: str) -> str | None:
        return None if self.norm == "none" else name

    def _sites_of(self, name: str) -> tuple[Site, ...]:
        after = self.norm != "none" and self.norm_position == "after"
        return tuple(f"{name}/{part}" for part in ("pre", "post", *(("norm",) if after else ())))

    def _scaling(self) -> tuple[Operation, ...]:
        scaled = (self.input_mean, self.input_std) != (0.0, 1.0)
        return (Scaling(self.input_mean, self.input_std),) if scaled else ()

    def _dense_steps(self, before: tuple[Operation, ...]) -> tuple[Step, ...]:
        """The steps of the dense layers; before: the operations between the last site before them and the first."""
        steps = []
        for layer in self.layers[len(self.layers) - len(self.widths) :]:
            steps += self._activation_steps(layer, (*before, Dense(layer.name)))
            before = ()
        return (*steps, Step(LOGITS, (*before, Dense(OUTPUT))))

    def _activation_steps(self, layer: Layer, before: tuple[Operation, ...]) -> list[Step]:
        norm = () if layer.norm is None else (Norm(layer.norm, self.norm, self.norm_epsilon),)
        first = norm if self.norm_position == "before" else ()
        steps = [Step(layer.pre, (*before, *first)), Step(layer.post, (Activation(self.activation),))]
        return steps + ([Step(layer.sites[2], norm)] if norm and not first else [])


def activation_function(model: MLP) -> Callable:
    """The model's activation function, of an array."""
    function = ACTIVATIONS[model.activation].function
    return lambda x: function(jax, x)


def _edited(site: Site, value, edit: Edit):
    for part in (edit.scale, edit.shift):
        if part is not None and jnp.ndim(part) and jnp.shape(part)[-1] not in (1, value.shape[-1]):
            raise InputError(f"an edit of {jnp.shape(part)[-1]} units does not fit {site}: use {value.shape[-1]} units")
    return jnp.broadcast_to(edit.shift, value.shape) if edit.scale is None else edit.scale * value + edit.shift


class _Linear(nn.Module):
    """A linear layer that passes fan_in to its bias initialiser, which PyTorch's uniform one needs.

    shape: of the kernel, outputs last. product: of the layer's input and the kernel.
    """

    shape: tuple[int, ...]
    kernel_init: Callable
    bias_init: Callable
    product: Callable

    @nn.compact
    def __call__(self, x):
        if self.is_initializing():
            fan_in = math.prod(self.shape[:-1])
            kernel = self.param("kernel", self.kernel_init, self.shape)
            bias = self.param("bias", lambda key: self.bias_init(key, self.shape[-1:]) / jnp.sqrt(fan_in))
        else:  # flax's `param` would trace the initialisers at every call, only to compare shapes
            kernel, bias = (self.get_variable("params", name) for name in ("kernel", "bias"))
            if (jnp.shape(kernel), jnp.shape(bias)) != (self.shape, self.shape[-1:]):
                raise InputError(
                    f"{self.name} has a kernel of shape {jnp.shape(kernel)}, but these images need {self.shape}: use "
                    "one network at a time, and images of as many pixels as it reads"
                )
        return self.product(x, kernel) + bias


def _torch_bias(key, shape):
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)
