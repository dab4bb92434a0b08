"""Which units carry what sets an image apart from its twin? Activation patching, unit by unit and group by group.

A twin is the same image after an edit. The activations of chosen units on the clean image are put into the run on its
corrupt twin, and what follows the site is computed again: units that bring back the clean image's margin carry what the
edit changed. Source: Meng et al. 2022, arXiv 2202.05262, section 2.

The effect of a group of units is Σ(patched − corrupt)/Σ(clean − corrupt), of the margins between two classes summed
over the examples: 0 for units that change nothing, 1 for all units of a site. It is a ratio of means, since a mean of
ratios would be ruled by the pairs that the network hardly tells apart. Where clean and corrupt have the same mean
margin there is nothing to restore: NaN.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import ablation, counterfactuals
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site, replace
from jaxinterp.networks import Network, check_site

Images = Float[Array | np.ndarray, "examples pixels"]
Twins = Float[Array | np.ndarray, "twins pixels"]


class Patching(NamedTuple):
    """What each unit restores, as a share of total = clean_margin − corrupt_margin: mean margins, in logits."""

    effect: Float[Array, " units"]
    total: Float[Array, ""]
    clean_margin: Float[Array, ""]
    corrupt_margin: Float[Array, ""]


def patch_units(
    network: Network, clean: Images, corrupt: Twins, *, site: Site, first: int, second: int, chunk: int = 16
) -> Patching:
    """The effect of each unit of a site alone.

    Effects add up to 1 where the margin is linear in the site, at the last hidden layer: there that of unit j is
    mean(Δaⱼ)(W[j, first] − W[j, second])/total.

    clean, corrupt: example i of one is the twin of example i of the other. chunk: units at once; memory grows as
    chunk × examples × units. Raises InputError for a site or a class that is not there, and for images without twins.
    """

    def of_units(source, target, margin):
        run = ablation.unit_mover(network, corrupt, site=site, measure=margin)
        change = source - target
        return jax.lax.map(
            lambda unit: run(unit, jnp.take(change, unit, axis=1)), jnp.arange(target.shape[-1]), batch_size=chunk
        )

    return _patch(network, clean, corrupt, of_units, site, first, second)


def patch_groups(
    network: Network,
    clean: Images,
    corrupt: Twins,
    masks: Bool[Array | np.ndarray, "groups units"],
    *,
    site: Site,
    first: int,
    second: int,
    chunk: int = 16,
) -> Float[Array, " groups"]:
    """The effect of each group of units, all of its members patched at once.

    As for `patch_units`; raises InputError also for masks of another size than the site's.
    """

    def of_groups(source, target, margin):
        if masks.shape[-1] != target.shape[-1]:
            raise InputError(f"masks of {masks.shape[-1]} units do not fit {site}, which has {target.shape[-1]}")

        def one(mask):
            return margin(network(corrupt, {site: replace(jnp.where(mask, source, target))})[0])

        return jax.lax.map(one, jnp.asarray(masks), batch_size=chunk)

    return _patch(network, clean, corrupt, of_groups, site, first, second).effect


def _patch(
    network: Network, clean: Images, corrupt: Twins, patched: Callable, site: Site, first: int, second: int
) -> Patching:
    """A Patching of what patched(activations clean, corrupt, mean margin of logits) gives: margins when patched."""
    if clean.shape != corrupt.shape:
        raise InputError(f"every image needs one twin, got images {clean.shape} and twins {corrupt.shape}")
    check_site(network.model, site)

    def margin(logits):
        return jnp.mean(counterfactuals.reading(logits, first, second).margin)

    (clean_logits, clean_sites), (corrupt_logits, corrupt_sites) = network(clean), network(corrupt)
    before, after = margin(clean_logits), margin(corrupt_logits)
    total = before - after
    change = patched(clean_sites[site], corrupt_sites[site], margin) - after
    effect = jnp.where(total == 0, jnp.nan, change / jnp.where(total == 0, 1.0, total))
    return Patching(effect, total, before, after)
