"""What is each unit's Shapley value where there are too many coalitions for a table? Sampled, with its standard error.

A unit's Shapley value is the mean, over all orders of the units, of what it adds to those before it. Orders are drawn
in pairs, each with its reverse. Whatever depends on single units and on pairs of them is then exact, however few are
drawn: in one of the two orders a unit comes after any other. (To know the pairwise terms, as a control variate, would
add nothing.) Part of what is left depends on how many units come before. A control
variate takes that away: the mean value of coalitions of each size, a game in which all units are alike, so that its
Shapley values are known. Half of the pairs give the control variate of the other half, which leaves the estimate
unbiased. A unit that matters in few orders may matter in none of those drawn, and then has an error of 0.

Source: Mitchell, Cooper, Frank and Holmes 2022, Sampling permutations for Shapley value estimation, JMLR 23.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxinterp.analysis import ablation
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, check_site, unit_count


class Sampled(NamedTuple):
    """Estimated Shapley values of every unit, and their standard errors; further axes are those of the measure."""

    value: Float[Array, "units *measure"]
    error: Float[Array, "units *measure"]


def sampled(
    key,
    network: Network,
    data: Dataset,
    *,
    site: Site,
    measure: Callable,
    pairs: int,
    kind: str = "zero",
    fill_key=None,
    chunk: int | None = None,
) -> Sampled:
    """Shapley values of a site's units, from this many orders and their reverses.

    measure: (logits, labels) to an array. kind, and fill_key for "resample": as in `ablation.groups`, with the same
    replacements for all coalitions. chunk: coalitions at once. Raises InputError as that does, and for fewer than 8
    pairs or an odd number.
    """
    check_site(network.model, site)

    def values(kept):
        options = {"site": site, "kind": kind, "key": fill_key, "measure": measure, "chunk": chunk}
        return ablation.groups(network, data, ~kept, **options)

    return sampled_game(key, values, units=unit_count(network.model, site, network.pixels), pairs=pairs)


def sampled_game(key, values: Callable, *, units: int, pairs: int) -> Sampled:
    """`sampled`, of any game: values maps coalitions "coalitions units" to an array with a leading axis of these.

    Raises InputError for fewer than 8 pairs or an odd number.
    """
    if pairs < 8 or pairs % 2:
        raise InputError(f"pairs is {pairs}: two halves of 4 or more are needed, so use an even number from 8 on")

    def of_pair(key):
        order = jax.random.permutation(key, units)
        found = values(jnp.concatenate([ablation.prefixes(order), ablation.prefixes(order[::-1])]))
        there, back = jnp.split(found, 2)
        place = jnp.argsort(order)
        added = jnp.diff(there, axis=0)[place] + jnp.diff(back, axis=0)[units - 1 - place]
        return added / 2, (there + back) / 2, place

    added, by_size, place = (
        jnp.stack(jnp.split(part, 2)) for part in jax.lax.map(of_pair, jax.random.split(key, pairs))
    )
    curves = jnp.mean(by_size, axis=1)[::-1]  # of the other half, as are the slopes
    slopes = jax.vmap(_slope)(added, jax.vmap(_control)(curves[::-1], place))[::-1]
    control = jax.vmap(_control)(curves, place)
    corrected = added - jnp.expand_dims(slopes, (1, 2)) * control
    variance = jnp.var(corrected, axis=1, ddof=1) / (pairs // 2)
    return Sampled(jnp.mean(corrected, axis=(0, 1)), jnp.sqrt(jnp.mean(variance, axis=0) / 2))


def _control(
    curve: Float[Array, "sizes *measure"], place: Int[Array, "pairs units"]
) -> Float[Array, "pairs units ..."]:
    """What a unit at its places adds to the mean coalition of each size, less the mean over all places."""
    rises = jnp.diff(curve, axis=0)
    both = (rises + rises[::-1]) / 2
    return (both - jnp.mean(both, axis=0))[place]


def _slope(added: Array, control: Array) -> Array:
    """One least squares slope for all units, so that estimates sum to v(N) − v(∅); 0 for a constant control."""
    square = jnp.sum(control**2, axis=(0, 1))
    products = jnp.sum(control * (added - jnp.mean(added, axis=0)), axis=(0, 1))
    return products / jnp.where(square > 0, square, 1)
