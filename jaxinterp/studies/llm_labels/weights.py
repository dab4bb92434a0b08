"""Do a neuron's ten largest weights say what it does? Row 2.5.

The write-up lists the ten incoming and outgoing weights of largest size. A large weight on a source that hardly varies
has little effect, so weights are also ranked by contribution: size times the standard deviation of the source.
"""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import attribution
from jaxinterp.analysis.attribution.rebuilding import LISTS, listed
from jaxinterp.networks import LOGITS, Network
from jaxinterp.stats import SHARE
from jaxinterp.studies.inputs import UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.llm_labels import neurons
from jaxinterp.studies.llm_labels.neurons import ALIKE, EVERY, SITE, SIX, TWELVE, Images, over_live, selected
from jaxinterp.studies.scores import Calibrated
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import mean

LISTED = 10  # weights per list
QUOTED = 2  # weights of a logit that the write-up's example names
WEIGHT, CONTRIBUTION, RANDOM = LISTS

_claim = partial(Claim, row="2.5")


class Outgoing(NamedTuple):
    """Of each logit's largest weights: the share that live neurons have, and 1 where the first contributes most."""

    listed_live: Float[Array, " classes"]
    first_same: Float[Array, " classes"]


def outgoing(network: Network, images: Images) -> Outgoing:
    """The largest weights of every logit."""
    found = attribution.connections(network, images, site=LOGITS, k=min(QUOTED, network.model.layers[-1].units))
    active = jnp.any(network(images)[1][SITE] > 0, axis=0)
    largest, contributing = found.incoming_units, found.incoming_contribution_units[:, 0]
    return Outgoing(
        listed_live=jnp.mean(active[largest] & (largest >= 0), axis=1),
        first_same=((largest[:, 0] == contributing) & (contributing >= 0)).astype(jnp.float32),
    )


def _shared(inputs: Inputs) -> tuple:
    inked = jnp.asarray(np.max(inputs.test.images, axis=0) > 0)
    covariance = np.cov(np.asarray(inputs.scoring.images, np.float64).T).astype(np.float32)
    return inputs.choosing.images, inked, jnp.asarray(covariance), inputs.key(5)


MEASUREMENTS = (
    neurons.of_both_widths("incoming", partial(listed, k=LISTED), _shared, lambda _: {"lists": LISTS}),
    Measurement("outgoing", outgoing, lambda inputs: (inputs.test.images,), recipes=neurons.WIDTHS, chunk=20),
)


def claims(results: Results) -> list[Claim]:
    """Row 2.5."""
    entering, leaving, alive = results["incoming"], results["outgoing"], neurons.live(results)
    by_weight, by_contribution, at_random = (entering.rebuilt.sel(lists=name) for name in LISTS)
    live = partial(over_live, results)
    dark, dark_before = (mean(live(entering.never_inked, SIX, which)) for which in reversed(neurons.CONDITIONS))
    return [
        _claim(
            name="lists",
            text=f"A neuron's {LISTED} largest incoming weights are the {LISTED} that contribute most: overlap of "
            "lists",
            published=f"{LISTED} largest weights",
            bounds=SHARE,
            quantity="share of one list that is in the other",
            measured=live(entering.overlap),
            controls={"chance": live(entering.chance), UNTRAINED: live(entering.overlap, SIX, UNTRAINED)},
            rule=above(ALIKE),
            score=Calibrated(),
            shown={"twelve neurons": live(entering.overlap, TWELVE)},
            note=f"Contribution: |weight| × the pixel's standard deviation. Of the {LISTED} largest weights, share at "
            f"pixels that are 0 on every image: {dark}, before training {dark_before}. Live neurons.",
        ),
        _claim(
            name="incoming",
            text=f"A neuron's {LISTED} largest incoming weights say what it does: share of its input's variance "
            "explained",
            published=f"{LISTED} largest weights",
            bounds=SHARE,
            quantity="squared correlation on other images, mean over live neurons",
            measured=live(by_weight),
            controls={f"{LISTED} pixels at random": live(at_random), UNTRAINED: live(by_weight, SIX, UNTRAINED)},
            rule=above(ALIKE),
            score=Calibrated(),
            shown={
                "by contribution": live(by_contribution),
                "by contribution, untrained": live(by_contribution, SIX, UNTRAINED),
                "twelve neurons": live(by_weight, TWELVE),
                "by contribution, twelve neurons": live(by_contribution, TWELVE),
            },
            note="The neuron's input computed from these pixels alone. Standard deviations from one half of the test "
            "images.",
        ),
        _claim(
            name="outgoing",
            text=f"The listed outgoing weights have an effect: share of a logit's {QUOTED} largest that live neurons "
            "have",
            published="0: neuron 4 −0.696, neuron 2 0.632",
            bounds=SHARE,
            quantity="share of the weights",
            measured=selected(leaving.listed_live),
            controls={"the share of neurons that are live": selected(alive)},
            rule=above(EVERY),
            score=Calibrated(),
            shown={
                "the largest weight contributes most": selected(leaving.first_same),
                "twelve neurons": selected(leaving.listed_live, TWELVE),
                "live neurons, twelve": selected(alive, TWELVE),
            },
            note="Dead: active on no test image, so that its outgoing weights have no effect on any.",
        ),
    ]
