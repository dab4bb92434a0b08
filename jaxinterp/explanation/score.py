"""How well do predictions fit a unit's activations? Five scores over all images, and what another label would score.

A unit counts as active on an image where its activation is above its mean over the images, and is predicted to be
active where the prediction is above its own mean. A score is undefined, NaN, where the prediction or the activation is
the same for all images, or not finite. This is tested as such, since a correlation with a constant may come out finite.

These five fall if a label loses half of what is true of it, and if it gains as much that is not (the missing-label and
extra-label checks of arXiv 2506.05774); recall, precision and the area under the ROC curve do not.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp import stats
from jaxinterp.analysis import correlation

Table = Float[Array | np.ndarray, "*labels examples"]


class Scores(NamedTuple):
    """Of each label: 1 is perfect. NaN where undefined; see the module's docstring.

    - pearson: correlation, from −1 to 1;
    - cosine: of the angle between predictions and activations, which are not centred;
    - auprc: average precision, Σ (Rₙ − Rₙ₋₁) Pₙ over thresholds of the prediction, of telling active from inactive; by
      chance it is the share of images on which the unit is active;
    - f1: harmonic mean of precision and recall of the predicted activity; iou: intersection over union of the two sets.
    """

    pearson: Float[Array, "*labels"]
    cosine: Float[Array, "*labels"]
    auprc: Float[Array, "*labels"]
    f1: Float[Array, "*labels"]
    iou: Float[Array, "*labels"]


def scores(predictions: Table, activations: Table) -> Scores:
    """Each label's scores on the unit at the same index."""
    predictions, activations = jnp.asarray(predictions), jnp.asarray(activations)
    known = varies(predictions) & varies(activations)
    active, predicted = above_mean(activations), above_mean(predictions)
    both = jnp.sum(active & predicted, axis=-1)
    either = jnp.sum(active | predicted, axis=-1)
    found = Scores(
        pearson=correlation.rowwise(predictions, activations),
        cosine=_cosine(predictions, activations),
        auprc=average_precision(predictions, active),
        f1=2 * both / (both + either),
        iou=both / either,
    )
    return Scores(*(jnp.where(known, value, jnp.nan) for value in found))


def varies(values: Table) -> Bool[Array, "*labels"]:
    """Whether the values are finite and not all the same."""
    return jnp.all(jnp.isfinite(values), axis=-1) & (jnp.max(values, axis=-1) > jnp.min(values, axis=-1))


def above_mean(values: Table) -> Bool[Array, "*labels examples"]:
    """Where a value is above the mean over examples."""
    return jnp.asarray(values) > jnp.mean(jnp.asarray(values), axis=-1, keepdims=True)


def average_precision(
    predictions: Float[Array, "*labels examples"], active: Bool[Array, "*labels examples"]
) -> Float[Array, "*labels"]:
    """Σ (Rₙ − Rₙ₋₁) Pₙ over all thresholds of the prediction; images with one prediction pass a threshold together.

    Neighbouring float32 numbers count as one prediction: that leaves a bit to tell active images from others, and
    sorting plain integers takes a CPU a fifth of the time of sorting pairs.
    """
    bits = jax.lax.bitcast_convert_type(jnp.where(predictions == 0, 0.0, predictions).astype(jnp.float32), jnp.int32)
    rising = jnp.where(bits < 0, bits ^ jnp.iinfo(bits.dtype).max, bits)  # integers in the order of the numbers
    falling = jax.lax.sort((~rising & ~1) | active, dimension=-1)
    found = jnp.cumsum((falling & 1).astype(jnp.float32), axis=-1)
    passed = jnp.arange(1, predictions.shape[-1] + 1, dtype=jnp.float32)
    threshold = falling >> 1
    last = jnp.concatenate(
        [threshold[..., 1:] != threshold[..., :-1], jnp.ones((*threshold.shape[:-1], 1), bool)], axis=-1
    )  # of those with one prediction
    before = jax.lax.cummax(jnp.where(last, found, 0.0), axis=found.ndim - 1)
    before = jnp.concatenate([jnp.zeros_like(before[..., :1]), before[..., :-1]], axis=-1)
    terms = jnp.where(last, (found - before) * found / passed, 0.0)
    return jnp.sum(terms, axis=-1) / found[..., -1]


def of_others(table: Float[np.ndarray, "*networks labels units"]) -> Float[np.ndarray, "*networks units"]:
    """What the labels of the layer's other units score on each unit, on average; undefined ones count as 0.

    table: the correlation of each label's predictions with each unit (`correlation.pairwise`); label u is that of unit
    u. NaN for a unit without a score of its own, and a lone unit.
    """
    own, units = np.diagonal(table, axis1=-2, axis2=-1), table.shape[-1]
    total = np.nan_to_num(table).sum(axis=-2) - np.nan_to_num(own)
    alive = ~np.isnan(table).all(axis=-2)
    return np.where(alive & (units > 1), total / max(units - 1, 1), np.nan)


def shuffled_p(table: Float[np.ndarray, "units units"], rng: np.random.Generator, *, draws: int = 999) -> float:
    """p-value of a layer's mean score under the null that its labels were handed out to its units at random.

    table: as for `of_others`. Units whose activation is constant keep their labels out of the permutation. Undefined
    scores count as 0. NaN with fewer than two units left.
    """
    alive = ~np.isnan(table).all(axis=0)
    values = np.nan_to_num(table[np.ix_(alive, alive)])
    units = len(values)
    if units < 2:
        return np.nan
    orders = rng.permuted(np.tile(np.arange(units), (draws, 1)), axis=1)
    null = values[orders, np.arange(units)].mean(axis=1)
    return float(stats.permutation_p(np.asarray(np.trace(values) / units), null))


def _unit_length(values: Array) -> Array:
    size = jnp.max(jnp.abs(values), axis=-1, keepdims=True)
    values = values / jnp.where(size > 0, size, 1.0)  # so that squares neither vanish nor overflow
    length = jnp.linalg.norm(values, axis=-1, keepdims=True)
    return values / jnp.where(length > 0, length, 1.0)


def _cosine(first: Array, second: Array) -> Array:
    return jnp.sum(_unit_length(first) * _unit_length(second), axis=-1)
