"""Does a real 4 activate the neurons that the average 4 does? Row 5.5: the last hidden layer, image by image."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import attribution, correlation, top_units
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.looking_for_four.logits import ATTRIBUTIONS
from jaxinterp.studies.looking_for_four.maps import ALIKE, CONDITIONS, FOUR, TARGET
from jaxinterp.studies.scores import Calibrated
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import mean

PATH = 0.15  # share of the layer's neurons that are a path: 10 of the write-up's 64


class Tracing(NamedTuple):
    """Images of each class against each class's average over other images, in the last hidden layer.

    alike: correlation over neurons. nearest: share of the target's images that are nearest its own average. path: share
    of the neurons that add most to the target's logit which both have in common.
    """

    alike: Float[Array, "classes averages"]
    nearest: Float[Array, ""]
    path: Float[Array, "classes averages"]


class Traced(NamedTuple):
    """One image of the target in one network: heat maps, activations, averages, and what neurons add to the logit."""

    image: Float[Array, " pixels"]
    maps: Float[Array, "attributions pixels"]
    activation: Float[Array, " units"]
    average: Float[Array, "classes units"]
    contribution: Float[Array, " units"]


def tracing(network: Network, choosing: Dataset, scoring: Dataset) -> Tracing:
    """Images of the scoring half against averages of the other."""
    average, beyond = (_class_means(network, choosing, part(network, choosing)) for part in (_activations, _beyond))
    alike = correlation.pairwise(_activations(network, scoring), average)
    taken = path(_beyond(network, scoring))
    shared = jnp.matmul(taken, path(beyond).T, precision="highest") / path_length(taken.shape[1])
    return Tracing(
        alike=_class_means(network, scoring, alike),
        nearest=jnp.mean(top_units.highest(alike) == TARGET, where=jnp.equal(scoring.labels, TARGET)),
        path=_class_means(network, scoring, shared),
    )


def path_length(neurons: int) -> int:
    """How many of a layer's neurons a path has."""
    return max(1, round(PATH * neurons))


def path(values: Float[Array, "rows neurons"]) -> Float[Array, "rows neurons"]:
    """1 for the neurons of a path, those of highest values, 0 for the others; NaN for a row that is not known."""
    chosen = top_units.largest(values, path_length(values.shape[-1]))
    return jnp.where(jnp.isnan(values).any(axis=-1, keepdims=True), jnp.nan, chosen)


def traced(network: Network, data: Dataset) -> Traced:
    """The first image of the target that the network classifies correctly, if there is one."""
    fours, predicted = jnp.equal(data.labels, TARGET), metrics.predictions("cross_entropy", network(data.images)[0])
    index = jnp.argmax(fours * (1 + (predicted == TARGET)))
    image, values = jnp.asarray(data.images)[index][None], _activations(network, data)
    return Traced(
        image=image[0],
        maps=jnp.stack([attribution.METHODS[name](network, image, TARGET)[0] for name in ATTRIBUTIONS]),
        activation=values[index],
        average=_class_means(network, data, values),
        contribution=_beyond(network, data)[index],
    )


def _activations(network: Network, data: Dataset) -> Float[Array, "examples neurons"]:
    return network(data.images)[1][network.model.layers[-1].post]


def _beyond(network: Network, data: Dataset) -> Float[Array, "examples neurons"]:
    """What each neuron adds to the target's logit, whatever the image, beyond what it adds on average."""
    parts = attribution.contributions(network, data.images, TARGET)
    return parts - jnp.mean(parts, axis=0)


def _class_means(network: Network, data: Dataset, values: Float[Array, "examples _"]) -> Float[Array, "classes _"]:
    return metrics.by_class(values.T, jnp.asarray(data.labels), classes=network.model.outputs).T


def _coords(inputs: Inputs) -> dict[str, Sequence[Any]]:
    return {"classes": inputs.labels, "averages": inputs.labels, "attributions": ATTRIBUTIONS}


MEASUREMENTS = (
    Measurement("tracing", tracing, lambda inputs: (inputs.choosing, inputs.scoring), _coords, CONDITIONS, chunk=2),
    Measurement("traced", traced, lambda inputs: (inputs.scoring,), _coords, example=True),
)


def claims(results: Results) -> list[Claim]:
    """Row 5.5, activations and paths."""
    found, neurons = results["tracing"], results["traced"].sizes["units"]
    trained, before = (found.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    fours, fours_before = (own.alike.sel(classes=FOUR) for own in (trained, before))
    nearest, nearest_before = (mean(own.nearest) for own in (trained, before))
    activates = Claim(
        row="5.5",
        name="average",
        text=f"A real {FOUR} activates the neurons of the last hidden layer as the average {FOUR} does: correlation "
        "over neurons",
        measured=fours.sel(averages=FOUR),
        controls={"the average of the nearest other digit": nearest_other(fours)},
        score=Calibrated(),
        rule=above(ALIKE),
        bounds=SIGNED,
        quantity="correlation over neurons",
        shown={
            "averages of all other digits": fours.drop_sel(averages=FOUR),
            UNTRAINED: fours_before.sel(averages=FOUR),
            f"the nearest other digit, {UNTRAINED}": nearest_other(fours_before),
        },
        note=f"Mean over the {FOUR}s of one half of the test images, averages over the other. {FOUR}s that are nearest "
        f"their own average: {nearest}, {UNTRAINED} {nearest_before}.",
    )
    others = f"images of the digit that takes most of the average {FOUR}'s"
    takes_the_path = Claim(
        row="5.5",
        name="path",
        text=f"A real {FOUR} takes the average {FOUR}'s path: share of the neurons that add most to its logit",
        measured=trained.path.sel(classes=FOUR, averages=FOUR),
        controls={
            "the path of the nearest other average": nearest_other(trained.path.sel(classes=FOUR)),
            others: nearest_other(trained.path.sel(averages=FOUR), "classes"),
            UNTRAINED: before.path.sel(classes=FOUR, averages=FOUR),
        },
        score=Calibrated(),
        rule=above(ALIKE),
        bounds=SHARE,
        quantity="share of a path's neurons",
        note=f"The {path_length(neurons)} of {neurons} neurons of the last hidden layer that add most to the logit of "
        f"{FOUR}, for images and averages of every digit alike, beyond what they add on average. Averages are of the "
        "other half of the test images.",
    )
    return [activates, takes_the_path]


def nearest_other(values: xr.DataArray, dim: str = "averages") -> xr.DataArray:
    """The highest value of all digits but the target."""
    return values.drop_sel({dim: FOUR}).max(dim)
