"""What does a unit respond to? Class responses, dead units, selectivity and its null, exemplars, confusions.

`activations` are those of one site of one network, `network(images)[1][site]`. Every label lies in 0 to classes − 1. A
class without examples gives NaN, and so does a unit whose activations are not finite; neither affects the others.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp import metrics
from jaxinterp.errors import InputError

Activations = Float[Array | np.ndarray, "examples units"]
Labels = Int[Array | np.ndarray, " examples"]

# Accelerators multiply with fewer bits by default.
_EXACT = jax.lax.Precision.HIGHEST
# The write-up's constant; it makes the index of a dead unit 0.
_EPSILON = 1e-3
# Equal values may differ by this much, relatively and absolutely, after summation in another order.
_ROUNDING, _LEAST_ROUNDING = 1e-5, 1e-7


class ClassResponses(NamedTuple):
    """A unit's activation over each class's examples: mean, standard deviation, shares above 0 and exactly 0."""

    count: Int[Array, " classes"]  # pyright: ignore[reportIncompatibleMethodOverride]
    mean: Float[Array, "classes units"]
    sd: Float[Array, "classes units"]
    firing_rate: Float[Array, "classes units"]
    zero_share: Float[Array, "classes units"]


class Liveness(NamedTuple):
    """Share of the examples on which a unit is active (> 0); dead: the share is 0; rare: it is small but not 0."""

    firing_rate: Float[Array, " units"]
    dead: Bool[Array, " units"]
    rare: Bool[Array, " units"]


class Selectivity(NamedTuple):
    """How well a unit separates a class from the rest by each measure, or the p-value of each; see `selectivity`."""

    index: Float[Array, "classes units"]  # pyright: ignore[reportIncompatibleMethodOverride]
    d_prime: Float[Array, "classes units"]
    auc: Float[Array, "classes units"]
    mutual_information: Float[Array, "classes units"]
    morcos: Float[Array, " units"]


class SelectivityNull(NamedTuple):
    """The same measures for permuted labels, with a new permutation over the examples for each draw."""

    index: Float[Array, "draws classes units"]  # pyright: ignore[reportIncompatibleMethodOverride]
    d_prime: Float[Array, "draws classes units"]
    auc: Float[Array, "draws classes units"]
    mutual_information: Float[Array, "draws classes units"]
    morcos: Float[Array, "draws units"]


class Exemplars(NamedTuple):
    """The examples with the highest activations of each unit, highest first."""

    index: Int[Array, "units exemplars"]  # pyright: ignore[reportIncompatibleMethodOverride]
    value: Float[Array, "units exemplars"]


def by_class(activations: Activations, labels: Labels, *, classes: int) -> ClassResponses:
    """Mean, standard deviation over the class's examples (ddof 0), firing rate and share of zeros, for each class."""

    def mean(values):
        return metrics.by_class(values.T, labels, classes=classes).T

    centre = mean(activations)
    return ClassResponses(
        count=jnp.sum(jnp.equal(labels[:, None], jnp.arange(classes)), axis=0),
        mean=centre,
        sd=jnp.sqrt(mean((activations - centre[labels]) ** 2)),
        firing_rate=mean(_indicator(activations > 0, activations)),
        zero_share=mean(_indicator(activations == 0, activations)),
    )


def histograms(
    activations: Activations, labels: Labels, *, classes: int, edges: Float[Array | np.ndarray, " edges"]
) -> Float[Array, "classes units bins"]:
    """Share of each class's examples in each bin. Values beyond the edges count in the outer bins.

    edges: ascending, one more than there are bins. A bin includes its lower edge and excludes its upper one. Shares sum
    to 1. Raises InputError for fewer than two edges.
    """
    if edges.shape[0] < 2:
        raise InputError(f"a histogram needs at least 2 edges, got {edges.shape[0]}")

    def share_below(edge):
        return metrics.by_class(_indicator(activations < edge, activations).T, labels, classes=classes).T

    inner = jax.lax.map(share_below, jnp.asarray(edges)[1:-1])
    known = share_below(jnp.inf) * 0  # NaN where a class has no examples
    below = jnp.concatenate([known[None], inner, known[None] + 1])
    return jnp.moveaxis(jnp.diff(below, axis=0), 0, -1)


def bin_edges(ranges: Float[np.ndarray, "networks layers 2"], bins: int) -> Float[np.ndarray, "layers edges"]:
    """Equal bins per layer over the ranges (low, high) of all networks together and 0, at which one of them begins.

    Without a network the ranges are −1 to 1.
    """
    known = ranges if len(ranges) else np.broadcast_to([-1.0, 1.0], (1, *ranges.shape[1:]))
    low, high = np.minimum(known[..., 0].min(axis=0), 0), np.maximum(known[..., 1].max(axis=0), 1e-6)
    width = (high - low) / (bins - 1)
    return width[:, None] * (np.arange(bins + 1) - np.ceil(-low / width)[:, None])


def liveness(activations: Activations, *, rare: float = 1e-3) -> Liveness:
    """Which units are never active (activation > 0) on these examples, and which on less than a share `rare` of them?

    "Dead" refers to these examples only, so state them with the number. After a ReLU, a dead unit always outputs 0.
    After an activation function with negative values, such as tanh or GELU, a unit that is never positive still passes
    on its variation below 0, so it is not dead in that sense. Sigmoid units are always active.
    """
    firing_rate = jnp.mean(_indicator(activations > 0, activations), axis=0)
    return Liveness(firing_rate, firing_rate == 0, (firing_rate > 0) & (firing_rate < rare))


def class_difference(activations: Activations, labels: Labels, first: int, second: int) -> Float[Array, " units"]:
    """Mean activation over class `first` minus the mean over class `second`; NaN where either has no examples."""
    # Centring keeps the digits of a small difference between large means.
    centred = activations - jnp.mean(activations, axis=0)

    def mean(label):
        chosen = jnp.where(jnp.equal(labels, label), 0, -1)
        return metrics.by_class(centred.T, chosen, classes=1)[:, 0]

    return mean(first) - mean(second)


def selectivity(activations: Activations, labels: Labels, *, classes: int, bins: int = 10) -> Selectivity:
    """How well does each unit separate each class c from the rest, that is, from all examples of other classes?

    - index: (μ_c − μ_rest)/(μ_c + μ_rest + .001), as in the write-up. Between −1 and 1 for activations that are never
      negative, and near ±1 for many units that are rarely active; otherwise unbounded, and NaN where it divides by 0.
    - d_prime: (μ_c − μ_rest)/√((σ_c² + σ_rest²)/2) with ddof 0; 0 where the unit is constant, ±∞ where it is constant
      within the class and within the rest but not over both.
    - auc: P(a_c > a_rest) + ½ P(a_c = a_rest), the Mann–Whitney statistic divided by n_c n_rest; ½ for a constant unit.
    - mutual_information: bits, between the class's indicator and the unit's activation in at most `bins` quantile bins,
      bin ⌊bins (mid-rank − ½)/n⌋. Ties share a bin, so a mass at 0 is in one bin. Not corrected for bias.
    - morcos: (μ_max − μ_−max)/(μ_max + μ_−max) over class means, where μ_−max is the mean of the other classes' means
      (Morcos et al. 2018, arXiv 1803.06959); 0 where all class means are equal, as for a dead unit. Between 0 and 1 for
      activations that are never negative; otherwise unbounded, and NaN where it divides by 0.

    NaN for a class that has no examples or all of them; morcos runs over the classes that have examples and is NaN for
    a single one. auc and mutual_information are invariant to any increasing function of the activations, d_prime to
    positive rescaling and translation, morcos to positive rescaling. Raises InputError for fewer than one bin.
    """
    return _measures(_prepare(activations, bins), labels, classes)


def most_selective(activations: Activations, labels: Labels, *, classes: int) -> Int[Array, " classes"]:
    """Each class's unit whose means over the class and over the rest lie furthest apart in standard deviations (d′)."""
    d_prime = selectivity(activations, labels, classes=classes, bins=1).d_prime
    return jnp.argmax(jnp.nan_to_num(d_prime, nan=-jnp.inf), axis=1)


def selectivity_null(
    key, activations: Activations, labels: Labels, *, classes: int, draws: int = 200, bins: int = 10, chunk: int = 10
) -> SelectivityNull:
    """Selectivity by chance: the measures for labels permuted over the examples, one permutation per draw.

    A class's most selective unit is selected from many: compare it with the same maximum over units in each draw.
    chunk: draws computed at once; memory is about chunk × examples × (classes + units) numbers, plus one table of
    examples × units × (bins + 2) and the result. Raises InputError for fewer than one draw or bin.
    """
    if draws < 1:
        raise InputError(f"the null needs at least 1 draw, got {draws}")
    prepared = _prepare(activations, bins)
    labels = jnp.asarray(labels)

    def draw(key):
        return _measures(prepared, jax.random.permutation(key, labels), classes)

    return SelectivityNull(*jax.lax.map(draw, jax.random.split(key, draws), batch_size=chunk))


def selectivity_p(
    key, activations: Activations, labels: Labels, *, classes: int, draws: int = 200, bins: int = 10, chunk: int = 10
) -> Selectivity:
    """The p-value of every single measure against labels permuted over the examples: `null_p` of `selectivity_null`.

    Not corrected for the search over units and classes. chunk and errors: as for `selectivity_null`.
    """
    null = selectivity_null(key, activations, labels, classes=classes, draws=draws, bins=bins, chunk=chunk)
    return null_p(selectivity(activations, labels, classes=classes, bins=bins), null)


def null_p(observed: Selectivity, null: SelectivityNull) -> Selectivity:
    """Monte-Carlo p-value (b + 1)/(draws + 1), where b counts draws at least as far from no selectivity as observed.

    Two-sided, by absolute value: a unit that is inactive for a class is selective too. auc counts by |auc − ½|. Ties
    count as at least as far; p is 1 for a constant unit and NaN where the measure is NaN. Source: Phipson and Smyth
    2010, arXiv 1603.05766.
    """

    def p(values, drawn, indifferent):
        least = jnp.abs(values - indifferent) * (1 - _ROUNDING) - _LEAST_ROUNDING
        # A draw that is NaN because it divides by 0 counts as large.
        larger = jnp.sum(~(jnp.abs(drawn - indifferent) < least), axis=0)
        return jnp.where(jnp.isnan(values), jnp.nan, (larger + 1) / (drawn.shape[0] + 1))

    return Selectivity(
        index=p(observed.index, null.index, 0.0),
        d_prime=p(observed.d_prime, null.d_prime, 0.0),
        auc=p(observed.auc, null.auc, 0.5),
        mutual_information=p(observed.mutual_information, null.mutual_information, 0.0),
        morcos=p(observed.morcos, null.morcos, 0.0),
    )


def exemplars(activations: Activations, *, k: int) -> Exemplars:
    """The k examples that activate each unit most; ties are in the order of the examples.

    Raises InputError where there are fewer than k examples.
    """
    if not 1 <= k <= activations.shape[0]:
        raise InputError(f"k is {k} for {activations.shape[0]} examples: use 1 to {activations.shape[0]}")
    # top_k sorts 0 before −0, which edits produce.
    values, index = jax.lax.top_k(jnp.where(activations == 0, 0.0, activations).T, k)
    return Exemplars(index, values)


def confusion(
    predictions: Int[Array | np.ndarray, " examples"], labels: Labels, *, classes: int
) -> Float[Array, "classes predictions"]:
    """Share of each class's examples with each prediction (`metrics.predictions`); rows sum to 1."""
    return metrics.by_class(jax.nn.one_hot(predictions, classes, axis=0), labels, classes=classes).T


def failures(
    logits: Float[Array | np.ndarray, "examples outputs"], labels: Labels, *, k: int
) -> Int[Array, " failures"]:
    """Indices of the k examples that are misclassified by the largest margin, largest first; −1 once none is left.

    Raises InputError for fewer than two outputs, or k below 1.
    """
    if k < 1:
        raise InputError(f"k is {k}: use 1 or more failures")
    margins = metrics.margins(logits, labels)
    wrong = ~metrics.correct("cross_entropy", logits, labels) & (margins <= 0)  # a NaN is no confident prediction
    error = jnp.where(wrong, -margins, -jnp.inf)
    largest, index = jax.lax.top_k(error, min(k, labels.shape[0]))
    return jnp.pad(jnp.where(largest >= 0, index, -1), (0, max(0, k - labels.shape[0])), constant_values=-1)


def _indicator(condition, activations):
    """1 where the condition holds and 0 elsewhere. NaN stays NaN: a unit that diverged is not a dead one."""
    return jnp.where(jnp.isnan(activations), jnp.nan, jnp.asarray(condition, jnp.float32))


class _Prepared(NamedTuple):
    """Everything that a permutation of the labels does not change.

    The activations are centre + scale · deviations; the deviations of a constant unit are exactly 0. table: the columns
    that are summed over each class: the deviations, the mid-ranks as (rank − (n + 1)/2)/n, and one indicator per bin.
    """

    centre: Float[Array, " units"]
    scale: Float[Array, " units"]
    deviations: Float[Array, "examples units"]
    table: Float[Array, "examples units columns"]


def _prepare(activations: Activations, bins: int) -> _Prepared:
    if bins < 1:
        raise InputError(f"mutual information needs at least 1 bin, got {bins}")
    examples = activations.shape[0]
    constant = jnp.max(activations, axis=0) == jnp.min(activations, axis=0)
    centre = jnp.mean(activations, axis=0)
    centred = jnp.where(constant, 0.0, activations - centre)
    scale = jnp.max(jnp.abs(centred), axis=0)
    deviations = centred / jnp.where(scale > 0, scale, 1.0)
    ranks = jax.scipy.stats.rankdata(activations, axis=0)
    bin_of = jnp.floor((ranks - 0.5) * bins / examples)
    indicators = _indicator(bin_of[..., None] == jnp.arange(bins), ranks[..., None])
    columns = [deviations[..., None], ((ranks - (examples + 1) / 2) / examples)[..., None], indicators]
    return _Prepared(centre, scale, deviations, jnp.concatenate(columns, axis=-1))


def _measures(prepared: _Prepared, labels, classes: int) -> Selectivity:
    members = jax.nn.one_hot(labels, classes)
    examples, count = labels.shape[0], jnp.sum(members, axis=0)[:, None]
    rest_count = examples - count
    known = (count > 0) & (rest_count > 0)
    some, rest_some = jnp.maximum(count, 1), jnp.maximum(rest_count, 1)

    sums = jnp.einsum("ec,euk->cuk", members, prepared.table, precision=_EXACT)
    mean = sums[..., 0] / some
    class_mean = jnp.matmul(members, mean, precision=_EXACT)
    squares = jnp.einsum("ec,eu->cu", members, (prepared.deviations - class_mean) ** 2, precision=_EXACT)
    # The sum of squares of the rest is that of its classes plus that between their means.
    others = 1 - jnp.eye(classes)
    rest_mean = jnp.matmul(others, sums[..., 0], precision=_EXACT) / rest_some
    between = count * (mean - rest_mean[:, None]) ** 2
    rest_squares = jnp.einsum("ck,cku->cu", others, squares + between, precision=_EXACT)

    difference = mean - rest_mean
    total = 2 * prepared.centre + prepared.scale * (mean + rest_mean) + _EPSILON
    deviation = jnp.sqrt((squares / some + rest_squares / rest_some) / 2)
    deviation = jnp.where(deviation > _ROUNDING * jnp.abs(difference), deviation, 0.0)  # 0 but for rounding
    return Selectivity(
        index=jnp.where(known, _ratio(prepared.scale * difference, total), jnp.nan),
        d_prime=jnp.where(known, jnp.where(difference == 0, 0.0, difference / deviation), jnp.nan),
        auc=jnp.where(known, 0.5 + sums[..., 1] * examples / (some * rest_some), jnp.nan),
        mutual_information=jnp.where(known, _information(sums[..., 2:], count, examples), jnp.nan),
        morcos=_morcos(prepared, mean, count > 0),
    )


def _information(joint, count, examples: int):
    """Bits between class and bin, given the number of the class's examples in each bin ("classes units bins")."""
    marginal = jnp.sum(joint, axis=0)

    def part(joint, count):
        expected = marginal * count / examples
        return joint / examples * jnp.log2(jnp.where(joint == 0, 1.0, joint / jnp.where(expected > 0, expected, 1.0)))

    bits = jnp.sum(part(joint, count[..., None]) + part(marginal - joint, examples - count[..., None]), axis=-1)
    return jnp.maximum(bits, 0.0)


def _morcos(prepared: _Prepared, mean, present):
    largest = jnp.max(jnp.where(present, mean, -jnp.inf), axis=0)
    others = jnp.sum(present) - 1
    rest = (jnp.sum(jnp.where(present, mean, 0.0), axis=0) - largest) / jnp.maximum(others, 1)
    value = _ratio(prepared.scale * (largest - rest), 2 * prepared.centre + prepared.scale * (largest + rest))
    return jnp.where(others > 0, value, jnp.nan)


def _ratio(difference, total):
    return jnp.where(difference == 0, 0.0, difference / jnp.where(total == 0, jnp.nan, total))
