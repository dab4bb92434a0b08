"""What does a unit respond to? Responses by class, dead units, selectivity and its null, best examples, confusions.

`activations` are one site's of one network, `network(images)[1][site]`, and every label lies in 0 to classes − 1. A
class without examples is NaN, and so is a unit whose activations are not finite; neither touches the others.
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

# Accelerators would otherwise multiply with fewer bits.
_EXACT = jax.lax.Precision.HIGHEST
# The write-up's constant, which calls a dead unit's index 0.
_EPSILON = 1e-3
# What is equal in truth may differ by this much, relatively and absolutely, having been summed in another order.
_ROUNDING, _LEAST_ROUNDING = 1e-5, 1e-7


class ClassResponses(NamedTuple):
    """A unit's activation over each class's examples: mean, standard deviation, shares above 0 and exactly 0."""

    count: Int[Array, " classes"]  # pyright: ignore[reportIncompatibleMethodOverride]
    mean: Float[Array, "classes units"]
    sd: Float[Array, "classes units"]
    firing_rate: Float[Array, "classes units"]
    zero_share: Float[Array, "classes units"]


class Liveness(NamedTuple):
    """Share of the examples on which a unit fires (> 0), whether that is none, and whether it is few but some."""

    firing_rate: Float[Array, " units"]
    dead: Bool[Array, " units"]
    rare: Bool[Array, " units"]


class Selectivity(NamedTuple):
    """How well a unit tells a class from the rest, by each measure, or the p-value of each; see `selectivity`."""

    index: Float[Array, "classes units"]  # pyright: ignore[reportIncompatibleMethodOverride]
    d_prime: Float[Array, "classes units"]
    auc: Float[Array, "classes units"]
    mutual_information: Float[Array, "classes units"]
    morcos: Float[Array, " units"]


class SelectivityNull(NamedTuple):
    """The same measures, each draw against labels of its own that were permuted over the examples."""

    index: Float[Array, "draws classes units"]  # pyright: ignore[reportIncompatibleMethodOverride]
    d_prime: Float[Array, "draws classes units"]
    auc: Float[Array, "draws classes units"]
    mutual_information: Float[Array, "draws classes units"]
    morcos: Float[Array, "draws units"]


class Exemplars(NamedTuple):
    """Every unit's examples of highest activation, the highest first."""

    index: Int[Array, "units exemplars"]  # pyright: ignore[reportIncompatibleMethodOverride]
    value: Float[Array, "units exemplars"]


def by_class(activations: Activations, labels: Labels, *, classes: int) -> ClassResponses:
    """Mean, standard deviation (of the class's examples, ddof 0), firing rate and share of zeros, class by class."""

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
    """Share of each class's examples in each bin; what lies beyond the edges counts in the outer bins.

    edges: ascending, one more than there are bins. A bin holds its lower edge and not its upper one. Shares sum to 1.
    Raises InputError for fewer than two edges.
    """
    if edges.shape[0] < 2:
        raise InputError(f"a histogram needs at least 2 edges, got {edges.shape[0]}")

    def share_below(edge):
        return metrics.by_class(_indicator(activations < edge, activations).T, labels, classes=classes).T

    inner = jax.lax.map(share_below, jnp.asarray(edges)[1:-1])
    known = share_below(jnp.inf) * 0  # NaN where there is nothing to share out
    below = jnp.concatenate([known[None], inner, known[None] + 1])
    return jnp.moveaxis(jnp.diff(below, axis=0), 0, -1)


def liveness(activations: Activations, *, rare: float = 1e-3) -> Liveness:
    """Which units never fire (activation > 0) on these examples, and which fire on less than a share `rare` of them?

    "Dead" is about these examples alone, so name them beside the figure. After a ReLU it means an output that is always
    0. After an activation function that is negative too, such as tanh or GELU, a unit that is never positive still
    passes on whatever varies below 0, so it is not dead in that sense; sigmoid units always fire.
    """
    firing_rate = jnp.mean(_indicator(activations > 0, activations), axis=0)
    return Liveness(firing_rate, firing_rate == 0, (firing_rate > 0) & (firing_rate < rare))


def class_difference(activations: Activations, labels: Labels, first: int, second: int) -> Float[Array, " units"]:
    """Mean activation over class `first` minus that over class `second`; NaN where either has no examples."""
    # Centred, so that a small difference of large means keeps its digits.
    centred = activations - jnp.mean(activations, axis=0)

    def mean(label):
        chosen = jnp.where(jnp.equal(labels, label), 0, -1)
        return metrics.by_class(centred.T, chosen, classes=1)[:, 0]

    return mean(first) - mean(second)


def selectivity(activations: Activations, labels: Labels, *, classes: int, bins: int = 10) -> Selectivity:
    """How well does each unit tell each class c from the rest, which is all examples of other classes?

    - index: (μ_c − μ_rest)/(μ_c + μ_rest + .001), the write-up's. Between −1 and 1 for activations that are never
      negative, and near ±1 for many a unit that hardly fires; for others without bounds, and NaN where it divides by 0.
    - d_prime: (μ_c − μ_rest)/√((σ_c² + σ_rest²)/2) with ddof 0; 0 where the unit is constant, ±∞ where it is constant
      within the class and within the rest but not over both.
    - auc: P(a_c > a_rest) + ½ P(a_c = a_rest), the Mann–Whitney statistic over n_c n_rest; ½ for a constant unit.
    - mutual_information: bits, between the class's indicator and the unit's activation put in at most `bins` quantile
      bins, bin ⌊bins (mid-rank − ½)/n⌋: ties stay together, so a mass at 0 is in one bin. Not corrected for bias.
    - morcos: (μ_max − μ_−max)/(μ_max + μ_−max) over class means, μ_−max the mean of the other classes' means (Morcos et
      al. 2018, arXiv 1803.06959); 0 where all class means are equal, as a dead unit's are. Between 0 and 1 for
      activations that are never negative; for others without bounds, and NaN where it divides by 0.

    NaN for a class that has no examples or all of them; morcos is over the classes that have examples, and NaN for one.
    auc and mutual_information are the same for any increasing function of the activations, d_prime for any positive
    rescaling and translation, morcos for any positive rescaling.
    Raises InputError for fewer than one bin.
    """
    return _measures(_prepare(activations, bins), labels, classes)


def most_selective(activations: Activations, labels: Labels, *, classes: int) -> Int[Array, " classes"]:
    """Each class's unit whose means over the class and over the rest lie furthest apart in standard deviations (d′)."""
    d_prime = selectivity(activations, labels, classes=classes, bins=1).d_prime
    return jnp.argmax(jnp.nan_to_num(d_prime, nan=-jnp.inf), axis=1)


def selectivity_null(
    key, activations: Activations, labels: Labels, *, classes: int, draws: int = 200, bins: int = 10, chunk: int = 10
) -> SelectivityNull:
    """Selectivity by chance: the measures for labels that are permuted over the examples, draw by draw.

    A class's most selective unit was picked out of many: compare it with the same maximum over units of each draw.
    chunk: draws computed at once; memory is about chunk × examples × (classes + units) numbers beside one table of
    examples × units × (bins + 2), and what is returned.
    Raises InputError for fewer than one draw or bin.
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
    """p-value of every measure, one by one, against labels permuted over the examples: `null_p` of `selectivity_null`.

    Not corrected for the search over units and classes. chunk and errors: as for `selectivity_null`.
    """
    null = selectivity_null(key, activations, labels, classes=classes, draws=draws, bins=bins, chunk=chunk)
    return null_p(selectivity(activations, labels, classes=classes, bins=bins), null)


def null_p(observed: Selectivity, null: SelectivityNull) -> Selectivity:
    """Monte-Carlo p-value (b + 1)/(draws + 1): b draws are at least as far from indifference as what was observed.

    Two-sided, by absolute value: a unit that is silent for a class is selective too. auc counts by |auc − ½|. Ties
    count as at least as far; 1 for a constant unit; NaN where the measure is NaN. Phipson and Smyth 2010, arXiv
    1603.05766.
    """

    def p(values, drawn, indifferent):
        least = jnp.abs(values - indifferent) * (1 - _ROUNDING) - _LEAST_ROUNDING
        # A draw that is NaN, having divided by 0, counts as large.
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
    """The k examples that activate each unit most; among equals the earliest comes first.

    Raises InputError where there are fewer than k examples.
    """
    if not 1 <= k <= activations.shape[0]:
        raise InputError(f"k exemplars of {activations.shape[0]} examples: use 1 to {activations.shape[0]}, got {k}")
    # top_k puts 0 before −0, which edits make.
    values, index = jax.lax.top_k(jnp.where(activations == 0, 0.0, activations).T, k)
    return Exemplars(index, values)


def confusion(
    answers: Int[Array | np.ndarray, " examples"], labels: Labels, *, classes: int
) -> Float[Array, "classes answers"]:
    """Share of each class's examples that is answered by each class (`metrics.predictions`); rows sum to 1."""
    return metrics.by_class(jax.nn.one_hot(answers, classes, axis=0), labels, classes=classes).T


def failures(
    logits: Float[Array | np.ndarray, "examples outputs"], labels: Labels, *, k: int
) -> Int[Array, " failures"]:
    """Indices of the k examples that are answered wrongly by the widest margin, the worst first; −1 once none is left.

    Raises InputError for fewer than two outputs, or k below 1.
    """
    if k < 1:
        raise InputError(f"k failures: use 1 or more, got {k}")
    margins = metrics.margins(logits, labels)
    wrong = ~metrics.correct("cross_entropy", logits, labels) & (margins <= 0)  # a NaN is no confident answer
    badness = jnp.where(wrong, -margins, -jnp.inf)
    worst, index = jax.lax.top_k(badness, min(k, labels.shape[0]))
    return jnp.pad(jnp.where(worst >= 0, index, -1), (0, max(0, k - labels.shape[0])), constant_values=-1)


def _indicator(condition, activations):
    """1 where it holds and 0 elsewhere, but NaN stays NaN: a unit that diverged is not a dead one."""
    return jnp.where(jnp.isnan(activations), jnp.nan, jnp.asarray(condition, jnp.float32))


class _Prepared(NamedTuple):
    """What no permutation of labels changes.

    deviations: activations as centre + scale · deviations, exactly 0 for a constant unit. table: what a class's sums
    are taken of: the deviations, the mid-ranks as (rank − (n + 1)/2)/n, and an indicator a bin.
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
    own = jnp.matmul(members, mean, precision=_EXACT)
    squares = jnp.einsum("ec,eu->cu", members, (prepared.deviations - own) ** 2, precision=_EXACT)
    # The rest from its classes, with the spread between them.
    others = 1 - jnp.eye(classes)
    rest_mean = jnp.matmul(others, sums[..., 0], precision=_EXACT) / rest_some
    between = count * (mean - rest_mean[:, None]) ** 2
    rest_squares = jnp.einsum("ck,cku->cu", others, squares + between, precision=_EXACT)

    difference = mean - rest_mean
    total = 2 * prepared.centre + prepared.scale * (mean + rest_mean) + _EPSILON
    deviation = jnp.sqrt((squares / some + rest_squares / rest_some) / 2)
    deviation = jnp.where(deviation > _ROUNDING * jnp.abs(difference), deviation, 0.0)  # none, within rounding
    return Selectivity(
        index=jnp.where(known, _ratio(prepared.scale * difference, total), jnp.nan),
        d_prime=jnp.where(known, jnp.where(difference == 0, 0.0, difference / deviation), jnp.nan),
        auc=jnp.where(known, 0.5 + sums[..., 1] * examples / (some * rest_some), jnp.nan),
        mutual_information=jnp.where(known, _information(sums[..., 2:], count, examples), jnp.nan),
        morcos=_morcos(prepared, mean, count > 0),
    )


def _information(joint, count, examples: int):
    """Bits between class and bin, of how many of the class's examples lie in each bin ("classes units bins")."""
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
