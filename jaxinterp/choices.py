"""Which activation functions, norms, optimisers and data sets can a run use? Four tables, with one entry for each.

An entry is all that a new one needs: the config, the command line's help, error messages, training, memory estimates,
analyses and the page's JavaScript read these tables. The functions in them take jax, flax.linen or optax as their first
argument, and data sets are named as text, so that importing the tables, as the config does, imports none of these.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = [
    "ACTIVATIONS", "DATASETS", "LINEAR", "NORMS", "OPTIMIZERS", "Activation", "Norm", "OverUnits", "Source",
    "used_by",
]  # fmt: skip


class Activation(NamedTuple):
    """An activation function f of one unit.

    function: of the module jax and an array. javascript: f(x) for one number x, as an expression. odd: whether
    f(−x) = −f(x), so that a unit and its mirror image are equivalent. slopes: of f below and above 0, for an f that is
    linear on either side and has f(0) = 0. least: the x where f has its only minimum, falling before it and rising
    after it; None for an f that never falls. torch, keras: what imported networks call it, a module of torch.nn (for
    GELU with its argument) and a Keras config; "" where they cannot name it.
    """

    function: Callable[[Any, Any], Any]
    javascript: str
    odd: bool = False
    slopes: tuple[float, float] | None = None
    least: float | None = None
    torch: str = ""
    keras: str = ""


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(lambda jax, x: jax.nn.relu(x), "Math.max(x, 0)", slopes=(0.0, 1.0), torch="ReLU", keras="relu"),
    "tanh": Activation(lambda jax, x: jax.numpy.tanh(x), "Math.tanh(x)", odd=True, torch="Tanh", keras="tanh"),
    "sigmoid": Activation(lambda jax, x: jax.nn.sigmoid(x), "1 / (1 + Math.exp(-x))", torch="Sigmoid", keras="sigmoid"),
    "gelu": Activation(
        lambda jax, x: jax.nn.gelu(x),
        "0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))",
        least=-0.7524614,
        torch="GELU(tanh)",
    ),
    # The other is its approximation by tanh, flax's default; this is PyTorch's and Keras's. The page computes erf after
    # Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 7.1.26: its error is at most 1.5e-7.
    "gelu_exact": Activation(
        lambda jax, x: jax.nn.gelu(x, approximate=False),
        """0.5 * x * (1 + ((z) => {
    const t = 1 / (1 + 0.3275911 * Math.abs(z)), weights = [1.061405429, -1.453152027, 1.421413741, -0.284496736];
    const sum = weights.reduce((sum, weight) => weight + t * sum, 0);
    return Math.sign(z) * (1 - t * (0.254829592 + t * sum) * Math.exp(-z * z));
  })(x / Math.SQRT2))""",
        least=-0.7517915,
        torch="GELU(none)",
        keras="gelu",
    ),
    "identity": Activation(lambda jax, x: x, "x", odd=True, slopes=(1.0, 1.0), torch="Identity", keras="linear"),
}
LINEAR = "identity"  # the one that changes nothing


class OverUnits(NamedTuple):
    """How a norm standardises the units of a layer on one image, before it scales them and adds a bias.

    javascript: an arrow function of the layer's values (a Float64Array) and epsilon. reach: the largest value that one
    of so many standardised units can have.
    """

    javascript: str
    reach: Callable[[int], float]


class Norm(NamedTuple):
    """A norm: it standardises units, then multiplies each unit by its `scale` and adds its `bias`.

    It must treat all units of a layer alike. module: of flax.linen, whether the network is in training, and the options
    epsilon, momentum and name; its parameters are scale and bias. over_units: for a norm that standardises the units of
    each image. Without it the norm standardises each unit by its mean and variance, of the batch in training, and of
    its running statistics `mean` and `var` in the collection batch_stats in evaluation: one affine map for all images.
    torch, keras: the classes of imported networks that compute it.
    """

    module: Callable[..., Any]
    over_units: OverUnits | None = None
    torch: tuple[str, ...] = ()
    keras: str = ""


NORMS: dict[str, Norm] = {
    # The fast variance, E[x²] − E[x]², loses all digits where units saturate.
    "batch": Norm(
        lambda nn, train, **options: nn.BatchNorm(use_running_average=not train, use_fast_variance=False, **options),
        torch=("BatchNorm1d", "BatchNorm2d"),
        keras="BatchNormalization",
    ),
    "layer": Norm(
        lambda nn, train, momentum, **options: nn.LayerNorm(use_fast_variance=False, **options),
        OverUnits(
            """(values, epsilon) => {
    const average = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    const mean = average(values), variance = average(values.map((value) => (value - mean) ** 2));
    return values.map((value) => (value - mean) / Math.sqrt(variance + epsilon));
  }""",
            # Deviations that sum to 0 put at most n − 1 of their n units of variance in one place.
            reach=lambda units: math.sqrt(units - 1),
        ),
        torch=("LayerNorm",),
        keras="LayerNormalization",
    ),
}

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    # Of optax, the learning rate, and the fields of TrainConfig that the optimiser uses, by their names. For one that
    # does not take weight_decay, the decay is added to the gradient.
    "sgd": lambda optax, rate: optax.sgd(rate),
    "momentum": lambda optax, rate, momentum: optax.sgd(rate, momentum),
    "adam": lambda optax, rate, optimizer_epsilon: optax.adam(rate, eps=optimizer_epsilon),
    "adamw": lambda optax, rate, optimizer_epsilon, weight_decay: optax.adamw(
        rate, eps=optimizer_epsilon, weight_decay=weight_decay
    ),
}


def used_by(optimizer: str) -> tuple[str, ...]:
    """The fields of TrainConfig that an optimiser takes in addition to the learning rate."""
    return tuple(inspect.signature(OPTIMIZERS[optimizer]).parameters)[2:]


class Source(NamedTuple):
    """A data set that is chosen by name.

    load: "module:function" that returns its Splits; of the run's data_seed if `seeded`, else of nothing. about: what it
    holds, in a few words, for --help.
    """

    load: str
    about: str
    seeded: bool = False


DATASETS: dict[str, Source] = {
    "mnist": Source("jaxinterp.data.idx:mnist", "handwritten digits, shipped"),
    "xor": Source("jaxinterp.data.toy:xor", "the four corners of a square"),
    "strokes": Source("jaxinterp.data.toy:strokes_splits", "two classes that one stroke separates", seeded=True),
}
