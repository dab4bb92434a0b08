"""How often is a measure of similarity right about a difference that is known to exist?

A useful measure finds two networks of one group more alike than two of different groups (ReSi, Klabunde et al. 2024,
arXiv 2408.00531), and a layer most alike the same layer of another network (Kornblith et al. 2019, arXiv 1905.00414).
Networks that are not finite count nowhere, and are NaN.
"""

from collections.abc import Sequence
from functools import cache, partial

import jax
import numpy as np
from jaxtyping import Float

from jaxinterp import stats
from jaxinterp.analysis.similarity.measure import Measure
from jaxinterp.analysis.similarity.pairs import all_pairs


def alike(
    measure: Measure, sets: Sequence[Float[np.ndarray, "seeds examples _"]]
) -> Float[np.ndarray, "sets sets seeds seeds"]:
    """The measure of all pairs of networks of every two sets, negative if lower is more alike: groups, or layers.

    NaN for a measure that compares unit with unit if the sets have different numbers of units. A pair's value does not
    depend on the other networks, so that the table of some of the networks is a part of it.
    """
    count, seeds, same_units = len(sets), len(sets[0]), len({one.shape[-1] for one in sets}) == 1
    if same_units:
        # One program compares them all. Seed after seed, so that of two seeds the first is always compared with the
        # second: networks that are the same in two sets then have the same values, to the last bit, and tie.
        together = _likeness(measure, np.stack(sets, axis=1).reshape(count * seeds, *sets[0].shape[1:]))
        return together.reshape(seeds, count, seeds, count).transpose(1, 3, 0, 2)
    if measure.unit_by_unit:
        return np.full((count, count, seeds, seeds), np.nan)
    table = np.empty((count, count, seeds, seeds))
    for i in range(count):
        for j in range(i if measure.symmetric else 0, count):
            table[i, j] = _likeness(measure, sets[i], *([] if i == j else [sets[j]]))
            if measure.symmetric:
                table[j, i] = table[i, j].T
    return table


def groups_apart(table: Float[np.ndarray, "groups groups seeds seeds"]) -> Float[np.ndarray, " seeds"]:
    """How often, by seed, a network is more alike one of its own group than one of another; mean over ordered pairs.

    table: see `alike`. See `more_alike`.
    """
    every = range(len(table))
    shares = [[more_alike(table[own, own], table[own, other]) for other in every if other != own] for own in every]
    return np.mean(shares, axis=(0, 1))


def layers_found(table: Float[np.ndarray, "layers layers seeds seeds"]) -> Float[np.ndarray, " seeds"]:
    """How often, by seed, a network's layers find the same layer of another network most alike.

    table: see `alike`. See `same_layer`.
    """
    return same_layer(np.moveaxis(table, 1, 2))


def more_alike(
    own: Float[np.ndarray, "seeds seeds"], other: Float[np.ndarray, "seeds seeds"]
) -> Float[np.ndarray, " seeds"]:
    """For every network, the share of (one of its group, one of another) in which the first is more alike; ties half.

    Networks of one number have the same initial weights in both groups: such pairs, and a network with itself, count
    nowhere, nor do pairs that are NaN. The area under the curve (Mann and Whitney's U).
    """
    different = ~np.eye(len(own), dtype=bool)
    known, known_other = np.isfinite(own) & different, np.isfinite(other) & different
    both = known[:, :, None] & known_other[:, None]
    wins = (own[:, :, None] > other[:, None]) + 0.5 * (own[:, :, None] == other[:, None])
    return stats.known_mean(np.where(both, wins, np.nan), (1, 2))


def same_layer(table: Float[np.ndarray, "layers seeds layers seeds"]) -> Float[np.ndarray, " seeds"]:
    """For every network, the share of (layer, other network) whose most alike layer is the same; ties share it."""
    layers, seeds = table.shape[:2]
    table = np.moveaxis(table, 2, 3)  # layers seeds seeds layers
    known = np.isfinite(table).all(axis=-1)
    most = table == np.max(table, axis=-1, keepdims=True)
    right = np.stack([most[layer, ..., layer] / np.maximum(most[layer].sum(axis=-1), 1) for layer in range(layers)])
    counted = known & ~np.eye(seeds, dtype=bool)
    return stats.known_mean(np.where(counted, right, np.nan), (0, 2))


def _likeness(measure: Measure, *activations: np.ndarray) -> np.ndarray:
    """The measure of all pairs, higher for more alike whatever its direction."""
    values = np.asarray(_program(measure)(*activations), np.float64)
    return values if measure.direction == "higher" else -values


@cache
def _program(measure: Measure):
    return jax.jit(partial(all_pairs, measure))
