"""What breaks without a direction of a layer? Random directions are the null hypothesis of claims about units.

A layer's units are one orthonormal basis of its activations; written in another, the network computes the same. A claim
that is as true of random directions, as many as there are units and searched in the same way, is not about units.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import ablation
from jaxinterp.interventions import Site, replace
from jaxinterp.networks import Network, check_site, linear_after

Basis = Float[Array, "units directions"]
"""Directions of unit length, one per column."""


def random_bases(key, units: int, *, draws: int) -> Float[Array, "draws units units"]:
    """Random orthonormal bases of a layer, uniform over all rotations and reflections (Haar).

    Source: Mezzadri 2007, How to generate random matrices from the classical compact groups, arXiv math-ph/0609050.
    """
    return jax.random.orthogonal(key, units, (draws,))


def coordinates(
    activations: Float[Array, "examples *map units"], basis: Basis
) -> Float[Array, "examples *map directions"]:
    """Activations along each direction."""
    return jnp.matmul(activations, basis, precision=jax.lax.Precision.HIGHEST)


def mover(
    network: Network,
    images: Float[Array | np.ndarray, "examples pixels"],
    basis: Basis,
    *,
    site: Site,
    measure: Callable,
) -> Callable[[Any, Any], Any]:
    """A function (direction, change of its coordinate "examples *map") → measure(logits): `ablation.unit_mover`.

    Where the site feeds a linear layer, the change is made there. Raises InputError for an unknown site.
    """
    check_site(network.model, site)
    before, linear = network(images)[1], linear_after(network, site)
    rows, changed_site = basis.T, site
    if linear is not None:
        kernel, changed_site = linear
        rows = jnp.matmul(basis.T, kernel, precision=jax.lax.Precision.HIGHEST)

    def run(direction, change):
        changed = before[changed_site] + change[..., None] * jnp.take(rows, direction, axis=0)
        return measure(network(images, {changed_site: replace(changed)})[0])

    return run


def replaced(
    network: Network,
    images: Float[Array | np.ndarray, "examples pixels"],
    fills: Float[Array, "fills examples *map directions"],
    basis: Basis,
    *,
    site: Site,
    measure: Callable,
    chunk: int,
) -> Float[Array, "fills directions ..."]:
    """measure(logits) with each direction's coordinates replaced in turn by each fill: `ablation.replaced_units`.

    chunk: directions × fills at once. Raises InputError for an unknown site.
    """
    run = mover(network, images, basis, site=site, measure=measure)
    return ablation.each_change(run, fills - coordinates(network(images)[1][site], basis), chunk=chunk)
