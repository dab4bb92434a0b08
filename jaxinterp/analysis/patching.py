"""Which units carry the difference between an image and its twin? Activation patching of single units and groups.

A twin is the same image after an edit. In the forward pass on the corrupt image (the twin), the activations of chosen
units are replaced by those on the clean image, and everything after the site is computed again. Units that restore the
clean image's margin carry what the edit changed. Source: Meng et al. 2022, arXiv 2202.05262, section 2.

The effect of a group of units is Σ(patched − corrupt)/Σ(clean − corrupt), of margins between two classes, summed over
the examples: 0 for units that change nothing, 1 for all units of a site. It is a ratio of means, because a mean of
ratios would be dominated by pairs with almost equal margins. It is NaN where clean and corrupt images have the same
mean margin.
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
    """The share of total = clean_margin − corrupt_margin that each unit restores; margins are means, in logits."""

    effect: Float[Array, " units"]
    total: Float[Array, ""]
    clean_margin: Float[Array, ""]
    corrupt_margin: Float[Array, ""]


def patch_units(
    network: Network, clean: Images, corrupt: Twins, *, site: Site, first: int, second: int, chunk: int = 16
) -> Patching:
    """The effect of each single unit of a site.

    Where the margin is linear in the site, as at the last hidden layer, effects add up to 1, and unit j has
    mean(Δaⱼ)(W[j, first] − W[j, second])/total.

    clean, corrupt: example i of one is the twin of example i of the other. chunk: units at once; memory grows as chunk
    × examples × units. Raises InputError for an unknown site or class, and for images without twins.
    """

    def of_units(source, target, margin):
        run = ablation.unit_mover(network, corrupt, site=site, measure=margin)
        change = source - target
        return jax.lax.map(
            lambda unit: run(unit, jnp.take(change, unit, axis=-1)), jnp.arange(target.shape[-1]), batch_size=chunk
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
    """The effect of each group of units, all patched at once.

    Arguments and errors are those of `patch_units`; raises InputError also for masks whose size is not the site's.
    """

    def of_groups(source, target, margin):
        if masks.shape[-1] != target.shape[-1]:
            raise InputError(f"masks of {masks.shape[-1]} units do not fit {site}, which has {target.shape[-1]}")

        def one(mask):
            return margin(network(corrupt, {site: replace(jnp.where(mask, source, target))})[0])

        return jax.lax.map(one, jnp.asarray(masks), batch_size=chunk)

    return _patch(network, clean, corrupt, of_groups, site, first, second).effect


def shifts(network: Network, clean: Images, corrupt: Twins, *, site: Site) -> Float[Array, " units"]:
    """How much the edit moves each unit: mean absolute change over pairs, in sds that the unit has among either kind.

    0 for a unit that never varies, ∞ for one that only the edit moves.
    """
    activations = [network.units(images)[site] for images in (clean, corrupt)]
    spread = jnp.sqrt((jnp.var(activations[0], axis=0) + jnp.var(activations[1], axis=0)) / 2)
    change = jnp.mean(jnp.abs(activations[0] - activations[1]), axis=0)
    return jnp.where(change > 0, change / spread, 0)


def _patch(
    network: Network, clean: Images, corrupt: Twins, patched: Callable, site: Site, first: int, second: int
) -> Patching:
    """The Patching record of `patched`: (clean activations, corrupt activations, mean margin) → patched margins."""
    if clean.shape != corrupt.shape:
        raise InputError(f"every image needs one twin, got shapes {clean.shape} and {corrupt.shape}")
    check_site(network.model, site)

    def margin(logits):
        return jnp.mean(counterfactuals.reading(logits, first, second).margin)

    (clean_logits, clean_sites), (corrupt_logits, corrupt_sites) = network(clean), network(corrupt)
    before, after = margin(clean_logits), margin(corrupt_logits)
    total = before - after
    change = patched(clean_sites[site], corrupt_sites[site], margin) - after
    effect = jnp.where(total == 0, jnp.nan, change / jnp.where(total == 0, 1.0, total))
    return Patching(effect, total, before, after)
