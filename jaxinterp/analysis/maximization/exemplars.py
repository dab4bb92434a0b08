"""How close do real images come to a first-layer unit's optimum, and do they look like its weights?"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import correlation, responses
from jaxinterp.analysis.maximization import optima
from jaxinterp.networks import Network, sites

Images = Float[Array | np.ndarray, "examples pixels"]


class BestImages(NamedTuple):
    """Each first-layer unit's best images, by the input to it.

    gain: how far the best one goes from the blank image to the optimum in [0, 1]. likeness: correlation over pixels of
    the weights with the mean of the best; likeness_other: with that of other units' best. dark: 1 where no image in
    [0, 1] activates the unit.
    """

    gain: Float[Array, " units"]
    likeness: Float[Array, " units"]
    likeness_other: Float[Array, " units"]
    dark: Float[Array, " units"]


def best_images(network: Network, images: Images, *, k: int) -> BestImages:
    """How good every first-layer unit's k best images are, and how similar they are to its weights."""
    weights, bias = optima.affine(network)
    best = responses.exemplars(network.units(images)[sites(network.model)[1]], k=min(k, len(images)))
    alike = correlation.pairwise(weights, jnp.mean(jnp.asarray(images)[best.index], axis=1))
    units = weights.shape[0]
    others = jnp.where(jnp.eye(units, dtype=bool), 0, alike)
    return BestImages(
        gain=optima.share_of_optimum(network, best.value[:, 0]),
        likeness=jnp.diagonal(alike),
        likeness_other=jnp.sum(others, axis=1) / (units - 1) if units > 1 else jnp.full(1, jnp.nan),
        dark=(optima.box_optimum(weights, bias)[1] <= 0).astype(float),
    )
