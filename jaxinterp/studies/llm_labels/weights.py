"""Do a neuron's ten largest weights say what it does? Row 2.5.

The write-up lists the ten incoming and outgoing weights of largest size. A weight counts for as much as what it is
multiplied by varies: its contribution is its size times the standard deviation of its source.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import attribution
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import UNTRAINED, Inputs
from jaxinterp.studies.judge import Calibrated, Claim, above
from jaxinterp.studies.llm_labels.neurons import (
    ALIKE,
    CONDITIONS,
    EVERY,
    SITE,
    SIX,
    TWELVE,
    WIDTHS,
    Images,
    live,
    mean_of,
    over_live,
    selected,
    test_images,
)
from jaxinterp.studies.study import Measurement, Results

LISTED = 10  # weights per list
QUOTED = 2  # weights of a logit that the write-up's example names
WEIGHT, CONTRIBUTION, RANDOM = LISTS = ("weight", "contribution", "random")
LIVE = "the share of neurons that are live"
_DRAWS = 10
_PUBLISHED = f"{LISTED} largest weights"


class Incoming(NamedTuple):
    """Each neuron's ten pixels by each list.

    rebuilt: squared correlation of what these pixels alone give with the neuron's input. overlap: of the list by weight
    with that by contribution; chance: its expectation for random lists. never_inked: share of the list by weight whose
    pixels are 0 on every image.
    """

    rebuilt: Float[Array, "lists units"]
    overlap: Float[Array, " units"]
    chance: Float[Array, " units"]
    never_inked: Float[Array, " units"]


class Outgoing(NamedTuple):
    """Of each logit's largest weights: the share that live neurons have, and 1 where the first contributes most."""

    listed_live: Float[Array, " classes"]
    first_same: Float[Array, " classes"]


def incoming(
    network: Network, images: Images, inked: Bool[Array, " pixels"], covariance: Float[Array, "pixels pixels"], key
) -> Incoming:
    """The lists, and how much of what enters the neuron they rebuild.

    images: those by which contributions are measured; covariance: of the pixels over others. inked: pixels that are not
    0 on every image.
    """
    kernel = network.variables["params"]["hidden0"]["kernel"].T  # "units pixels"
    listed = min(LISTED, kernel.shape[1])
    found = attribution.connections(network, images, site="hidden0/pre", k=listed)
    at_random = jax.lax.top_k(jax.random.uniform(key, (_DRAWS, *kernel.shape)), listed)[1]
    by_weight, by_contribution = found.incoming_units, found.incoming_contribution_units
    rebuilt = attribution.rebuilt(
        kernel, covariance, jnp.concatenate([by_weight[None], by_contribution[None], at_random])
    )
    both = jnp.any((by_weight[:, :, None] == by_contribution[:, None]) & (by_weight >= 0)[:, :, None], axis=-1)
    known = 0 * rebuilt[0]
    return Incoming(
        rebuilt=jnp.concatenate([rebuilt[:2], jnp.mean(rebuilt[2:], axis=0, keepdims=True)]),
        overlap=jnp.mean(both, axis=1) + known,
        chance=listed / kernel.shape[1] + known,
        never_inked=jnp.mean(~inked[jnp.maximum(by_weight, 0)] & (by_weight >= 0), axis=1) + known,
    )


def outgoing(network: Network, images: Images) -> Outgoing:
    """The largest weights of every logit."""
    found = attribution.connections(network, images, site="logits", k=min(QUOTED, network.model.widths[-1]))
    active = jnp.any(network(images)[1][SITE] > 0, axis=0)
    largest, contributing = found.incoming_units, found.incoming_contribution_units[:, 0]
    return Outgoing(
        listed_live=jnp.mean(active[largest] & (largest >= 0), axis=1),
        first_same=((largest[:, 0] == contributing) & (contributing >= 0)).astype(jnp.float32),
    )


def _shared(inputs: Inputs) -> tuple:
    inked = jnp.asarray(np.max(inputs.splits.test.images, axis=0) > 0)
    covariance = np.cov(np.asarray(inputs.scoring.images, np.float64).T).astype(np.float32)
    return inputs.choosing.images, inked, jnp.asarray(covariance), inputs.key(5)


MEASUREMENTS = (
    Measurement("incoming", incoming, _shared, lambda _: {"lists": LISTS}, CONDITIONS, WIDTHS, chunk=20),
    Measurement("outgoing", outgoing, test_images, recipes=WIDTHS, chunk=20),
)


def claims(results: Results) -> list[Claim]:
    """Row 2.5."""
    return [_lists_agree(results), _incoming(results), _outgoing(results)]


def _lists_agree(results: Results) -> Claim:
    found = results["incoming"]
    dark, dark_before = (over_live(results, found.never_inked, SIX, condition) for condition in reversed(CONDITIONS))
    return Claim(
        row="2.5",
        name="lists",
        text=f"A neuron's {LISTED} largest incoming weights are the {LISTED} that contribute most: overlap of lists",
        published=_PUBLISHED,
        quantity="share of one list that is in the other",
        measured=over_live(results, found.overlap),
        controls={
            "chance": over_live(results, found.chance),
            UNTRAINED: over_live(results, found.overlap, SIX, UNTRAINED),
        },
        rule=above(ALIKE),
        score=Calibrated(),
        shown={"twelve neurons": over_live(results, found.overlap, TWELVE)},
        note=f"Contribution: |weight| × the pixel's standard deviation. Of the {LISTED} largest weights, share at "
        f"pixels that are 0 on every image: {mean_of(dark)}, before training {mean_of(dark_before)}. Live neurons.",
    )


def _incoming(results: Results) -> Claim:
    rebuilt = results["incoming"].rebuilt
    by_weight, by_contribution, at_random = (rebuilt.sel(lists=name) for name in LISTS)
    return Claim(
        row="2.5",
        name="incoming",
        text=f"A neuron's {LISTED} largest incoming weights say what it does: share of its input's variance explained",
        published=_PUBLISHED,
        quantity="squared correlation on other images, mean over live neurons",
        measured=over_live(results, by_weight),
        controls={
            f"{LISTED} pixels at random": over_live(results, at_random),
            UNTRAINED: over_live(results, by_weight, SIX, UNTRAINED),
        },
        rule=above(ALIKE),
        shown={
            "by contribution": over_live(results, by_contribution),
            "by contribution, untrained": over_live(results, by_contribution, SIX, UNTRAINED),
            "twelve neurons": over_live(results, by_weight, TWELVE),
            "by contribution, twelve neurons": over_live(results, by_contribution, TWELVE),
        },
        note="The neuron's input computed from these pixels alone. Standard deviations from one half of the test "
        "images.",
    )


def _outgoing(results: Results) -> Claim:
    found, alive = results["outgoing"], live(results)
    return Claim(
        row="2.5",
        name="outgoing",
        text=f"The listed outgoing weights have an effect: share of a logit's {QUOTED} largest that live neurons have",
        published="0: neuron 4 −0.696, neuron 2 0.632",
        quantity="share of the weights",
        measured=selected(found.listed_live),
        controls={LIVE: selected(alive)},
        rule=above(EVERY),
        score=Calibrated(),
        shown={
            "the largest weight contributes most": selected(found.first_same),
            "twelve neurons": selected(found.listed_live, TWELVE),
            "live neurons, twelve": selected(alive, TWELVE),
        },
        note="Dead: active on no test image, so that its outgoing weights have no effect on any.",
    )
