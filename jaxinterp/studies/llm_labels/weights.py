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

from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import known_mean
from jaxinterp.studies.claims import Finding, judged
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
    calibrated,
    claimed,
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
_DRAWS = 10
_EXACT = jax.lax.Precision.HIGHEST


def measure(groups: Mapping[str, Asked], seeds: int) -> dict[str, Any]:
    """The record's fields of row 2.5."""
    return {"lists": LISTS} | by_arm(groups, seeds, _of_arm)


def _of_arm(group: Asked) -> dict[str, np.ndarray]:
    choosing, scoring = halves(group.splits.test)
    spread, lit = (jnp.asarray(of(choosing.images, axis=0)) for of in (np.std, np.max))
    covariance = jnp.asarray(np.cov(np.asarray(scoring.images, np.float64).T).astype(np.float32))
    found = ask_both(incoming, group, spread, lit > 0, covariance, key_of(group, 5))
    return found | ask(outgoing, group.networks, scoring)


def incoming(
    network: Network,
    spread: Float[Array, " pixels"],
    lit: Bool[Array, " pixels"],
    covariance: Float[Array, "pixels pixels"],
    key,
) -> dict[str, Array]:
    """Each unit's ten pixels by each list, and how much of what enters the unit these alone rebuild.

    spread: of the pixels over some images, by which contributions are measured; covariance: over the others. The input
    is Σ wᵢxᵢ + b, so that its correlation with the sum over a list follows from the covariance.
    """
    kernel = network.variables["params"]["hidden0"]["kernel"].T  # "units pixels"
    size = jnp.abs(kernel)
    listed = min(LISTED, kernel.shape[1])
    at_random = jax.random.uniform(key, (_DRAWS, *kernel.shape))
    ranked = jnp.concatenate([size[None], (size * spread)[None], at_random])
    places = jax.lax.top_k(ranked, listed)[1]  # "lists units places"
    with_whole = jnp.matmul(kernel, covariance, precision=_EXACT)
    weights = jnp.take_along_axis(jnp.broadcast_to(kernel, ranked.shape), places, axis=-1)
    with_each = jnp.take_along_axis(jnp.broadcast_to(with_whole, ranked.shape), places, axis=-1)
    shared = jnp.sum(weights * with_each, axis=-1)
    within = covariance[places[..., :, None], places[..., None, :]]
    own = jnp.einsum("lup,lupq,luq->lu", weights, within, weights, precision=_EXACT)
    whole = jnp.sum(with_whole * kernel, axis=-1)
    # Pixels that never vary rebuild nothing.
    rebuilt = jnp.where(own > 0, shared**2 / (jnp.where(own > 0, own, 1) * whole), 0 * whole)
    both = jnp.any(places[0, :, :, None] == places[1, :, None, :], axis=-1)
    known = 0 * whole
    return {
        "rebuilt": jnp.concatenate([rebuilt[:2], jnp.mean(rebuilt[2:], axis=0, keepdims=True)]),
        "overlap": jnp.mean(both, axis=1) + known,
        "unlit": jnp.mean(~lit[places[0]], axis=1) + known,
    }


def outgoing(network: Network, data: Dataset) -> dict[str, Array]:
    """Of each logit's largest weights: the share that live units have, and whether the first contributes most."""
    activations = network(data.images)[1][SITE]
    size = jnp.abs(network.variables["params"]["output"]["kernel"].T)  # "classes units"
    contribution = size * jnp.std(activations, axis=0)
    fires = jnp.any(activations > 0, axis=0)
    quoted = min(QUOTED, size.shape[1])
    return {
        "listed_live": jnp.sum(_largest(size, quoted) & fires, axis=1) / quoted,
        "first_same": (jnp.argmax(size, axis=1) == jnp.argmax(contribution, axis=1)).astype(size.dtype),
    }


def _largest(rows: Float[Array, "rows sources"], count: int) -> Bool[Array, "rows sources"]:
    """Whether each value is among the largest of its row."""
    return jnp.any(jax.nn.one_hot(jax.lax.top_k(rows, count)[1], rows.shape[1], dtype=bool), axis=1)


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
    claim = claimed("2.5 lists", text, "what is shared, where 0 is chance and 1 all", ALIKE, published=published)
    others = {UNTRAINED: own(record.overlap, SIX, UNTRAINED), "twelve neurons": own(record.overlap, WIDE)}
    note = (
        f"Contribution: |weight| × the pixel's standard deviation. Of the {LISTED} largest weights, share at pixels "
        f"that no image lights: {figure_of(own(record.unlit))}, before training "
        f"{figure_of(own(record.unlit, SIX, UNTRAINED))}. Live neurons.{apart}"
    )
    score = calibrated(own(record.overlap), chance)
    found = [judged(claim, own(record.overlap), chance, "chance", score, others=others, note=note)]

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
    claim = claimed("2.5 outgoing", text, "that share", EVERY, published="0: neuron 4 −0.696, neuron 2 0.632")
    others = {
        "the largest weight contributes most": known_mean(record.first_same[:, place], 1),
        "twelve neurons": known_mean(record.listed_live[:, wide], 1),
        "live neurons, twelve": base_wide,
    }
    note = f"A dead neuron's outgoing weights do nothing on any test image.{apart}"
    found.append(judged(claim, quoted, base, "live neurons", quoted, others=others, note=note))
    return found
