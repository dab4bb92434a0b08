"""What happens without the neurons that tell 1s from 7s, and without as many others? Rows 1.7 to 1.9, and 1.11.

Units are chosen, and matched, on one half of the test images and scored on the other.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp import controls, metrics, stats
from jaxinterp.analysis import ablation, responses
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.studies.one_vs_seven.record import (
    ARMS,
    LAYERS,
    ONE,
    SEVEN,
    SMALL,
    STUDY,
    key_of,
    laid_out,
    last_site,
    stacked,
)
from jaxinterp.studies.subjects import Subject, halves

THRESHOLDS = np.arange(1, 10) / 10
SHOWN = 2  # the threshold, .3, at which single draws are kept
TRAINED, PERMUTED, UNTRAINED = CONDITIONS = ("trained", "labels permuted", "untrained")
ALL, PREFER_ONE, PREFER_SEVEN = SIGNS = ("all", "more active on 1s", "more active on 7s")
KINDS = ("zero", "mean", "resample")
RANDOM, MATCHED = GROUPS = ("random", "matched on mean activation")
DRAWS = 200
STRATA, LEAST_IN_STRATUM = 10, 8  # of mean activation; a stratum of one unit leaves nothing to draw
SMALL_DIFFERENCE = 0.2
BIN_EDGES = np.linspace(-2, 2, 81)


class Differences(NamedTuple):
    """Share of each layer's units in bins of the class difference, and with less than SMALL_DIFFERENCE of it."""

    bins: Float[Array, "layers bins"]
    small: Float[Array, " layers"]


class KnockOuts(NamedTuple):
    """Accuracy among all outputs, on the scored half, without groups of units of the last hidden layer."""

    intact: Float[Array, ""]
    units: Float[Array, "signs thresholds"]
    accuracy: Float[Array, "signs thresholds kinds"]
    of_classes: Float[Array, "signs thresholds kinds classes"]
    drawn: Float[Array, "groups thresholds kinds draws"]
    apart: Float[Array, "groups thresholds kinds"]
    overlap: Float[Array, "groups thresholds"]


def measure(subjects: Mapping[str, Subject], seeds: int) -> dict[str, Any]:
    """The record's fields of rows 1.7 to 1.9 and 1.11."""
    order_key, *keys = jax.random.split(key_of(subjects, 2), 1 + len(ARMS))
    differences = [_differences(subjects[arm], seeds, order_key) for arm in ARMS]
    found, widths = {}, subjects[STUDY].run.networks.model.widths
    for arm, key in zip(ARMS, keys, strict=True):
        shares = None
        if arm == SMALL:
            # Its activations are larger: the thresholds would take nearly all units, and leave nothing to draw.
            units = found[STUDY].units[0]
            known = np.isfinite(units).all(axis=0)
            shares = units[:, known].mean(axis=1) / widths[-1] if known.any() else np.zeros(len(units))
        run = jax.jit(over_seeds(partial(knock_outs, shares=shares), chunk=1))
        networks, (chosen, scored) = subjects[arm].run.networks, halves(subjects[arm].splits.test)
        found[arm] = laid_out(subjects[arm], seeds, run(networks, chosen, scored, key))
    # Draws come to lie before seeds.
    drawn = np.stack([found[arm].drawn for arm in ARMS])
    knocked = stacked([found[arm]._replace(drawn=np.zeros(())) for arm in ARMS])
    low, high = np.quantile(drawn, (0.025, 0.975), axis=-2)
    draws_last = np.moveaxis(drawn, -2, -1)
    p = stats.permutation_p(-np.broadcast_to(knocked.accuracy[:, :1], draws_last.shape[:-1]), -draws_last)
    return {
        "conditions": CONDITIONS,
        "bin_edges": BIN_EDGES,
        "difference_bins": np.stack([part.bins for part in differences], axis=1),
        "difference_small": np.stack([part.small for part in differences], axis=1),
        "kinds": KINDS,
        "signs": SIGNS,
        "groups": GROUPS,
        "thresholds": THRESHOLDS,
        "intact": knocked.intact,
        "selected_units": knocked.units,
        "knocked": knocked.accuracy,
        "knocked_classes": knocked.of_classes,
        "drawn_mean": drawn.mean(axis=-2),
        "drawn_low": low,
        "drawn_high": high,
        "drawn_p": np.where(np.isnan(drawn[..., 0, :]), np.nan, p),
        "drawn_apart": knocked.apart,
        "drawn_overlap": knocked.overlap,
        "draws": np.moveaxis(drawn[ARMS.index(STUDY), :, SHOWN, KINDS.index("zero")], -1, 1),
    }


def class_differences(network: Network, data: Dataset, key) -> tuple[Differences, Differences]:
    """The class difference of every unit of LAYERS; then the same with labels permuted."""
    activations = network(data.images)[1]
    labels = jnp.asarray(data.labels)

    def table(labels):
        parts = []
        for layer in LAYERS:
            difference = responses.class_difference(activations[f"{layer}/post"], labels, ONE, SEVEN)
            known = difference[0] * 0
            place = jnp.clip(jnp.searchsorted(BIN_EDGES, difference, side="right") - 1, 0, len(BIN_EDGES) - 2)
            bins = jnp.mean(jax.nn.one_hot(place, len(BIN_EDGES) - 1), axis=0) + known
            parts.append(Differences(bins, jnp.mean(jnp.abs(difference) < SMALL_DIFFERENCE) + known))
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)

    return table(labels), table(jax.random.permutation(key, labels))


def knock_outs(
    network: Network, chosen: Dataset, scored: Dataset, key, *, shares: Float[np.ndarray, " thresholds"] | None = None
) -> KnockOuts:
    """Accuracy without the units whose class difference exceeds each threshold, and without as many drawn at random.

    apart: without those of the drawn units that were not chosen. overlap: the share of the chosen units among them.
    shares: knock out this share of the units, those of largest difference, in the place of thresholds.
    """
    activations = network(chosen.images)[1][last_site(network.model)]
    difference = responses.class_difference(activations, chosen.labels, ONE, SEVEN)
    selected = jnp.abs(difference) > THRESHOLDS[:, None]
    if shares is not None:
        rank = jnp.argsort(jnp.argsort(-jnp.abs(difference)))
        selected = rank < jnp.round(shares[:, None] * len(difference))
    by_sign = jnp.stack([selected, selected & (difference > 0), selected & (difference < 0)])
    draw_key, fill_key = jax.random.split(key)
    mean, strata = jnp.mean(activations, axis=0), min(STRATA, max(1, len(difference) // LEAST_IN_STRATUM))

    def draw(pair):
        key, group = pair
        return jnp.stack(
            [
                ablation.random_groups(key, group, draws=DRAWS),
                ablation.matched_groups(key, group, mean, draws=DRAWS, strata=strata),
            ]
        )

    # "groups thresholds draws units"
    drawn = jnp.swapaxes(jax.lax.map(draw, (jax.random.split(draw_key, len(selected)), selected)), 0, 1)
    masks = (by_sign, drawn, drawn & ~selected[:, None])
    flat = jnp.concatenate([part.reshape(-1, len(difference)) for part in masks])
    found = accuracies(network, scored, flat, fill_key)
    weights = jnp.stack([jnp.mean(jnp.asarray(scored.labels) == label) for label in (ONE, SEVEN)])
    overall = jnp.sum(found * weights, axis=-1)
    counts = jnp.sum(by_sign, axis=-1).astype(float)
    taken = jnp.sum(drawn & selected[:, None], axis=-1) / jnp.maximum(counts[0], 1)[:, None]
    split = by_sign.shape[0] * by_sign.shape[1]
    drawn_accuracy, apart = overall[split:].reshape(2, *drawn.shape[:3], -1)
    intact = metrics.correct("cross_entropy", network(scored.images)[0], jnp.asarray(scored.labels))
    return KnockOuts(
        intact=jnp.mean(intact.astype(float)),
        units=counts,
        accuracy=overall[:split].reshape(*by_sign.shape[:2], -1),
        of_classes=found[:split].reshape(*by_sign.shape[:2], *found.shape[1:]),
        drawn=jnp.moveaxis(drawn_accuracy, 2, -1),
        apart=jnp.mean(apart, axis=2),
        overlap=jnp.mean(taken, axis=-1),
    )


def accuracies(
    network: Network, data: Dataset, masks: Bool[Array | np.ndarray, "groups units"], key, *, chunk: int = 64
) -> Float[Array, "groups kinds classes"]:
    """Accuracy on 1s and on 7s without each group of units of the last hidden layer, by KINDS of ablation.

    Equal to `ablation.groups`. The logits move by a sum over the group's units, so one product serves all kinds:
    they lose Σ a W, which mean-ablation gives back on average and resample-ablation from another image.
    chunk: groups at once; memory grows as chunk × examples × outputs.
    """
    logits, activations = network(data.images)
    activations, labels = activations[last_site(network.model)], jnp.asarray(data.labels)
    kernel = network.variables["params"]["output"]["kernel"]
    examples, outputs = logits.shape
    terms = (activations.T[:, :, None] * kernel[:, None]).reshape(-1, examples * outputs)
    average = jnp.mean(activations, axis=0)[:, None] * kernel
    place = controls.shuffled_rows(key, jnp.arange(examples))
    pair = jnp.where(labels == ONE, 0, 1)

    def one(mask):
        lost = (mask @ terms).reshape(examples, outputs)
        zero = logits - lost
        right = [jnp.argmax(x, axis=-1) == labels for x in (zero, zero + mask @ average, zero + lost[place])]
        return metrics.by_class(jnp.stack(right), pair, classes=2)

    return jax.lax.map(one, jnp.asarray(masks, logits.dtype), batch_size=chunk)


def _differences(subject: Subject, seeds: int, key) -> Differences:
    """One arm's class differences under CONDITIONS."""
    test, run = subject.splits.test, jax.jit(over_seeds(class_differences, chunk=1))
    trained, permuted = run(subject.run.networks, test, key)
    untrained, _ = run(subject.untrained(), test, key)
    return stacked([laid_out(subject, seeds, part) for part in (trained, permuted, untrained)])
