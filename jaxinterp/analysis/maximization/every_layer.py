"""Which image activates each unit of every layer most, and how close is its activation to the highest possible?"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import maximization
from jaxinterp.analysis.maximization import optima, patches
from jaxinterp.networks import Network, first_layer_is_affine, has_maps, window

# Few, since a page is not waited for: the fraction of the bound shows what they miss.
RESTARTS, STEPS = 4, 128


class Maximisers(NamedTuple):
    """The image in [0, 1] that activates each unit most; values and bound are pre-activations.

    bound: what no image can exceed. fraction: (value − value of the blank image)/(bound − value of the blank image).
    """

    images: Float[Array, "units pixels"]
    values: Float[Array, " units"]
    bound: Float[Array, " units"]
    fraction: Float[Array, " units"]


def maximisers(
    network: Network,
    images: Float[Array | np.ndarray, "examples pixels"],
    key,
    *,
    restarts: int = RESTARTS,
    steps: int = STEPS,
) -> tuple[Maximisers, ...]:
    """Those of every hidden layer: in closed form where units are linear in the pixels, else by gradient ascent."""
    model = network.model
    keys = jax.random.split(key, len(model.layers))
    found = []
    for number, layer in enumerate(model.layers):
        if number == 0 and first_layer_is_affine(model):
            best, values = optima.box_optimum(*optima.affine(network))
            found.append(Maximisers(best, values, values, jnp.where(jnp.isfinite(values), 1.0, jnp.nan)))
        else:
            ascent = maximization.units(
                keys[number], network, images[:1], site=layer.pre, restarts=restarts, steps=steps
            )
            found.append(Maximisers(ascent.images, ascent.values, ascent.bound, ascent.fraction))
    return tuple(found)


def patch_maximisers(
    network: Network, key, *, restarts: int = RESTARTS, steps: int = STEPS
) -> tuple[Maximisers | None, ...]:
    """The patch that activates each channel most in the middle of its map, for every layer; None for neurons.

    images: the patches. Computed as `maximisers` does.
    """
    model = network.model
    keys = jax.random.split(key, len(model.layers))
    found = []
    for number, layer in enumerate(model.layers):
        if not has_maps(model, layer.pre):
            found.append(None)
            continue
        patch = window(network, layer.pre)
        if number == 0 and first_layer_is_affine(model):
            best, values = optima.box_optimum(*patches.affine(patch))
            found.append(Maximisers(best, values, values, jnp.where(jnp.isfinite(values), 1.0, jnp.nan)))
        else:
            ascent = patches.units(keys[number], network, site=layer.pre, restarts=restarts, steps=steps)
            found.append(Maximisers(patch.cut(ascent.images), ascent.values, ascent.bound, ascent.fraction))
    return tuple(found)
