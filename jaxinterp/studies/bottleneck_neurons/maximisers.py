"""Which image excites each unit of a CNN most, and how far beyond real images does it? Of one network; row 4.11.

A channel's value is the mean over its map, so that its maximiser repeats over the image what the channel looks for.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis.maximization import every_layer
from jaxinterp.networks import Network, names, pad_units
from jaxinterp.studies.bottleneck_neurons.neurons import CNN
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.study import Measurement

_KEY = 10  # of the study's keys


class Maximisers(NamedTuple):
    """The image in [0, 1] that maximises each unit's pre-activation, its value, and the highest of a test image."""

    image: Float[Array, "layers units pixels"]
    value: Float[Array, "layers units"]
    exemplar: Float[Array, "layers units"]


def maximisers(network: Network, key, images: Float[Array | np.ndarray, "examples pixels"]) -> Maximisers:
    """Those of every layer; images: real ones."""
    found, units = every_layer.maximisers(network, images, key), network.units(images)
    exemplars = [jnp.max(units[layer.pre], axis=0) for layer in network.model.layers]
    best, values = ([getattr(layer, name) for layer in found] for name in ("images", "values"))
    return Maximisers(*map(pad_units, (best, values, exemplars)))


MEASUREMENTS = (
    Measurement(
        "maximisers",
        maximisers,
        lambda inputs: (inputs.sample.images,),
        lambda inputs: {"layers": names(inputs.model)},
        conditions=(UNTRAINED, TRAINED),
        recipes=(CNN,),
        key=_KEY,
        example=True,
    ),
)
