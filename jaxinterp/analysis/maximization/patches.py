"""Which patch activates a channel most at one position of its map? The rest of the image, which it does not see, stays.

For any other objective or constraint, give `maximize` the window itself (`networks.window`) in place of the network.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import maximization
from jaxinterp.analysis.maximization import objectives, optima
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, Position, Window, first_layer_is_affine, sites, window


class Patches(NamedTuple):
    """The patch that maximises each channel at one position; values are pre-activations there.

    - images: whole ones, the base around the patch (`Window.cut` gives the patch); values: of the best restart;
      restart_values: of all restarts;
    - agreement: as in `maximization.Maximized`, of the patches;
    - bound: a value that no patch in [0, 1] can exceed (`optima.map_bounds`); in the first layer, the optimum;
    - fraction: (value − value of the blank patch)/(bound − value of the blank patch); NaN where these are equal.
    """

    images: Float[Array, "units pixels"]
    values: Float[Array, " units"]
    restart_values: Float[Array, "units restarts"]
    agreement: Float[Array, " units"]
    bound: Float[Array, " units"]
    fraction: Float[Array, " units"]


def units(
    key,
    network: Network,
    *,
    site: Site,
    position: Position | None = None,
    base: Float[Array | np.ndarray, " pixels"] | None = None,
    restarts: int = 8,
    steps: int = 256,
    chunk: int = 64,
    **options,
) -> Patches:
    """The patch in [0, 1] that maximises each channel of a site at one position, by gradient ascent.

    position: row and column; None for the middle of the map. base: the image around the patch; None for a blank one.
    chunk, options: as in `maximization.units`; options take patches as images. Raises InputError for an unknown site,
    for one without feature maps or after an activation function, for a position outside the map and for a base of
    another size.
    """
    patch = window(network, site, position=position, base=base)
    maximization.check_gradient(network.model, site)
    blank = at_position(patch, jnp.zeros(patch.pixels), site)
    best, values, restart_values, agreement = maximization.best_of_each(
        key,
        patch,
        lambda unit: objectives.channels(site, unit[None], patch.field.position),
        units=blank.shape[0],
        chunk=chunk,
        restarts=restarts,
        steps=steps,
        **options,
    )
    row, column = patch.field.position
    bound = optima.map_bounds(network, site=site)[1][row, column]
    room = bound - blank
    fraction = (values - blank) / jnp.where(room == 0, jnp.nan, room)
    return Patches(patch.placed(best), values, restart_values, agreement, bound, fraction)


def affine(patch: Window) -> tuple[Float[Array, "units pixels"], Float[Array, " units"]]:
    """Weights and bias of the first layer's channels at the window's position, as a function of the patch.

    The weights are the filter, with input scaling and batch norm folded in. With them, `optima` has the best patch in a
    box or a ball. Raises InputError for a layer norm before the activation function.
    """
    model = patch.network.model
    if not first_layer_is_affine(model):
        raise InputError("the first layer is not affine in the pixels: a layer norm scales each image differently")
    blank, site = jnp.zeros(patch.pixels), sites(model)[1]
    return jax.jacrev(lambda values: at_position(patch, values, site))(blank), at_position(patch, blank, site)


def at_position(
    patch: Window, patches: Float[Array | np.ndarray, "*batch pixels"], site: Site
) -> Float[Array, "*batch units"]:
    """Each channel's activation at the window's position."""
    row, column = patch.field.position
    return patch(patches)[1][site][..., row, column, :]
