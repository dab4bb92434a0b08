"""What does a neuron answer to each digit? Row 2.4.

The write-up tells a language model the mean and the spread of a neuron's activation on every digit. How much of what
the neuron does is in these figures, and is it about one digit?
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import metrics
from jaxinterp.analysis import responses
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import indicator, known_mean, over_seeds_estimate
from jaxinterp.studies.claims import Finding, judged
from jaxinterp.studies.llm_labels.judging import calibrated_score, claimed, judged_beside, judged_shares
from jaxinterp.studies.llm_labels.record import (
    ALIKE,
    MOST,
    SITE,
    SIX,
    TRAINED,
    UNTRAINED,
    WIDE,
    Asked,
    LlmLabels,
    ask,
    ask_both,
    by_arm,
    figure_of,
    left_out,
    live,
    over_live,
)
from jaxinterp.studies.subjects import halves

HALF = 0.5  # a neuron answers to a digit where its mean is at least half of that on its best digit
OFTEN = 0.5  # it fires for a digit where it does on most of its images
IDENTICAL = 0.99  # a dead neuron is silent wherever one looks
DRAWS = 100
ANSWERS = "digits a neuron answers to"


def measure(groups: Mapping[str, Asked], seeds: int) -> dict[str, Any]:
    """The record's fields of row 2.4."""
    return by_arm(groups, seeds, _of_arm)


def _of_arm(group: Asked) -> dict[str, np.ndarray]:
    test, networks = group.splits.test, group.networks
    classes, rng = networks.model.outputs, np.random.default_rng(group.base_seed)
    both = ask_both(partial(by_digit, classes=classes), group, test, rng.permutation(np.asarray(test.labels)))
    by_class = ask(partial(statistics, classes=classes), networks, test)
    choosing, scoring = halves(test)
    permuted = np.stack([rng.permutation(np.asarray(scoring.labels)) for _ in range(DRAWS)])
    return both | by_class | ask(partial(selective, classes=classes), networks, choosing, scoring, permuted)


def statistics(network: Network, data: Dataset, *, classes: int) -> dict[str, Array]:
    """What the write-up lists: mean and standard deviation on each class."""
    found = responses.by_class(network(data.images)[1][SITE], data.labels, classes=classes)
    return {"class_mean": found.mean.T, "class_sd": found.sd.T}


def by_digit(
    network: Network, data: Dataset, permuted: Int[Array | np.ndarray, " examples"], *, classes: int
) -> dict[str, Array]:
    """How much of a neuron its class means tell, and how many classes it answers to; and with the labels permuted."""
    activations = network(data.images)[1][SITE]
    own, null = (profile(activations, labels, classes=classes) for labels in (data.labels, permuted))
    return own | {f"{name}_permuted": null[name] for name in ("explained", "digits")}


def profile(
    activations: Float[Array, "examples units"], labels: Int[Array | np.ndarray, " examples"], *, classes: int
) -> dict[str, Float[Array, " units"]]:
    """How a unit's activation depends on the class; a class without examples counts nowhere.

    explained: the share of its variance that lies between classes (η²), NaN for a constant unit. digits: the classes
    whose mean is at least half of the highest, 0 for a unit that is never above 0. fired: the classes on most of whose
    images it fires.
    """
    found = responses.by_class(activations, labels, classes=classes)
    weights = (found.count / jnp.sum(found.count))[:, None]

    def total(values):
        return jnp.sum(jnp.where(weights > 0, weights * values, 0), axis=0)

    mean = jnp.mean(activations, axis=0)
    between, within = total((found.mean - mean) ** 2), total(found.sd**2)
    constant = jnp.max(activations, axis=0) == jnp.min(activations, axis=0)
    highest = jnp.max(jnp.where(weights > 0, found.mean, -jnp.inf), axis=0)
    answers = (found.mean >= HALF * highest) & (highest > 0)

    def counted(condition):
        return jnp.sum(condition & (weights > 0), axis=0) + 0 * mean

    return {
        "explained": jnp.where(constant, jnp.nan, between / (between + within)),
        "digits": counted(answers),
        "fired": counted(found.firing_rate > OFTEN),
    }


def selective(
    network: Network,
    choosing: Dataset,
    scoring: Dataset,
    permuted: Int[Array | np.ndarray, "draws examples"],
    *,
    classes: int,
) -> dict[str, Array]:
    """The selectivity index of each unit for its best class, chosen on other images, and its null's 95th percentile."""
    first, second = (network(half.images)[1][SITE] for half in (choosing, scoring))
    best = jnp.argmax(index(first, choosing.labels, classes=classes), axis=0)

    def chosen(labels):
        return jnp.take_along_axis(index(second, labels, classes=classes), best[None], axis=0)[0]

    null = jax.lax.map(chosen, jnp.asarray(permuted), batch_size=10)
    return {"top_index": chosen(jnp.asarray(scoring.labels)), "top_null": jnp.quantile(null, 0.95, axis=0)}


def index(
    activations: Float[Array, "examples units"], labels: Int[Array | np.ndarray, " examples"], *, classes: int
) -> Float[Array, "classes units"]:
    """`responses.selectivity`'s index alone, which is quicker to permute."""
    mean = metrics.by_class(activations.T, labels, classes=classes).T
    count = jnp.sum(jnp.equal(labels[:, None], jnp.arange(classes)), axis=0)[:, None]
    rest = (jnp.sum(activations, axis=0) - count * mean) / (len(labels) - count)
    return (mean - rest) / (mean + rest + 1e-3)


def findings(record: LlmLabels) -> list[Finding]:
    """Row 2.4 judged."""
    place, apart = record.arms.index(SIX), left_out(record, SIX)
    before, after = (record.conditions.index(condition) for condition in (UNTRAINED, TRAINED))

    def own(values, condition=after):
        return over_live(record, values[:, place, condition], SIX, record.conditions[condition])

    wide = record.arms.index(WIDE)
    explained, permuted = own(record.explained), own(record.explained_permuted)
    others = {
        UNTRAINED: own(record.explained, before),
        "twelve neurons": over_live(record, record.explained[:, wide, after], WIDE),
    }
    text = "A mean and a spread for each digit tell what a neuron does: share of its variance that lies between digits"
    published = "0: 16.76 ± 5.13, 1: 0.64 ± 1.05, …"
    claim = claimed("2.4 digits tell", text, "that share, mean over live neurons", ALIKE, published=published)
    means = record.class_mean[:, place]
    spread = np.nanmax(np.nan_to_num(means, nan=-np.inf), axis=2), np.nanmin(np.nan_to_num(means, nan=np.inf), axis=2)
    highest, lowest = (figure_of(over_live(record, np.where(np.isfinite(v), v, np.nan)), 2) for v in spread)
    note = f"Mean activation on a neuron's highest digit {highest}, on its lowest {lowest}. All test images.{apart}"
    found = [judged(claim, explained, permuted, "labels permuted", explained, others=others, note=note)]

    one, one_permuted, one_before = (
        own(indicator(values == 1, values), condition)
        for values, condition in ((record.digits, after), (record.digits_permuted, after), (record.digits, before))
    )
    wide_digits = record.digits[:, wide, after]
    others = {
        "labels permuted": one_permuted,
        ANSWERS: over_seeds_estimate(own(record.digits)),
        "digits on most of whose images it fires": over_seeds_estimate(own(record.fired)),
        "one digit, twelve neurons": over_live(record, indicator(wide_digits == 1, wide_digits), WIDE),
    }
    text = "A neuron stands for one digit: its mean on every other digit is less than half of that on its best"
    claim = claimed("2.4 one digit", text, calibrated_score(UNTRAINED, "the share of live neurons"), MOST)
    index, null = (over_live(record, values[:, place]) for values in (record.top_index, record.top_null))
    above = over_live(record, indicator(record.top_index > record.top_null, record.top_index)[:, place])
    note = (
        "Selectivity index for the best digit, chosen on one half of the test images and scored on the other: "
        f"{figure_of(index, 2)}; above the 95th percentile over {DRAWS} permutations of the labels "
        f"({figure_of(null, 2)}): {figure_of(above, 2)} of the neurons.{apart}"
    )
    found.append(judged_beside(claim, one, {UNTRAINED: one_before}, others=others, note=note))

    silent = np.where(record.dead_training[:, place] == 1, record.dead[:, place, after], np.nan)
    silent = known_mean(silent, 1)
    base = known_mean(record.dead[:, place, after], 1)
    text = "Dead neurons can be labelled without asking a model: those silent in training stay silent on test images"
    claim = claimed("2.4 dead", text, "share of the neurons that fire on no training image", IDENTICAL)
    fires = live(record, SIX)
    woken = known_mean(np.where(fires == 0, 1 - record.dead_training[:, place], np.nan), 1)
    started = known_mean(np.where(fires == 0, record.dead[:, place, before], np.nan), 1)
    others = {"silent on test images but not in training": woken, "of the dead, silent before training": started}
    note = f"Networks without a dead neuron say nothing here.{apart}"
    found.append(judged_shares(claim, silent, base, "any neuron", silent, others=others, note=note))
    return found
