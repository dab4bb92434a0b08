"""How few units are enough, and how few cannot be missed? The smallest sets of each kind, from a table of values.

A coalition is sufficient for a class if it keeps 95 % of the intact network's value, such as F1. A set is necessary if
without it, with all other units kept, less than 10 % is left. More units are not always better, so that a set may be
sufficient and a larger one not.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp.analysis.coalitions.indices import Values, sizes, units_of
from jaxinterp.errors import InputError

KEPT = 0.95  # of the intact value: what is sufficient keeps as much
LEFT = 0.10  # of the intact value: what is necessary leaves less
PACKED = 16  # units at most of which disjoint sets are counted: 3¹⁶ pairs of disjoint subsets are 43 million
_WORD = 32  # rows at once, one in each bit
_STACKED = 12  # units whose subsets are split all at once; the others one after the other

Sets = Bool[Array | np.ndarray, "*batch subsets"]


class Smallest(NamedTuple):
    """The smallest of some sets, and of several as small the one with the best value.

    subset: its index; size: its number of units, NaN where there is no such set. number: how many are as small.
    """

    subset: Int[Array, "*batch"]
    size: Float[Array, "*batch"]
    number: Int[Array, "*batch"]


def sufficient(values: Values, *, kept: float = KEPT) -> Bool[Array, "*batch subsets"]:
    """Which coalitions keep this share of the intact value; none where that is not above 0."""
    values = jnp.asarray(values)
    return (values >= kept * values[..., -1:]) & (values[..., -1:] > 0)


def necessary(values: Values, *, left: float = LEFT) -> Bool[Array, "*batch subsets"]:
    """Without which sets less than this share of the intact value is left; none where that is not above 0.

    A value that is NaN, such as the precision of a class that is never predicted, counts as nothing left.
    """
    values = jnp.nan_to_num(jnp.asarray(values))
    without = values[..., ::-1]  # the complement of subset i has index 2ⁿ − 1 − i
    return (without < left * values[..., -1:]) & (values[..., -1:] > 0)


def smallest(sets: Sets, values: Values) -> Smallest:
    """The smallest of the sets; of several, the one with the highest of the values."""
    values, size = jnp.asarray(values), sizes(units_of(sets))
    least = jnp.min(jnp.where(sets, size, len(size)), axis=-1)
    chosen = sets & (size == least[..., None])
    best = jnp.argmax(jnp.where(chosen, jnp.nan_to_num(values), -jnp.inf), axis=-1)
    known = jnp.any(sets, axis=-1)
    return Smallest(best, jnp.where(known, least, jnp.nan), jnp.sum(chosen, axis=-1))


class Searched(NamedTuple):
    """The best sets by one half of the images, and what the other half says of them.

    enough: the smallest sufficient set, and kept, the share of the intact value that it keeps on the other half.
    needed: the smallest necessary set, and left, the share that is left there without it. one_kept, one_left: the same
    of the best single unit and of the most damaging one. Shares are NaN without such a set, and where the intact value
    of the other half is not above 0.
    """

    enough: Smallest
    needed: Smallest
    kept: Float[Array, "*batch"]
    left: Float[Array, "*batch"]
    one_kept: Float[Array, "*batch"]
    one_left: Float[Array, "*batch"]


def searched(choosing: Values, scoring: Values) -> Searched:
    """Sets that are picked out of all by the values of one half of the images, with their values on the other half."""
    choosing, scoring = jnp.asarray(choosing), jnp.asarray(scoring)
    last, whole = choosing.shape[-1] - 1, scoring[..., -1]
    alone = jnp.asarray(2 ** np.arange(units_of(choosing)))
    enough = smallest(sufficient(choosing), choosing)
    needed = smallest(necessary(choosing), -choosing[..., ::-1])

    def share(subset: Array, known=None) -> Array:
        value = jnp.take_along_axis(scoring, subset[..., None], axis=-1)[..., 0]
        share = jnp.where(whole > 0, value / jnp.where(whole > 0, whole, 1), jnp.nan)
        return share if known is None else jnp.where(known.number > 0, share, jnp.nan)

    best, worst = jnp.argmax(choosing[..., alone], axis=-1), jnp.argmin(choosing[..., last - alone], axis=-1)
    return Searched(
        enough,
        needed,
        kept=share(enough.subset, enough),
        left=share(last - needed.subset, needed),
        one_kept=share(alone[best]),
        one_left=share(last - alone[worst]),
    )


def divided(choosing: Values, scoring: Values) -> Float[Array, "*batch"]:
    """How much either of two parts of the units keeps, where each can stand in for the other: the smaller of the two
    values, for the division that is best by the choosing values, by the scoring values.
    """
    choosing, scoring = (jnp.minimum(values, values[..., ::-1]) for values in map(jnp.asarray, (choosing, scoring)))
    return jnp.take_along_axis(scoring, jnp.argmax(choosing, axis=-1, keepdims=True), axis=-1)[..., 0]


def disjoint_sets(sets: Sets) -> Float[Array, "*batch"]:
    """The largest number of these sets of which no two share a unit: of sufficient sets, the redundancy. Exact.

    With D_k the subsets that contain k disjoint sets, D_{j+k} has the unions of a D_j and a D_k that are disjoint: all
    3ⁿ pairs of disjoint subsets are tried, with rows as bits of one word. A set of one unit is part of some largest
    number, so that these are counted first; all others have two units or more, and D_4 is enough for 16 units. The
    empty set, if it is one of the sets, is left out.

    Raises InputError for more than `PACKED` units.
    """
    sets = jnp.asarray(sets)
    units, shape = units_of(sets), sets.shape[:-1]
    if units > PACKED:
        raise InputError(f"disjoint sets of {units} units take 3^{units} steps to count: use at most {PACKED} units")
    rows = sets.reshape(-1, sets.shape[-1]).at[:, 0].set(False)
    alone = rows[:, 2 ** np.arange(units)]
    taken = jnp.sum(jnp.where(alone, 2 ** np.arange(units), 0), axis=-1)
    rest = rows & (jnp.arange(rows.shape[1]) & taken[:, None] == 0)
    count = -(-len(rows) // _WORD) * _WORD
    groups = jnp.pad(rest, ((0, count - len(rows)), (0, 0))).reshape(-1, _WORD, rows.shape[1])
    packed = jax.lax.map(_packing, groups).reshape(-1)[: len(rows)]
    return (jnp.sum(alone, axis=-1) + packed).astype(jnp.float32).reshape(shape)


def _packing(rows: Bool[Array, "rows subsets"]) -> Int[Array, " rows"]:
    """The largest number of disjoint sets, at most eight, of each of up to 32 rows."""
    bits = jnp.uint32(1) << jnp.arange(len(rows), dtype=jnp.uint32)
    words = jnp.sum(jnp.where(rows, bits[:, None], jnp.uint32(0)), axis=0, dtype=jnp.uint32)
    words = _upwards(words)
    level = [words]
    for _ in range(3):
        level.append(_joined(level[-1], words))
    found = jnp.zeros(len(rows), jnp.int32)
    for number in range(1, 9):
        # Split as evenly as can be, a set in one part and its complement's sets in the other.
        first, second = level[-(-number // 2) - 1], level[max(number // 2, 1) - 1][::-1]
        joint = words[-1:] if number == 1 else first & second
        reached = jax.lax.reduce(joint, jnp.uint32(0), jax.lax.bitwise_or, (0,))
        found = jnp.where((reached & bits) > 0, number, found)
    return found


def _upwards(words: Array) -> Array:
    """Each subset, with the bits of all subsets of it."""
    for unit in range(units_of(words)):
        apart = words.reshape(-1, 2, 2**unit)
        words = jnp.stack([apart[:, 0], apart[:, 0] | apart[:, 1]], axis=1).reshape(-1)
    return words


def _joined(first: Array, second: Array) -> Array:
    """OR over all T ⊆ S of first(T) & second(S∖T), for every S."""
    half = len(first) // 2
    if units_of(first) <= _STACKED:
        return _stacked(first[None], second[None])[0]
    (low, high), (other_low, other_high) = (jnp.split(words, [half]) for words in (first, second))
    parts = jnp.stack([low, high, low]), jnp.stack([other_low, other_low, other_high])
    none, left, right = jax.lax.map(lambda own: _joined(*own), parts)
    return jnp.concatenate([none, left | right])


def _stacked(first: Array, second: Array) -> Array:
    """`_joined` for each row; the number of rows grows threefold as the number of units falls by one."""
    rows, subsets = first.shape
    if subsets == 1:
        return first & second
    half = subsets // 2
    (low, high), (other_low, other_high) = ((words[:, :half], words[:, half:]) for words in (first, second))
    found = _stacked(jnp.concatenate([low, high, low]), jnp.concatenate([other_low, other_low, other_high]))
    none, left, right = jnp.split(found, [rows, 2 * rows])
    return jnp.concatenate([none, left | right], axis=1)
