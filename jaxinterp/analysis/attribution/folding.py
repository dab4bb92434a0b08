"""What does each unit of the last layer add to a logit, and where do activation functions bend?"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.choices import ACTIVATIONS
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network, activation_function, check_output, folded, norm_over_units


class Pieces(NamedTuple):
    """A piecewise linear activation function, with its slopes below and above 0."""

    function: Callable
    below: float
    above: float

    def slope(self, x):
        """The function's slope at x; at 0 that from below."""
        return jnp.where(x > 0, self.above, self.below)


def contributions(
    network: Network, images: Float[Array | np.ndarray, "examples pixels"], target: int
) -> Float[Array, "examples units"]:
    """What each unit of the last hidden layer adds to a logit on each image, batch norms folded in.

    With the folded bias these add up to the logit. Raises InputError for a layer norm behind the activation function,
    and for a target that is no output.
    """
    check_output(network.model, target)
    kernel, _ = folded(network)[-1]
    return network(images)[1][network.model.layers[-1].post] * kernel[:, target]


def is_piecewise_linear(model: MLP) -> bool:
    """Whether a network is linear in pieces whose ends are known, so that integrals along lines are exact."""
    return ACTIVATIONS[model.activation].slopes is not None and not norm_over_units(model)


def linear_pieces(network: Network) -> Pieces:
    """The network's activation function in linear pieces. Raises InputError unless its break points are known."""
    name = network.model.activation
    slopes = ACTIVATIONS[name].slopes
    if slopes is None:
        exact = [name for name, entry in ACTIVATIONS.items() if entry.slopes is not None]
        raise InputError(f"this method is exact only for {' and '.join(exact)} networks, not for {name}")
    return Pieces(activation_function(network.model), *slopes)
