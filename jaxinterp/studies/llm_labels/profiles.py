"""What does a neuron respond to, digit by digit? Row 2.4.

The write-up gives a language model the mean and the standard deviation of a neuron's activation on every digit. How
much of what the neuron does is in these numbers, and does it stand for one digit?
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp.analysis.class_profiles import profile, selectivity_index
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import indicator
from jaxinterp.studies.inputs import UNTRAINED, Inputs
from jaxinterp.studies.judge import Calibrated, Claim, above
from jaxinterp.studies.llm_labels.neurons import (
    ALIKE,
    CONDITIONS,
    MOST,
    SITE,
    SIX,
    TWELVE,
    WIDTHS,
    dead_on,
    mean_of,
    over_dead,
    over_live,
    selected,
)
from jaxinterp.studies.study import Measurement, Results

IDENTICAL = 0.99  # a dead neuron is silent on any images
DRAWS = 100
DIGITS, PERMUTED = "digits a neuron responds to", "labels permuted"

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


class Selective(NamedTuple):
    """Selectivity index of each neuron for its best digit, chosen on other images; null: its 95th percentile."""

    observed: Float[Array, " units"]
    null: Float[Array, " units"]


def profiles(network: Network, data: Dataset, permuted: Labels) -> Profiles:
    """Profiles by the labels, and by permuted ones."""
    activations, classes = network(data.images)[1][SITE], network.model.outputs
    own, null = (profile(activations, labels, classes=classes) for labels in (data.labels, permuted))
    return Profiles(own.explained, null.explained, own.responds, null.responds, own.active, own.highest, own.lowest)


def selective(
    network: Network, choosing: Dataset, scoring: Dataset, permuted: Int[Array | np.ndarray, "draws examples"]
) -> Selective:
    """The index on one half of the images for the digit that is best on the other; its null by permuted labels."""
    classes = network.model.outputs
    first, second = (network(half.images)[1][SITE] for half in (choosing, scoring))
    best = jnp.argmax(selectivity_index(first, choosing.labels, classes=classes), axis=0)

    def chosen(labels):
        return jnp.take_along_axis(selectivity_index(second, labels, classes=classes), best[None], axis=0)[0]

    null = jax.lax.map(chosen, jnp.asarray(permuted), batch_size=10)
    return Selective(chosen(jnp.asarray(scoring.labels)), jnp.quantile(null, 0.95, axis=0))


def _permutations(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """The labels of all test images permuted once, and those of the scoring half many times."""
    rng = np.random.default_rng(inputs.config.train.base_seed)
    of_all = rng.permutation(np.asarray(inputs.splits.test.labels))
    scoring = np.asarray(inputs.scoring.labels)
    return of_all, np.stack([rng.permutation(scoring) for _ in range(DRAWS)])


MEASUREMENTS = (
    Measurement(
        "profiles",
        profiles,
        lambda inputs: (inputs.splits.test, inputs.once(_permutations)[0]),
        conditions=CONDITIONS,
        recipes=WIDTHS,
        chunk=20,
    ),
    Measurement(
        "selectivity",
        selective,
        lambda inputs: (inputs.choosing, inputs.scoring, inputs.once(_permutations)[1]),
        chunk=20,
    ),
)


def claims(results: Results) -> list[Claim]:
    """Row 2.4."""
    return [_explained(results), _one_digit(results), _dead(results)]


def _explained(results: Results) -> Claim:
    found = results["profiles"]
    highest, lowest = (mean_of(over_live(results, values), 2) for values in (found.highest, found.lowest))
    return Claim(
        row="2.4",
        name="digits tell",
        text="A mean and a spread for each digit say what a neuron does: share of its variance between digits",
        published="0: 16.76 ± 5.13, 1: 0.64 ± 1.05, …",
        quantity="that share, mean over live neurons",
        measured=over_live(results, found.explained),
        controls={
            PERMUTED: over_live(results, found.explained_permuted),
            UNTRAINED: over_live(results, found.explained, SIX, UNTRAINED),
        },
        rule=above(ALIKE),
        shown={"twelve neurons": over_live(results, found.explained, TWELVE)},
        note=f"Mean activation on a neuron's highest digit {highest}, on its lowest {lowest}. All test images.",
    )


def _one_digit(results: Results) -> Claim:
    found, selectivity = results["profiles"], results["selectivity"]
    one, one_permuted = (indicator(digits == 1, digits) for digits in (found.digits, found.digits_permuted))
    index, null = (over_live(results, values) for values in (selectivity.observed, selectivity.null))
    selective = over_live(results, indicator(selectivity.observed > selectivity.null, selectivity.observed))
    return Claim(
        row="2.4",
        name="one digit",
        text="A neuron stands for one digit: its mean on every other digit is less than half of that on its best",
        quantity="share of live neurons",
        measured=over_live(results, one),
        controls={UNTRAINED: over_live(results, one, SIX, UNTRAINED), PERMUTED: over_live(results, one_permuted)},
        rule=above(MOST),
        score=Calibrated(),
        shown={
            DIGITS: over_live(results, found.digits),
            "digits on most of whose images it is active": over_live(results, found.active),
            "one digit, twelve neurons": over_live(results, one, TWELVE),
        },
        note="Selectivity index for the best digit, chosen on one half of the test images and scored on the other: "
        f"{mean_of(index, 2)}; above the 95th percentile over {DRAWS} permutations of the labels "
        f"({mean_of(null, 2)}): {mean_of(selective, 2)} of the neurons.",
    )


def _dead(results: Results) -> Claim:
    on_test, in_training = dead_on(results, "test"), selected(dead_on(results, "train"))
    own, before = selected(on_test), selected(on_test, SIX, UNTRAINED)
    return Claim(
        row="2.4",
        name="dead",
        text="Dead neurons need no language model: those silent on all training images are silent on test images",
        quantity="share of the neurons that are active on no training image",
        measured=own.where(in_training == 1).mean("units"),
        controls={"any neuron": own},
        rule=above(IDENTICAL),
        shown={
            "silent on test images but not in training": over_dead(results, 1 - in_training),
            "of the dead, silent before training": over_dead(results, before),
        },
        note="Networks without a dead neuron do not count here.",
    )
