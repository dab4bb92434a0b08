"""What is changed inside a network? An edit a ↦ scale · a + shift of the activations at a named site.

Edits are data, not hooks: to sweep every unit, vmap over edits.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.errors import InputError

__all__ = [
    "NONE", "Edit", "Interventions", "Site", "ablate", "draw", "erase", "identity", "patch", "replace", "rescale",
    "select", "steer",
]  # fmt: skip

Site = str

# Adding −0.0 changes no bit of any value, not even of −0.0.
_NO_SHIFT = -0.0


class Edit(NamedTuple):
    """a ↦ scale · a + shift. Both broadcast against the activations at the site. With scale None: a ↦ shift."""

    scale: Any = 1.0
    shift: Any = _NO_SHIFT


Interventions = Mapping[Site, Edit]
NONE: Interventions = MappingProxyType({})


def select(units: Sequence[int], count: int) -> Bool[np.ndarray, " units"]:
    """The mask of a layer of `count` units (or an image of `count` pixels) that is True for exactly the given units.

    Raises InputError for a unit outside 0 to count − 1.
    """
    for unit in units:
        if not 0 <= unit < count:
            raise InputError(f"no unit {unit} among {count}: use 0 to {count - 1}")
    return np.isin(np.arange(count), units)


def identity() -> Edit:
    """Leave every activation unchanged, bit for bit."""
    return Edit()


def rescale(units: Bool[Array | np.ndarray, " units"], factor) -> Edit:
    """Multiply the chosen units' activations by a factor."""
    return Edit(jnp.where(units, factor, 1.0), jnp.asarray(_NO_SHIFT))


def ablate(units: Bool[Array | np.ndarray, "*positions units"], value: Any = 0.0) -> Edit:
    """Set the chosen units to a value: 0 for zero-ablation, their mean for mean-ablation.

    units: may be chosen at each position of a feature map, "rows columns channels". value: a number, or an array that
    broadcasts against the activations.
    """
    return Edit(jnp.where(units, 0.0, 1.0), jnp.where(units, value, _NO_SHIFT))


def patch(units: Bool[Array | np.ndarray, " units"], activations: Float[Array | np.ndarray, "*batch units"]) -> Edit:
    """Replace the chosen units' activations by others, such as those on another image (activation patching)."""
    return ablate(units, activations)


def replace(activations: Float[Array | np.ndarray, "*batch units"]) -> Edit:
    """Replace the activations of all units. Under jit, nothing before the site is then computed."""
    return Edit(None, activations)


def steer(direction: Float[Array | np.ndarray, " units"], strength=1.0) -> Edit:
    """Add strength · direction to the activations."""
    return Edit(jnp.asarray(1.0), strength * direction)


def draw(mask: Bool[Array | np.ndarray, " pixels"], intensity=1.0) -> Edit:
    """Set pixels to an intensity, at site "input"."""
    return ablate(mask, intensity)


def erase(mask: Bool[Array | np.ndarray, " pixels"]) -> Edit:
    """Set pixels to 0, at site "input"."""
    return ablate(mask, 0.0)
