"""How do maps change over training? What share of the total change is made, and do pixels keep their first direction?

A map has one number per pixel, such as a unit's weights, and is compared at three times: at the beginning, during
training, and at the end. Only pixels where `where` is true count.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

Maps = Float[Array | np.ndarray, "units pixels"]
Where = Bool[Array | np.ndarray, " pixels"] | bool


def share_gone(begun: Maps, here: Maps, final: Maps, where: Where = True) -> Float[Array, " units"]:
    """Which share of its straight way each map has gone: the way so far projected on the whole; NaN where it stays."""
    way, gone = (jnp.where(where, jnp.asarray(maps) - begun, 0) for maps in (final, here))
    length = jnp.sum(way**2, axis=1)
    return jnp.sum(way * gone, axis=1) / jnp.where(length > 0, length, jnp.nan)


def goes_on(first: Maps, later: Maps, where: Where = True) -> Float[Array, ""]:
    """The share of (unit, pixel) whose later change has the sign of its first; those that do not change later are out.

    To compare with chance, pass another unit's first change.
    """
    alike = jnp.equal(jnp.sign(jnp.asarray(first)), jnp.sign(jnp.asarray(later)))
    return jnp.nanmean(jnp.where(jnp.equal(later, 0), jnp.nan, alike), where=where)
