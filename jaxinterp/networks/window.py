"""How does a network respond to the patch that one position of a feature map sees, with all else of the image fixed?"""

import math
from typing import Any

import flax.struct
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks.mlp import Activations
from jaxinterp.networks.network import Network
from jaxinterp.networks.receptive_field import Field, Position, field_at

Images = Float[Array | np.ndarray, "*batch pixels"]
Patches = Float[Array | np.ndarray, "*batch patch_pixels"]


class Window(flax.struct.PyTreeNode):
    """A network as a function of a patch, whose pixels are flattened as those of images are.

    base: the image around the patch, "pixels".
    """

    network: Network
    base: Any
    field: Field = flax.struct.field(pytree_node=False)

    @property
    def pixels(self) -> int:
        """Number of pixels in a patch."""
        return math.prod(self.field.shape)

    def __call__(self, patches: Patches) -> tuple[Float[Array, "*batch outputs"], Activations]:
        """Logits and activations, on the base with each of the patches in it."""
        return self.network(self.placed(patches))

    def placed(self, patches: Patches) -> Float[Array, "*batch pixels"]:
        """The whole images: the base, with each of the patches in it."""
        batch = patches.shape[:-1]
        grid = jnp.asarray(patches).reshape(*batch, *self.field.shape)
        return jnp.where(self._seen(), self._around(grid).reshape(*batch, -1), self.base)

    def cut(self, images: Images) -> Float[Array, "*batch patch_pixels"]:
        """The patch of each image."""
        batch, (_, top, left, (rows, columns, _), shape) = images.shape[:-1], self.field
        grid = jnp.asarray(images).reshape(*batch, *shape)
        return grid[..., top : top + rows, left : left + columns, :].reshape(*batch, -1)

    def _seen(self) -> np.ndarray:
        return np.asarray(self._around(np.ones(self.field.shape, bool), np)).reshape(-1)

    def _around(self, grid, library: Any = jnp):
        """Patches "*batch rows columns channels" between zeros, as large as the image."""
        _, top, left, (rows, columns, _), (height, width, _) = self.field
        margins = [(top, height - top - rows), (left, width - left - columns), (0, 0)]
        return library.pad(grid, [(0, 0)] * (grid.ndim - 3) + margins)


def window(
    network: Network,
    site: Site,
    *,
    position: Position | None = None,
    base: Float[Array | np.ndarray, " pixels"] | None = None,
) -> Window:
    """A network as a function of what a position of a site's feature maps sees.

    position: row and column; None for the middle (`field_at`). base: None for a blank image. Raises InputError as
    `field_at` does, and for a base of another size than the network's images.
    """
    field = field_at(network.model, site, position)
    around = jnp.zeros(network.pixels) if base is None else jnp.asarray(base)
    if around.shape != (network.pixels,):
        raise InputError(f"the base has {around.size} pixels: use one image of {network.pixels}")
    return Window(network, around, field)
