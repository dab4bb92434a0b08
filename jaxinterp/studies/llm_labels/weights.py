"""Do a neuron's ten largest weights tell what it does? Row 2.5.

The write-up lists the ten incoming and outgoing weights of largest size. A weight counts for as much as what it is
multiplied by varies: its contribution is its size times the spread, the standard deviation, of its source.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import attribution
from jaxinterp.networks import Network
from jaxinterp.stats import known_mean
from jaxinterp.studies.claims import Finding, judged
from jaxinterp.studies.llm_labels.judging import calibrated_score, claimed, judged_beside
from jaxinterp.studies.llm_labels.record import (
    ALIKE,
    EVERY,
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
    key_of,
    left_out,
    live,
    over_live,
)
from jaxinterp.studies.subjects import halves

LISTED = 10  # weights a list
QUOTED = 2  # weights of a logit that the write-up's example names
WEIGHT, CONTRIBUTION, RANDOM = LISTS = ("weight", "contribution", "random")
LIVE = "the share of neurons that are live"
_DRAWS = 10
_EXACT = jax.lax.Precision.HIGHEST

Images = Float[Array | np.ndarray, "examples pixels"]


def measure(groups: Mapping[str, Asked], seeds: int) -> dict[str, Any]:
    """The record's fields of row 2.5."""
    return {"lists": LISTS} | by_arm(groups, seeds, _of_arm)


def _of_arm(group: Asked) -> dict[str, np.ndarray]:
    images = group.splits.test.images
    choosing, scoring = halves(group.splits.test)
    lit = jnp.asarray(np.max(images, axis=0) > 0)
    covariance = jnp.asarray(np.cov(np.asarray(scoring.images, np.float64).T).astype(np.float32))
    found = ask_both(incoming, group, choosing.images, lit, covariance, key_of(group, 5))
    return found | ask(outgoing, group.networks, images)


def incoming(
    network: Network,
    images: Images,
    lit: Bool[Array, " pixels"],
    covariance: Float[Array, "pixels pixels"],
    key,
) -> dict[str, Array]:
    """Each unit's ten pixels by each list, and how much of what enters the unit these alone rebuild.

    images: those by which contributions are measured; covariance: of the pixels over others. lit: pixels that some
    image lights. The input is Σ wᵢxᵢ + b, so that its correlation with the sum over a list follows from the covariance.
    """
    kernel = network.variables["params"]["hidden0"]["kernel"].T  # "units pixels"
    listed = min(LISTED, kernel.shape[1])
    found = attribution.connections(network, images, site="hidden0/pre", k=listed)
    at_random = jax.lax.top_k(jax.random.uniform(key, (_DRAWS, *kernel.shape)), listed)[1]
    chosen = jnp.stack([found.incoming_units, found.incoming_contribution_units])
    there = jnp.concatenate([chosen, at_random]) >= 0  # a list ends where no weight, or none that varies, is left
    places = jnp.maximum(jnp.concatenate([chosen, at_random]), 0)  # "lists units places"
    with_whole = jnp.matmul(kernel, covariance, precision=_EXACT)
    wide = (len(places), *kernel.shape)
    weights = jnp.where(there, jnp.take_along_axis(jnp.broadcast_to(kernel, wide), places, axis=-1), 0)
    with_each = jnp.take_along_axis(jnp.broadcast_to(with_whole, wide), places, axis=-1)
    shared = jnp.sum(weights * with_each, axis=-1)
    within = covariance[places[..., :, None], places[..., None, :]]
    own = jnp.einsum("lup,lupq,luq->lu", weights, within, weights, precision=_EXACT)
    whole = jnp.sum(with_whole * kernel, axis=-1)
    # Pixels that never vary rebuild nothing.
    rebuilt = jnp.where(own > 0, shared**2 / (jnp.where(own > 0, own, 1) * whole), 0 * whole)
    both = jnp.any((chosen[0, :, :, None] == chosen[1, :, None, :]) & there[0, :, :, None], axis=-1)
    known = 0 * whole
    return {
        "rebuilt": jnp.concatenate([rebuilt[:2], jnp.mean(rebuilt[2:], axis=0, keepdims=True)]),
        "overlap": jnp.mean(both, axis=1) + known,
        "unlit": jnp.mean(~lit[places[0]] & there[0], axis=1) + known,
    }


def outgoing(network: Network, images: Images) -> dict[str, Array]:
    """Of each logit's largest weights: the share that live units have, and whether the first contributes most."""
    found = attribution.connections(network, images, site="logits", k=min(QUOTED, network.model.widths[-1]))
    fires = jnp.any(network(images)[1][SITE] > 0, axis=0)
    largest, contributing = found.incoming_units, found.incoming_contribution_units[:, 0]
    return {
        "listed_live": jnp.mean(fires[largest] & (largest >= 0), axis=1),
        "first_same": ((largest[:, 0] == contributing) & (contributing >= 0)).astype(jnp.float32),
    }


def findings(record: LlmLabels) -> list[Finding]:
    """Row 2.5 judged."""
    place, wide, apart = record.arms.index(SIX), record.arms.index(WIDE), left_out(record, SIX)

    def own(values, arm=SIX, condition=TRAINED):
        return over_live(record, values[:, record.arms.index(arm), record.conditions.index(condition)], arm, condition)

    def rebuilt(name, arm=SIX, condition=TRAINED):
        return own(record.rebuilt[:, :, :, record.lists.index(name)], arm, condition)

    pixels = record.pictures.shape[-1]
    listed = min(LISTED, pixels)
    chance = np.where(np.isfinite(own(record.overlap)), listed / pixels, np.nan)
    published = f"{LISTED} largest weights"
    text = f"A neuron's {LISTED} largest incoming weights are the {LISTED} that contribute most: share of one list"
    score = calibrated_score(f"the higher of chance and {UNTRAINED}")
    claim = claimed("2.5 lists", text, score, ALIKE, published=published)
    controls = {"chance": chance, UNTRAINED: own(record.overlap, SIX, UNTRAINED)}
    others = {"twelve neurons": own(record.overlap, WIDE)}
    note = (
        f"Contribution: |weight| × the pixel's standard deviation. Of the {LISTED} largest weights, share at pixels "
        f"that no image lights: {figure_of(own(record.unlit))}, before training "
        f"{figure_of(own(record.unlit, SIX, UNTRAINED))}. Live neurons.{apart}"
    )
    found = [judged_beside(claim, own(record.overlap), controls, others=others, note=note)]

    by_weight, by_contribution, at_random = (rebuilt(name) for name in LISTS)
    text = f"A neuron's {LISTED} largest incoming weights tell what it does: share of its input's variance explained"
    score = "squared correlation on other images, mean over live neurons"
    claim = claimed("2.5 incoming", text, score, ALIKE, published=published)
    others = {
        "by contribution": by_contribution,
        UNTRAINED: rebuilt(WEIGHT, SIX, UNTRAINED),
        "by contribution, untrained": rebuilt(CONTRIBUTION, SIX, UNTRAINED),
        "twelve neurons": rebuilt(WEIGHT, WIDE),
        "by contribution, twelve neurons": rebuilt(CONTRIBUTION, WIDE),
    }
    note = f"The neuron's input rebuilt from these pixels alone. Spreads from one half of the test images.{apart}"
    found.append(judged(claim, by_weight, at_random, f"{LISTED} pixels at random", by_weight, others=others, note=note))

    quoted = known_mean(record.listed_live[:, place], 1)
    base, base_wide = (known_mean(live(record, arm), 1) for arm in (SIX, WIDE))
    text = f"The outgoing weights that are listed are at work: share of a logit's {QUOTED} largest from live neurons"
    published = "0: neuron 4 −0.696, neuron 2 0.632"
    claim = claimed("2.5 outgoing", text, calibrated_score(LIVE), EVERY, published=published)
    others = {
        "the largest weight contributes most": known_mean(record.first_same[:, place], 1),
        "twelve neurons": known_mean(record.listed_live[:, wide], 1),
        "live neurons, twelve": base_wide,
    }
    note = f"Dead: fires on no test image, so that its outgoing weights do nothing on any.{apart}"
    found.append(judged_beside(claim, quoted, {LIVE: base}, others=others, note=note))
    return found
