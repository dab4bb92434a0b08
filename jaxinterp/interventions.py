"""What is changed inside a network? An edit a ↦ scale · a + shift at a named site.

Edits are data, not hooks: to sweep every unit, vmap over edits.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Site = str

# Minus zero, so that adding it is bitwise no change even to a minus zero.
_NO_SHIFT = -0.0


class Edit(NamedTuple):
    """a ↦ scale · a + shift; both broadcast against the activations at the site."""

    scale: Any = 1.0
    shift: Any = _NO_SHIFT


Interventions = Mapping[Site, Edit]
NONE: Interventions = MappingProxyType({})


def identity() -> Edit:
    """Leave every activation as it is, bit for bit."""
    return Edit()


def rescale(units: Bool[Array, " units"], factor) -> Edit:
    """Multiply the chosen units by factor."""
    return Edit(jnp.where(units, factor, 1.0), jnp.asarray(_NO_SHIFT))


def ablate(units: Bool[Array, " units"], value: Any = 0.0) -> Edit:
    """Set the chosen units to a value: 0 for zero-ablation, their mean for mean-ablation.

    value: a number, or an array that broadcasts against the activations.
    """
    return Edit(jnp.where(units, 0.0, 1.0), jnp.where(units, value, _NO_SHIFT))


def patch(units: Bool[Array, " units"], activations: Float[Array, "*batch units"]) -> Edit:
    """Replace the chosen units' activations by others: another image's, say (activation patching)."""
    return ablate(units, activations)


def steer(direction: Float[Array, " units"], strength=1.0) -> Edit:
    """Add strength · direction."""
    return Edit(jnp.asarray(1.0), strength * direction)


def draw(mask: Bool[Array, " pixels"], intensity=1.0) -> Edit:
    """Paint pixels, at site "input"."""
    return ablate(mask, intensity)


def erase(mask: Bool[Array, " pixels"]) -> Edit:
    """Blank pixels, at site "input"."""
    return ablate(mask, 0.0)
