"""Which pixels does each unit use? Maps of every unit of the study's networks.

Pixels at the border are always black, so training never changes their weights, and those next to them are so rarely
bright that their weights hardly matter. So maps are compared over lit pixels, those with ink in enough of the images.
There are two maps of each unit: its effective weights, and what it uses: its mean gradient times the standard deviation
of each pixel.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import attribution
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation.ensembles import first_images, layers_of, site

WEIGHTS, USED = VIEWS = ("weights", "used")
INK = 0.01  # share of the images that must have ink in a pixel for it to be lit
OVER_LIT = f"over pixels that have ink in at least {INK:.0%} of the images"
WORDS = {WEIGHTS: "weights", USED: "what is used"}

Images = Float[Array | np.ndarray, "examples pixels"]


class Maps(NamedTuple):
    """A layer's maps by each of VIEWS, and its activations on each image; of an ensemble, leading with seeds."""

    maps: Float[Array, "*seeds views units pixels"]
    activations: Float[Array, "*seeds examples units"]


def lit(images: Images) -> Bool[Array, " pixels"]:
    """Which pixels have ink often enough to count."""
    return jnp.mean(images > 0, axis=0) >= INK


def of_layer(network: Network, images: Images, *, layer: str) -> Maps:
    """Weights pushed back to the pixels, and the mean gradient by the pixels times each pixel's standard deviation."""
    before = site(layer, "pre")
    gradient = attribution.gradients(network, images, site=before)
    views = (attribution.weights(network, site=before), gradient * jnp.std(images, axis=0))
    return Maps(jnp.stack(views), network(images)[1][site(layer)])


def of_networks(inputs: Inputs) -> dict[str, dict[str, Maps]]:
    """Of all networks of a run, by condition and layer."""
    images, layers = first_images(inputs).images, layers_of(inputs.model)
    return {
        condition: {layer: _of_ensemble(inputs.ensemble(condition), images, layer=layer) for layer in layers}
        for condition in (UNTRAINED, TRAINED)
    }


@partial(jax.jit, static_argnames="layer")
def _of_ensemble(networks: Network, images: Images, *, layer: str) -> Maps:
    return over_seeds(partial(of_layer, layer=layer), chunk=1)(networks, images)
