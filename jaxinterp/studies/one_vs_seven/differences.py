"""How differently do neurons respond to 1s and to 7s? Row 1.7, and the same in other networks in row 1.11.

The class difference of a unit is its mean activation on 1s less that on 7s.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import responses
from jaxinterp.data import Dataset
from jaxinterp.ensemble import stack
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, between
from jaxinterp.studies.one_vs_seven.common import ARMS, LAYERS, NAME, NEAR, ONE, PLAIN, SEVEN, SMALL, labelled
from jaxinterp.studies.study import Measurement, Results

TRUE, PERMUTED = LABELS = ("true labels", "labels permuted")
SMALL_DIFFERENCE = 0.2
BIN_EDGES = np.linspace(-2, 2, 81)
BINS = (BIN_EDGES[1:] + BIN_EDGES[:-1]) / 2
PUBLISHED_SHARE = 0.60


class Differences(NamedTuple):
    """Share of each layer's units by class difference, the outer bins open, and with less than SMALL_DIFFERENCE."""

    share: Float[Array, "labels layers bins"]
    small: Float[Array, "labels layers"]


def class_differences(network: Network, data: Dataset, key) -> Differences:
    """How many units have which class difference; then the same with labels permuted."""
    activations, labels = network(data.images)[1], jnp.asarray(data.labels)

    def of_layer(labels, layer) -> Differences:
        difference = responses.class_difference(activations[f"{layer}/post"], labels, ONE, SEVEN)
        bins = jnp.clip(jnp.searchsorted(BIN_EDGES, difference, side="right") - 1, 0, len(BINS) - 1)
        share = jnp.mean(jax.nn.one_hot(bins, len(BINS)), axis=0)
        return Differences(share, jnp.mean(jnp.abs(difference) < SMALL_DIFFERENCE))

    both = (labels, jax.random.permutation(key, labels))
    return stack(stack(of_layer(own, layer) for layer in LAYERS) for own in both)


def _shared(inputs: Inputs) -> tuple:
    return inputs.test, jax.random.split(inputs.key(2), 1 + len(ARMS))[0]


_COORDS = labelled(labels=LABELS, layers=LAYERS, bins=tuple(BINS))
MEASUREMENTS = (Measurement("differences", class_differences, _shared, _COORDS, (UNTRAINED, TRAINED), ARMS, chunk=1),)


def claims(results: Results) -> list[Claim]:
    """Row 1.7."""
    return [_small_share(results, NAME, layer, "1.7", layer) for layer in LAYERS]


def claims_of_others(results: Results) -> list[Claim]:
    """The same in networks without dropout and in small ones: row 1.11."""
    last = LAYERS[-1]
    return [
        _small_share(results, arm, last, "1.11", f"{arm.removeprefix(NAME + '-')} {last}") for arm in (PLAIN, SMALL)
    ]


def _small_share(results: Results, arm: str, layer: str, row: str, name: str) -> Claim:
    """Is the share of units with little class difference about what is published?"""
    share = results["differences"].small.sel(recipes=arm, layers=layer)
    trained = share.sel(conditions=TRAINED)
    return Claim(
        row=row,
        name=name,
        text=f"About {100 * PUBLISHED_SHARE:g} % of the units of {layer} differ by less than {SMALL_DIFFERENCE:g} "
        "between 1s and 7s",
        published=f"about {PUBLISHED_SHARE:g}",
        bounds=SHARE,
        quantity=f"the share of the units, to be within {NEAR:g} of the published one",
        measured=trained.sel(labels=TRUE),
        controls={PERMUTED: trained.sel(labels=PERMUTED)},
        shown={UNTRAINED: share.sel(conditions=UNTRAINED, labels=TRUE)},
        rule=between(PUBLISHED_SHARE - NEAR, PUBLISHED_SHARE + NEAR),
        note="The share depends on the scale of the activations.",
        recipes=(arm,),
    )
