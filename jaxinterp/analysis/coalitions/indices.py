"""What is each unit's part in the value of all coalitions, and which units act together? Exactly, from a table.

With v the value, Δ_T v(S) = Σ_{R⊆T} (−1)^{|T|−|R|} v(S∪R) is what the units of T add together to a coalition S without
any of them, beyond what their subsets add. Three indices average it over coalitions S, of every order |T| at once:

- Möbius: S = ∅, so that v(S) = Σ_{T⊆S} m(T);
- Banzhaf: every other unit is in S with probability ½;
- Shapley: with probability x, uniform in [0, 1]; for one unit it is the Shapley value, and these sum to v(N) − v(∅).

With every unit in S with probability x, the mean of Δ_T v is a derivative of the multilinear extension of v, which one
pass over the units computes for all T. It is a polynomial of x, so that Gauss–Legendre points integrate it exactly.

Sources: Owen 1972, Multilinear extensions of games; Grabisch, Marichal and Roubens 2000, Equivalent representations of
set functions.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from jaxinterp.analysis import correlation

Values = Float[Array | np.ndarray, "*batch subsets"]


def moebius(values: Values) -> Float[Array, "*batch subsets"]:
    """m(T) of every set of units T; m(∅) is v(∅)."""
    return _mean_differences(jnp.asarray(values), 0.0)


def from_moebius(moebius: Values) -> Float[Array, "*batch subsets"]:
    """The values whose Möbius transform this is: sums over all subsets."""
    return _passes(jnp.asarray(moebius), lambda without, of_both: (without, without + of_both))


def banzhaf(values: Values) -> Float[Array, "*batch subsets"]:
    """Banzhaf interaction index of every set of units; of one unit, its Banzhaf value, and of none, the mean value."""
    return _mean_differences(jnp.asarray(values), 0.5)


def shapley(values: Values) -> Float[Array, "*batch subsets"]:
    """Shapley interaction index of every set of units; of one unit, its Shapley value."""
    values = jnp.asarray(values)
    points, weights = np.polynomial.legendre.leggauss(units_of(values) // 2 + 1)

    def add(total, point):
        at, weight = point
        return total + weight * _mean_differences(values, at), None

    nodes = jnp.asarray((points + 1) / 2, values.dtype), jnp.asarray(weights / 2, values.dtype)
    return jax.lax.scan(add, jnp.zeros_like(values), nodes)[0]


def shapley_of_sets(
    values: Float[np.ndarray, "*batch subsets"], sets: Int[np.ndarray, "sets members"]
) -> Float[np.ndarray, "*batch sets"]:
    """The entries of `shapley` for these sets of units, all of one size, without those for other sets.

    That of T is Σ (−1)^{|T∖S|} v(S)/((n−t+1) C(n−t, |S∖T|)) over all S, with t units in T.
    """
    units, size = units_of(values), sets.shape[1]
    if not len(sets):
        return np.zeros((*values.shape[:-1], 0))
    members = (np.arange(2**units)[:, None] >> np.arange(units)) % 2
    inside = sum(members[:, sets[:, place]] for place in range(size))
    outside = members.sum(axis=1, keepdims=True) - inside
    share = np.array([1 / ((units - size + 1) * math.comb(units - size, count)) for count in range(units - size + 1)])
    return values @ (share[outside] * (-1.0) ** (size - inside))


def of_units(index: Values) -> Float[Array, "*batch units"]:
    """The entries of single units."""
    return jnp.asarray(index)[..., 2 ** np.arange(units_of(index))]


def pairs(index: Values) -> Float[Array, "*batch units units"]:
    """The entries of pairs of units; NaN on the diagonal."""
    bits = 2 ** np.arange(units_of(index))
    table = jnp.asarray(index)[..., bits[:, None] | bits]
    return jnp.where(np.eye(len(bits), dtype=bool), jnp.nan, table)


def single_damage(values: Values) -> Float[Array, "*batch units"]:
    """What the value loses without each unit alone: v(N) − v(N∖u)."""
    values = jnp.asarray(values)
    return values[..., -1:] - values[..., 2 ** units_of(values) - 1 - 2 ** np.arange(units_of(values))]


def additivity(values: Values) -> Float[Array, "*batch"]:
    """How well do single ablations predict all coalitions? Spearman's correlation, over all 2ⁿ, of the value with what
    it would be if losses added up: v(N) − Σ_{u∉S} (v(N) − v(N∖u)). NaN if either is the same for all coalitions.
    """
    values = jnp.asarray(values)
    lost, units = single_damage(values), units_of(values)
    missing = 1 - (np.arange(values.shape[-1])[:, None] >> np.arange(units)) % 2
    predicted = -jnp.matmul(lost, jnp.asarray(missing.T, values.dtype), precision=jax.lax.Precision.HIGHEST)
    return correlation.rowwise(_ranks(values), _ranks(predicted))


def sizes(units: int) -> Int[np.ndarray, " subsets"]:
    """The number of units in each subset."""
    return np.bitwise_count(np.arange(2**units)).astype(np.int32)


def units_of(values: Shaped[Array | np.ndarray, "*batch subsets"]) -> int:
    """The number of units whose subsets the last axis has."""
    return values.shape[-1].bit_length() - 1


def _mean_differences(values: Array, probability) -> Array:
    """The mean of Δ_T v(S) for every T, over S with every other unit at this probability."""
    return _passes(values, lambda without, having: (without + probability * (having - without), having - without))


def _passes(values: Array, step) -> Array:
    """For each unit in turn, the values of the subsets without and with it by step(without, with)."""
    shape = values.shape
    for unit in range(units_of(values)):
        apart = values.reshape(*shape[:-1], -1, 2, 2**unit)
        values = jnp.stack(step(apart[..., 0, :], apart[..., 1, :]), axis=-2).reshape(shape)
    return values


def _ranks(values: Array) -> Array:
    """Ranks along the last axis, equal values sharing their mean rank."""

    def of_row(row):
        ordered = jnp.sort(row)
        return (jnp.searchsorted(ordered, row, side="left") + jnp.searchsorted(ordered, row, side="right")) / 2

    rows = values.reshape(-1, values.shape[-1])
    return jax.lax.map(of_row, rows).astype(values.dtype).reshape(values.shape)
