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


def groups_apart(
    measure: Measure, groups: Sequence[Float[np.ndarray, "seeds examples _"]]
) -> Float[np.ndarray, " seeds"]:
    """How often, by seed, a network is more alike one of its own group than one of another; mean over ordered pairs.

    See `more_alike`. NaN for a measure that compares unit with unit if the groups have different numbers of units.
    """
    tables, every = _tables(measure, groups), range(len(groups))
    shares = [[more_alike(tables[own, own], tables[own, other]) for other in every if other != own] for own in every]
    return np.mean(shares, axis=(0, 1))


def layers_found(
    measure: Measure, layers: Sequence[Float[np.ndarray, "seeds examples _"]]
) -> Float[np.ndarray, " seeds"]:
    """How often, by seed, a network's layers find the same layer of another network most alike; see `same_layer`.

    NaN for a measure that compares unit with unit if the layers have different numbers of units.
    """
    return same_layer(np.moveaxis(_tables(measure, layers), 1, 2))


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


def _tables(
    measure: Measure, sets: Sequence[Float[np.ndarray, "seeds examples _"]]
) -> Float[np.ndarray, "sets sets seeds seeds"]:
    """The measure of all pairs of networks of every two sets; NaN where it cannot compare their units."""
    count, seeds, same_units = len(sets), len(sets[0]), len({one.shape[-1] for one in sets}) == 1
    if same_units:  # one program compares them all
        together = np.concatenate(sets)
        return np.moveaxis(_likeness(measure, together, together).reshape(count, seeds, count, seeds), 2, 1)
    if measure.unit_by_unit:
        return np.full((count, count, seeds, seeds), np.nan)
    return np.array([[_likeness(measure, one, other) for other in sets] for one in sets])


def _likeness(measure: Measure, activations: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The measure of all pairs, higher for more alike whatever its direction."""
    values = np.asarray(_program(measure)(activations, others), np.float64)
    return values if measure.direction == "higher" else -values


@cache
def _program(measure: Measure):
    return jax.jit(partial(all_pairs, measure))
