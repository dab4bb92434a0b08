"""Does a real 4 activate the neurons that the average 4 does? Row 5.5: the last hidden layer, image by image."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import attribution, correlation
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Calibrated, Claim, above
from jaxinterp.studies.looking_for_four import maps
from jaxinterp.studies.looking_for_four.evidence import ATTRIBUTIONS
from jaxinterp.studies.looking_for_four.maps import ALIKE, CONDITIONS, FOUR, NAME, TARGET
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

PATH = 0.15  # share of the layer's neurons that are a path: 10 of the write-up's 64

NEAREST = "the average of the nearest other digit"


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
    classes = network.model.outputs
    average = metrics.by_class(_activations(network, choosing).T, choosing.labels, classes=classes).T
    alike = correlation.pairwise(_activations(network, scoring), average)
    nearest = jnp.argmax(jnp.nan_to_num(alike, nan=-jnp.inf), axis=1) == TARGET
    averages = path(metrics.by_class(_beyond_average(network, choosing).T, choosing.labels, classes=classes).T)
    taken = path(_beyond_average(network, scoring))
    shared = jnp.matmul(taken, averages.T, precision="highest") / path_length(taken.shape[1])
    return Tracing(
        alike=metrics.by_class(alike.T, scoring.labels, classes=classes).T,
        nearest=jnp.mean(nearest, where=jnp.equal(scoring.labels, TARGET)),
        path=metrics.by_class(shared.T, scoring.labels, classes=classes).T,
    )


def path_length(neurons: int) -> int:
    """How many of a layer's neurons a path has."""
    return max(1, round(PATH * neurons))


def path(values: Float[Array, "rows neurons"]) -> Float[Array, "rows neurons"]:
    """1 for the neurons of a path, those of highest values, 0 for the others; NaN for a row that is not known."""
    count = values.shape[-1]
    _, index = jax.lax.top_k(values, path_length(count))
    chosen = jnp.sum(jax.nn.one_hot(index, count), axis=-2)
    return jnp.where(jnp.isnan(values).any(axis=-1, keepdims=True), jnp.nan, chosen)


def traced(inputs: Mapping[str, Inputs]) -> Traced:
    """The first image of the target that the network that is shown classifies correctly, if there is one."""
    network, data = maps.example_network(inputs[NAME]), inputs[NAME].scoring
    fours = np.flatnonzero(data.labels == TARGET)
    predicted = np.asarray(jax.jit(lambda network, images: network(images)[0])(network, data.images[fours]))
    index = int(fours[np.argmax(predicted.argmax(axis=1) == TARGET)])
    return jax.tree.map(np.asarray, jax.jit(_traced)(network, data, index))


def _traced(network: Network, data: Dataset, index: Array) -> Traced:
    image, values = jnp.asarray(data.images)[index][None], _activations(network, data)
    return Traced(
        image=image[0],
        maps=jnp.stack([attribution.METHODS[name](network, image, TARGET)[0] for name in ATTRIBUTIONS]),
        activation=values[index],
        average=metrics.by_class(values.T, jnp.asarray(data.labels), classes=network.model.outputs).T,
        contribution=_beyond_average(network, data)[index],
    )


def _activations(network: Network, data: Dataset) -> Float[Array, "examples neurons"]:
    return network(data.images)[1][f"{maps.layers(network.model)[-1]}/post"]


def _beyond_average(network: Network, data: Dataset) -> Float[Array, "examples neurons"]:
    """What each neuron adds to the target's logit, whatever the image, beyond what it adds on average."""
    parts = attribution.contributions(network, data.images, TARGET)
    return parts - jnp.mean(parts, axis=0)


def _coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {"classes": inputs.classes, "averages": inputs.classes, "attributions": ATTRIBUTIONS}


MEASUREMENTS = (
    Measurement("tracing", tracing, lambda inputs: (inputs.choosing, inputs.scoring), _coords, CONDITIONS, chunk=2),
    EnsembleMeasurement("traced", traced, lambda inputs: _coords(inputs[NAME])),
)


def claims(results: Results) -> list[Claim]:
    """Row 5.5, activations and paths."""
    found = results["tracing"]
    return [_activates(found), _path(found, results["traced"].sizes["units"])]


def nearest_other(values: xr.DataArray, dim: str = "averages") -> xr.DataArray:
    """The highest value of all digits but the target."""
    return values.drop_sel({dim: FOUR}).max(dim)


def _activates(found: xr.Dataset) -> Claim:
    fours = found.alike.sel(classes=FOUR)
    trained, before = (fours.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    nearest = [format_number(float(found.nearest.sel(conditions=c).mean()), 3) for c in (TRAINED, UNTRAINED)]
    return Claim(
        row="5.5",
        name="average",
        text=f"A real {FOUR} activates the neurons of the last hidden layer as the average {FOUR} does: correlation "
        "over neurons",
        measured=trained.sel(averages=FOUR),
        controls={NEAREST: nearest_other(trained)},
        score=Calibrated(),
        rule=above(ALIKE),
        quantity="correlation over neurons",
        shown={
            "averages of all other digits": trained.drop_sel(averages=FOUR),
            UNTRAINED: before.sel(averages=FOUR),
            f"the nearest other digit, {UNTRAINED}": nearest_other(before),
        },
        note=f"Mean over the {FOUR}s of one half of the test images, averages over the other. {FOUR}s that are nearest "
        f"their own average: {nearest[0]}, {UNTRAINED} {nearest[1]}.",
    )


def _path(found: xr.Dataset, neurons: int) -> Claim:
    trained, before = (found.path.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    return Claim(
        row="5.5",
        name="path",
        text=f"A real {FOUR} takes the average {FOUR}'s path: share of the neurons that add most to its logit",
        measured=trained.sel(classes=FOUR, averages=FOUR),
        controls={
            "the path of the nearest other average": nearest_other(trained.sel(classes=FOUR)),
            f"images of the digit that takes most of the average {FOUR}'s": nearest_other(
                trained.sel(averages=FOUR), "classes"
            ),
            UNTRAINED: before.sel(classes=FOUR, averages=FOUR),
        },
        score=Calibrated(),
        rule=above(ALIKE),
        quantity="share of a path's neurons",
        note=f"The {path_length(neurons)} of {neurons} neurons of the last hidden layer that add most to the logit of "
        f"{FOUR}, for images and averages of every digit alike, beyond what they add on average. Averages are of the "
        "other half of the test images.",
    )
