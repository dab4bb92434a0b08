"""Is there a selective neuron for every digit, is it active, and do other measures of selectivity agree?"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import stats
from jaxinterp.analysis import directions, responses, top_units
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import CHOSEN
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Difference, Given
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import format_percent, mean

DRAWS = 100  # of every null
MEASURES = {"d_prime": "d′", "auc": "AUC", "mutual_information": "mutual information"}

ACTIVE = 0.05  # a neuron that fires on half the images of one digit in ten, and on no other, fires on this share
EVERY = 0.9  # what is said of every digit may fail for one in ten
STRONG = 0.8  # two measures of one thing: each explains about two thirds of the other's variance


class Selectivity(NamedTuple):
    """Measures of selectivity on the scoring half (`responses.selectivity`), of every neuron and of chosen ones.

    Chosen: each class's neuron of highest AUC on the choosing half. chosen_null: the 95th percentile of its AUC over
    permutations of the labels; it was chosen on other images, so there is no search to correct for. chosen_firing:
    share of all images of the scoring half on which it fires. direction_auc: of the direction of each random basis of
    the layer (`directions.random_bases`) that is chosen likewise.
    """

    index: Float[Array, "classes units"]  # pyright: ignore[reportIncompatibleMethodOverride]
    d_prime: Float[Array, "classes units"]
    auc: Float[Array, "classes units"]
    mutual_information: Float[Array, "classes units"]
    chosen_auc: Float[Array, " classes"]
    chosen_null: Float[Array, " classes"]
    chosen_index: Float[Array, " classes"]
    chosen_firing: Float[Array, " classes"]
    direction_auc: Float[Array, "bases classes"]


def selectivity(network: Network, choosing: Dataset, scoring: Dataset, key) -> Selectivity:
    """How selective is each neuron for each class, and the one chosen for it? key: of permutations and bases."""
    site, classes = neurons.site(network.model), network.model.outputs
    first, second = (network(half.images)[1][site] for half in (choosing, scoring))
    chosen = top_units.highest(responses.selectivity(first, choosing.labels, classes=classes).auc)
    found = responses.selectivity(second, scoring.labels, classes=classes)
    null = responses.selectivity_null(key, second, scoring.labels, classes=classes, draws=DRAWS).auc

    def of_chosen(values, chosen):
        return jnp.take_along_axis(values, chosen[:, None], axis=-1)[..., 0]

    def of_basis(basis):
        before, after = (directions.coordinates(activations, basis) for activations in (first, second))
        return chosen_auc(before, after, choosing, scoring, classes=classes)

    return Selectivity(
        *found[:4],
        chosen_auc=of_chosen(found.auc, chosen),
        chosen_null=jnp.quantile(jax.vmap(of_chosen, (0, None))(null, chosen), 0.95, axis=0),
        chosen_index=of_chosen(found.index, chosen),
        chosen_firing=responses.liveness(second).firing_rate[chosen],
        direction_auc=jax.lax.map(of_basis, neurons.random_bases(key, network.model)),
    )


def chosen_auc(before: Array, after: Array, choosing: Dataset, scoring: Dataset, *, classes: int):
    """The AUC " classes" of each class's most selective unit, chosen and scored on activations on either half."""
    first, second = (
        responses.selectivity(activations, half.labels, classes=classes, bins=1).auc
        for activations, half in ((before, choosing), (after, scoring))
    )
    return jnp.take_along_axis(second, top_units.highest(first)[:, None], axis=-1)[..., 0]


MEASUREMENTS = (
    Measurement(
        "selectivity",
        selectivity,
        lambda inputs: (inputs.choosing, inputs.scoring, neurons.keys(inputs)[1]),
        neurons.coords,
        (UNTRAINED, TRAINED),
    ),
)


def agreement(results: Results, *, shifted: bool = False) -> dict[str, xr.DataArray]:
    """Spearman's correlation over neurons of the index with each other measure, by class.

    Mutual information has no sign, and is compared with the index's size. shifted: with the measure of the next class.
    """
    own = results["selectivity"].sel(conditions=TRAINED)
    indices = {name: abs(own.index) if name == "mutual_information" else own.index for name in MEASURES}
    return {n: stats.spearman_over("units", i, own[n].roll(classes=int(shifted))) for n, i in indices.items()}


def claims(results: Results) -> list[Claim]:
    """Every digit has a selective neuron, more than a direction; it is active; a sounder measure agrees with the index.

    The write-up's index has no noise floor and is high for a neuron that hardly ever fires: AUC is judged instead.
    """
    before, after = (results["selectivity"].sel(conditions=condition) for condition in (UNTRAINED, TRAINED))
    exceeds, exceeds_before = (
        stats.indicator(own.chosen_auc > own.chosen_null, own.chosen_auc) for own in (after, before)
    )
    is_new = (exceeds == 1) & (after.chosen_auc > before.chosen_auc)
    active, active_before = (stats.indicator(own.chosen_firing >= ACTIVE, own.chosen_firing) for own in (after, before))
    own, shifted = agreement(results), agreement(results, shifted=True)
    return [
        Claim(
            row="4.5",
            name="selective",
            text="Training gives every digit a neuron selective for it: share whose most selective neuron's AUC "
            "exceeds the null's and that of the most selective neuron untrained",
            published="top-3 lists of every digit",
            bounds=SHARE,
            quantity="share of digits whose AUC exceeds both the null's and that of the most selective neuron "
            "untrained",
            measured=exceeds,
            controls={UNTRAINED: exceeds_before},
            score=Given(stats.indicator(is_new, after.chosen_auc), SHARE),
            rule=above(EVERY),
            shown={
                f"AUC, {TRAINED}": after.chosen_auc,
                f"AUC, {UNTRAINED}": before.chosen_auc,
                "AUC, null": after.chosen_null,
                f"index, {TRAINED}": after.chosen_index,
                f"index, {UNTRAINED}": before.chosen_index,
            },
            note=f"AUC: the chance that an image of the digit activates the neuron more than another image; of the "
            f"neuron with the highest, {CHOSEN}. Null: the 95th percentile of its AUC over {DRAWS} permutations of the "
            "labels. Index, the write-up's: (μ_c − μ_rest)/(μ_c + μ_rest + .001) of the same neuron.",
        ),
        Claim(
            row="4.5",
            name="neurons",
            text="Single neurons are what is selective: a digit's most selective neuron is more so than the most "
            "selective of as many random directions: AUC",
            bounds=SHARE,
            quantity="AUC, mean over digits",
            measured=after.chosen_auc,
            controls={"the most selective random direction": after.direction_auc},
            score=Difference(),
            rule=above(0.0),
            shown={
                f"neurons, {UNTRAINED}": before.chosen_auc,
                f"random directions, {UNTRAINED}": before.direction_auc,
            },
            note=f"{CHOSEN.capitalize()}, neurons and directions alike; mean over {neurons.BASES} random bases.",
        ),
        Claim(
            row="4.5",
            name="fires",
            text="The most selective neuron of a digit is active on at least "
            f"{format_percent(ACTIVE)} of the test images",
            bounds=SHARE,
            quantity="share of digits",
            measured=active,
            controls={UNTRAINED: active_before},
            rule=above(EVERY),
            note=f"{CHOSEN.capitalize()}. Mean firing rate {mean(after.chosen_firing)}.",
        ),
        Claim(
            row="4.5",
            name="agrees",
            text="The index ranks a digit's neurons as a sounder measure does: rank correlation with d′",
            bounds=SIGNED,
            quantity="Spearman's correlation over neurons, mean over digits",
            measured=own["d_prime"],
            controls={"d′ for the next digit": shifted["d_prime"]},
            rule=above(STRONG),
            shown={label: own[name] for name, label in MEASURES.items() if name != "d_prime"},
            note="Mutual information is compared with the size of the index.",
        ),
    ]
