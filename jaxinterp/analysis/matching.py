"""Which unit of one network is which unit of another? One-to-one matching by activations on the same images.

`activations` are those of one site, of all seeds. Entry [i, j] compares network i of `activations` with network j of
`others`, by default the same networks; with shuffled `others` the same code computes the null. A unit that is constant
over the examples, or not finite on one of them, has no correlations: they are NaN, and so is every result about it. It
is matched with whatever unit remains, and means over units exclude it.

A signed match requires the same activations. An absolute match treats a unit and its mirror image (−1 times it) as the
same, which suits networks with an odd activation function such as tanh.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize
from jaxtyping import Array, Float, Int

from jaxinterp.errors import InputError

Activations = Float[Array | np.ndarray, "seeds examples units"]
Others = Float[Array | np.ndarray, "seeds_other examples_other units_other"]
Correlations = Float[Array | np.ndarray, "seeds seeds_other units units_other"]

# A unit whose values differ by less than this, relative to the largest, is constant but for rounding.
_ROUNDING = 1e-6
# A new alignment must be better by more than rounding; otherwise two equal units would be swapped for ever.
_PROGRESS = 1e-5
_SWEEPS = 100
_LEVEL = 0.95
# Accelerators multiply with fewer bits by default.
_EXACT = jax.lax.Precision.HIGHEST


class Matching(NamedTuple):
    """The unit of the other network that each unit is matched with, and the signed correlation of the two."""

    order: Int[Array, "seeds seeds units"]
    value: Float[Array, "seeds seeds units"]


class Consensus(NamedTuple):
    """A common order of units for all networks: `order[s, k]` is the unit of network s at position k.

    signs: −1 where that unit is the mirror image of the others at its position. value: its mean correlation with them,
    after the signs.
    """

    order: Int[Array, "seeds units"]
    signs: Float[Array, "seeds units"]
    value: Float[Array, "seeds units"]


class FunctionalMatch(NamedTuple):
    """Correlation over classes of matched units, and its mean over all units of the other network (the random match).

    profile: of the mean activations on each class. damage: of what each class loses without the unit.
    """

    profile: Float[Array, "seeds seeds units"]
    profile_random: Float[Array, "seeds seeds units"]
    damage: Float[Array, "seeds seeds units"]
    damage_random: Float[Array, "seeds seeds units"]


def correlations(
    activations: Activations, others: Others | None = None
) -> Float[Array, "seeds seeds_other units units_other"]:
    """Pearson correlation of every unit with every unit, for all pairs of networks, by one matrix product.

    Memory: a copy of the activations and the result of seeds² · units² numbers. Raises InputError where the two have
    different examples.
    """
    _check_examples(activations, others)
    first = _standardised(activations)
    return _products(first, first if others is None else _standardised(others))


def assign(scores: Float[Array | np.ndarray, "*pairs units units_other"]) -> Int[Array, "*pairs units"]:
    """A different unit for each unit, such that the sum of the scores of all pairs is as large as possible.

    NaN is worse than any number: as few units as possible get one. On a CPU this is SciPy's assignment, which is seven
    times as fast as optax's there; on an accelerator it is optax's, which avoids the transfer to the host. Raises
    InputError for more units than others.
    """
    if scores.shape[-2] > scores.shape[-1]:
        raise InputError(
            f"cannot match {scores.shape[-2]} units one-to-one with {scores.shape[-1]}; pass the smaller set first"
        )
    finite = jnp.isfinite(scores)
    size = jnp.max(jnp.where(finite, jnp.abs(scores), 0.0), axis=(-2, -1), keepdims=True)
    # Scores are within ±1, so no gain of all other units together outweighs this.
    worst = -2.0 * scores.shape[-2] - 1.0
    scores = jnp.where(finite, scores / jnp.where(size > 0, size, 1.0), worst)
    return _assign_by_scipy(scores) if jax.default_backend() == "cpu" else _assign_by_optax(scores)


def match(correlations: Correlations, *, absolute: bool = False) -> Matching:
    """Match the units of every pair of networks one-to-one, for the largest sum of (absolute) correlations.

    The match is fitted: on the same images even independent units correlate once they are matched. Score it on other
    images, as `matched_correlation` does. The scores may also be similarities of another kind. With fewer units than
    others, some others stay unmatched. Raises InputError for more units than others.
    """
    order = assign(jnp.abs(correlations) if absolute else correlations)
    return Matching(order, _taken(correlations, order))


def matched_correlation(
    activations: Activations, others: Others | None = None, *, key, absolute: bool = False, chunk: int = 16
) -> Float[Array, "seeds seeds_other"]:
    """Mean correlation of matched units: matched on a random half of the examples and scored on the other half.

    Networks with the same units in any order have 1, and independent networks 0 on average. Invariant to the order of
    units, and to translation and positive scaling of each unit; with absolute=True also to the sign of each unit, which
    is fitted with the match, so that chance is 0 there too. The numbers of units may differ: the mean is over the
    smaller one. Pairs with a constant unit are excluded; NaN where no pair remains.

    chunk: networks of `activations` compared at once, each with all others: chunk × seeds × units² numbers. Raises
    InputError where the two have different examples, or fewer than four.
    """
    _check_examples(activations, others)
    others = activations if others is None else others
    examples, units, units_other = activations.shape[1], activations.shape[2], others.shape[2]
    if examples < 4:
        raise InputError(f"matching on one half and scoring on the other needs at least 4 examples, got {examples}")
    if units > units_other:
        return matched_correlation(others, activations, key=key, absolute=absolute, chunk=chunk).T
    order = jax.random.permutation(key, examples)
    halves = order[: examples // 2], order[examples // 2 :]
    first, second = ([_standardised(jnp.asarray(x)[:, half]) for half in halves] for x in (activations, others))

    def compare(one):
        fitted, scored = (_products(x[None], y)[0] for x, y in zip(one, second, strict=True))
        order = assign(jnp.abs(fitted) if absolute else fitted)
        expected, value = _taken(fitted, order), _taken(scored, order)
        value = value * _signs(expected) if absolute else value
        return jnp.nanmean(jnp.where(jnp.isnan(expected), jnp.nan, value), axis=-1)

    return jax.lax.map(compare, first, batch_size=chunk)


def consensus(correlations: Correlations, *, absolute: bool = False) -> Consensus:
    """Align the units of all networks at once, for the largest sum of correlations over all pairs of networks.

    correlations: of the networks with themselves. Start: every network is matched to the one that the others match
    best. Then each network in turn is matched to the sum of all others as they are aligned, until nothing changes. The
    sum never decreases, but it may end at a local maximum. A network without any finite activation keeps an arbitrary
    order and does not affect the others. Raises InputError unless all networks have the same number of units.
    """
    seeds, seeds_other, units, units_other = correlations.shape
    if (seeds, units) != (seeds_other, units_other):
        raise InputError(
            f"a common order needs correlations of the networks with themselves, got shape {correlations.shape}"
        )
    known = jnp.isfinite(correlations) & ~jnp.eye(seeds, dtype=bool)[:, :, None, None]
    table = jnp.where(known, correlations, 0.0)

    def with_others(seed, order, signs):
        """Sums over the other networks: each unit's correlation with each position, and the number of finite ones."""
        total = jnp.sum(jnp.take_along_axis(table[seed], order[:, None], axis=-1) * signs[:, None], axis=0)
        return total, jnp.sum(jnp.take_along_axis(known[seed], order[:, None], axis=-1), axis=0)

    def visit(state, seed):
        order, signs, _ = state
        total, count = with_others(seed, order, signs)
        total = jnp.where(count > 0, total, jnp.nan).T
        best = assign(jnp.abs(total) if absolute else total)
        value, old = _taken(total, best), signs[seed] * _taken(total, order[seed])
        sign = _signs(value) if absolute else signs[seed]
        unmatched, unmatched_old = jnp.sum(jnp.isnan(value)), jnp.sum(jnp.isnan(old))
        gain, size = jnp.nansum(sign * value) - jnp.nansum(old), jnp.nansum(jnp.abs(value))
        better = (unmatched < unmatched_old) | ((unmatched == unmatched_old) & (gain > _PROGRESS * size))
        order = order.at[seed].set(jnp.where(better, best, order[seed]))
        signs = signs.at[seed].set(jnp.where(better, sign, signs[seed]))
        return (order, signs, better), better

    def sweep(state):
        order, signs, number, _ = state
        (order, signs, _), better = jax.lax.scan(visit, (order, signs, jnp.array(False)), jnp.arange(seeds))
        return order, signs, number + 1, jnp.any(better)

    pairs = match(correlations, absolute=absolute)
    strength = jnp.abs(pairs.value) if absolute else pairs.value
    centre = jnp.argmax(jnp.nansum(strength, axis=(1, 2)))
    signs = _signs(pairs.value[centre]) if absolute else jnp.ones((seeds, units), correlations.dtype)
    start = pairs.order[centre], signs, 0, jnp.array(True)
    order, signs, _, _ = jax.lax.while_loop(lambda state: state[3] & (state[2] < _SWEEPS), sweep, start)
    total, count = (
        jnp.take_along_axis(x, order[:, None], axis=1)[:, 0]
        for x in jax.lax.map(lambda seed: with_others(seed, order, signs), jnp.arange(seeds))
    )
    return Consensus(order, signs, signs * total / jnp.where(count > 0, count, jnp.nan))


def strongest(correlations: Correlations, *, absolute: bool = False) -> Float[Array, "seeds seeds_other units"]:
    """The largest (absolute) correlation of each unit with any unit of the other network."""
    return jnp.nanmax(jnp.abs(correlations) if absolute else jnp.asarray(correlations), axis=-1)


def best_match(
    activations: Activations, others: Others, units: Int[Array, "seeds picked"]
) -> Float[Array, "seeds seeds_other"]:
    """Mean correlation of the picked units of each network with their best match in each of the others.

    The match is the unit of largest absolute correlation on the even examples. What counts is its correlation on the
    odd ones, negative where the sign has changed. A constant unit correlates 0 with any other.
    """
    picked = jnp.take_along_axis(jnp.asarray(activations), units[:, None], axis=2)
    even, odd = (jnp.nan_to_num(correlations(picked[:, half::2], others[:, half::2])) for half in (0, 1))
    best = jnp.argmax(jnp.abs(even), axis=-1)
    return jnp.mean(jnp.sign(_taken(even, best)) * _taken(odd, best), axis=-1)


def universality(
    observed: Float[Array | np.ndarray, "seeds seeds units"], null: Float[Array | np.ndarray, "draws seeds seeds units"]
) -> Float[Array, "seeds units"]:
    """The share of the other networks with a match for each unit that is closer than chance.

    observed: the strength of each unit's match in every other network, as from `strongest`. null: the same for networks
    shuffled against each other, for example within classes. A match counts above the null's 95th percentile, taken for
    each unit over all draws and other networks, so under the null the share is .05 on average. NaN entries are
    excluded; a unit without any finite entry is NaN.
    """
    same = jnp.eye(observed.shape[0], dtype=bool)[:, :, None]
    observed, null = (jnp.where(same, jnp.nan, x) for x in (observed, null))
    threshold = jnp.nanquantile(null, _LEVEL, axis=(0, 2))
    known = jnp.isfinite(observed) & jnp.isfinite(threshold)[:, None]
    count = jnp.sum(known, axis=1)
    matched = jnp.sum(known & (observed > threshold[:, None]), axis=1)
    return matched / jnp.where(count > 0, count, jnp.nan)


def functional_match(
    profile: Float[Array | np.ndarray, "seeds units classes"],
    damage: Float[Array | np.ndarray, "seeds units classes"],
    matching: Matching,
    *,
    absolute: bool = False,
) -> FunctionalMatch:
    """Do matched units have the same function? Their effects on each class, compared with those of random pairs.

    profile: mean activation on each class. damage: what each class loses when the unit is ablated. absolute: as in the
    match; then profiles are compared up to sign. Damage has no sign, so its comparison does not change. Units matched
    by their activations have similar profiles partly because activations contain the classes, so damage is the stricter
    test. NaN for a unit if it or its match is the same for all classes. Classes without examples (NaN) are excluded.
    """

    def compare(values, unsigned):
        present = jnp.any(jnp.isfinite(values), axis=(0, 1))
        mean = jnp.mean(values, axis=-1, keepdims=True, where=present)
        # A class at its unit's mean contributes nothing to a correlation.
        pairs = correlations(jnp.swapaxes(jnp.where(present, values, mean), 1, 2))
        pairs = jnp.abs(pairs) if unsigned else pairs
        matched = _taken(pairs, matching.order)
        return matched, jnp.where(jnp.isnan(matched), jnp.nan, jnp.nanmean(pairs, axis=-1))

    return FunctionalMatch(*compare(profile, absolute), *compare(damage, False))


def _check_examples(activations, others) -> None:
    if others is not None and activations.shape[1] != others.shape[1]:
        raise InputError(f"both need the same examples, got {activations.shape[1]} and {others.shape[1]}")


def _standardised(activations):
    """Units first, "seeds units examples", centred and of length 1: the product of two is their correlation."""
    values = jnp.swapaxes(jnp.asarray(activations), 1, 2)
    high, low = jnp.max(values, axis=-1, keepdims=True), jnp.min(values, axis=-1, keepdims=True)
    largest = jnp.maximum(jnp.abs(high), jnp.abs(low))
    constant = ~(high - low > _ROUNDING * largest)
    values = values / jnp.where(largest > 0, largest, 1.0)  # so that squares neither vanish nor overflow
    for _ in range(2):  # the second pass removes the mean that rounding left
        values = values - jnp.mean(values, axis=-1, keepdims=True)
    length = jnp.linalg.norm(values, axis=-1, keepdims=True)
    return jnp.where(constant, jnp.nan, values / jnp.where(constant, 1.0, length))


def _products(first, second):
    return jnp.clip(jnp.einsum("sue,tve->stuv", first, second, precision=_EXACT), -1.0, 1.0)


def _taken(table, order):
    """Entry order[..., u] of each row u."""
    return jnp.take_along_axis(jnp.asarray(table), order[..., None], axis=-1)[..., 0]


def _signs(values):
    return jnp.where(values < 0, -1.0, 1.0).astype(values.dtype)


def _assign_by_scipy(scores):
    """The only loop over pairs on the host."""

    def loop(scores):
        scores = np.asarray(scores)
        pairs = scores.reshape(-1, *scores.shape[-2:])
        orders = [scipy.optimize.linear_sum_assignment(pair, maximize=True)[1] for pair in pairs]
        return np.array(orders, np.int32).reshape(scores.shape[:-1])

    shape = jax.ShapeDtypeStruct(scores.shape[:-1], jnp.int32)
    return jax.pure_callback(loop, shape, scores, vmap_method="expand_dims")


def _assign_by_optax(scores):
    def one(pair):
        units, others = optax.assignment.hungarian_algorithm(-pair)
        return jnp.zeros(pair.shape[0], jnp.int32).at[units].set(others.astype(jnp.int32))

    pairs = scores.reshape(-1, *scores.shape[-2:])
    return jax.vmap(one)(pairs).reshape(scores.shape[:-1])
