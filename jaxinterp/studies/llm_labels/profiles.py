"""What does a neuron respond to, digit by digit? Row 2.4.

The write-up gives a language model the mean and the standard deviation of a neuron's activation on every digit. How
much of what the neuron does is in these numbers, and does it stand for one digit?
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp.analysis.class_profiles import profile, selective
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, indicator
from jaxinterp.studies.inputs import UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.llm_labels.neurons import (
    ALIKE,
    MOST,
    SITE,
    SIX,
    TWELVE,
    dead_on,
    of_both_widths,
    over_dead,
    over_live,
    selected,
)
from jaxinterp.studies.scores import Calibrated
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import mean

IDENTICAL = 0.99  # a dead neuron is silent on any images
DRAWS = 100
PERMUTED = "labels permuted"

_claim = partial(Claim, row="2.4")

Labels = Int[Array | np.ndarray, " examples"]


class Profiles(NamedTuple):
    """How each neuron's activation depends on the digit; see `class_profiles`. permuted: with the labels permuted."""

    explained: Float[Array, " units"]
    explained_permuted: Float[Array, " units"]
    digits: Float[Array, " units"]
    digits_permuted: Float[Array, " units"]
    active: Float[Array, " units"]
    highest: Float[Array, " units"]
    lowest: Float[Array, " units"]


def profiles(network: Network, data: Dataset, permuted: Labels) -> Profiles:
    """Profiles by the labels, and by permuted ones."""
    activations, classes = network(data.images)[1][SITE], network.model.outputs
    own, null = (profile(activations, labels, classes=classes) for labels in (data.labels, permuted))
    return Profiles(own.explained, null.explained, own.responds, null.responds, own.active, own.highest, own.lowest)


def _permutations(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """The labels of all test images permuted once, and those of the scoring half many times."""
    rng = np.random.default_rng(inputs.config.train.base_seed)
    of_all = rng.permutation(np.asarray(inputs.test.labels))
    scoring = np.asarray(inputs.scoring.labels)
    return of_all, np.stack([rng.permutation(scoring) for _ in range(DRAWS)])


MEASUREMENTS = (
    of_both_widths("profiles", profiles, lambda inputs: (inputs.test, inputs.once(_permutations)[0])),
    Measurement(
        "selectivity",
        partial(selective, site=SITE),
        lambda inputs: (inputs.choosing, inputs.scoring, inputs.once(_permutations)[1]),
        chunk=20,
    ),
)


def claims(results: Results) -> list[Claim]:
    """Row 2.4."""
    found, selectivity, live = results["profiles"], results["selectivity"], partial(over_live, results)
    highest, lowest = (mean(live(values), 2) for values in (found.highest, found.lowest))
    one, one_permuted = (indicator(digits == 1, digits) for digits in (found.digits, found.digits_permuted))
    selects = indicator(selectivity.observed > selectivity.null, selectivity.observed)
    on_test, in_training = dead_on(results, "test"), selected(dead_on(results, "train"))
    return [
        _claim(
            name="digits tell",
            text="A mean and a spread for each digit say what a neuron does: share of its variance between digits",
            published="0: 16.76 ± 5.13, 1: 0.64 ± 1.05, …",
            bounds=SHARE,
            quantity="that share, mean over live neurons",
            measured=live(found.explained),
            controls={PERMUTED: live(found.explained_permuted), UNTRAINED: live(found.explained, SIX, UNTRAINED)},
            rule=above(ALIKE),
            score=Calibrated(),
            shown={"twelve neurons": live(found.explained, TWELVE)},
            note=f"Mean activation on a neuron's highest digit {highest}, on its lowest {lowest}. All test images.",
        ),
        _claim(
            name="one digit",
            text="A neuron stands for one digit: its mean on every other digit is less than half of that on its best",
            bounds=SHARE,
            quantity="share of live neurons",
            measured=live(one),
            controls={UNTRAINED: live(one, SIX, UNTRAINED), PERMUTED: live(one_permuted)},
            rule=above(MOST),
            score=Calibrated(),
            shown={
                "digits a neuron responds to": live(found.digits),
                "digits on most of whose images it is active": live(found.active),
                "one digit, twelve neurons": live(one, TWELVE),
            },
            note="Selectivity index for the best digit, chosen on one half of the test images and scored on the other: "
            f"{mean(live(selectivity.observed), 2)}; above the 95th percentile over {DRAWS} permutations of the "
            f"labels ({mean(live(selectivity.null), 2)}): {mean(live(selects), 2)} of the neurons.",
        ),
        _claim(
            name="dead",
            text="Dead neurons need no language model: those silent on all training images are silent on test images",
            bounds=SHARE,
            quantity="share of the neurons that are active on no training image",
            measured=selected(on_test).where(in_training == 1).mean("units"),
            controls={"any neuron": selected(on_test)},
            rule=above(IDENTICAL),
            shown={
                "silent on test images but not in training": over_dead(results, 1 - in_training),
                "of the dead, silent before training": over_dead(results, selected(on_test, SIX, UNTRAINED)),
            },
            note="Networks without a dead neuron do not count here.",
        ),
    ]
