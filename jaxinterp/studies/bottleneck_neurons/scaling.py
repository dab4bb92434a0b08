"""Does scaling a digit's neuron from 0 to 3 raise the digit, and what is predicted then?"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import ablation
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.class_accuracy import confusion_of
from jaxinterp.studies.bottleneck_neurons.neurons import CHOSEN, MOST, RANDOM, of_chosen
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.study import Measurement, Results

STRENGTHS = np.arange(0, 3.01, 0.25)
EDITS = {"before": 1, "without": 0, "tripled": 3}
_UNITS = 8  # scaled at once

_CHOSEN = f"Each digit's most damaging neuron under zero-ablation, {CHOSEN}."


class Scaling(NamedTuple):
    """By class on the scoring half, with each unit's activation multiplied by each strength: accuracy, and confusions.

    Edits are the strengths of `EDITS`. rises: whether scaling the unit up raises the class steadily; see `rises`.
    """

    accuracy: Float[Array, "units strengths classes"]
    rises: Float[Array, "units classes"]
    confusion: Float[Array, "edits units classes predictions"]


def scaling(network: Network, scoring: Dataset) -> Scaling:
    """What is predicted with each unit scaled?"""
    site, classes = neurons.site(network.model), network.model.outputs
    scaled = ablation.doses(network, scoring, STRENGTHS, site=site, measure=confusion_of, chunk=_UNITS)
    accuracy = jnp.diagonal(scaled, axis1=2, axis2=3)
    edits = np.searchsorted(STRENGTHS, list(EDITS.values()))
    return Scaling(
        accuracy=accuracy,
        rises=rises(accuracy, jnp.bincount(jnp.asarray(scoring.labels), length=classes)),
        confusion=jnp.moveaxis(scaled[:, edits], 1, 0),
    )


def rises(
    accuracy: Float[Array | np.ndarray, "units strengths classes"], count: Array | np.ndarray
) -> Float[Array, "units classes"]:
    """1 where an accuracy never falls by more than one image from step to step, and rises by more than one in all.

    count: images of each class. NaN for a class without any.
    """
    image = 1.001 / jnp.maximum(count, 1)
    steady = (jnp.diff(accuracy, axis=1) >= -image).all(axis=1)
    higher = accuracy[:, -1] - accuracy[:, 0] > image
    return jnp.where(jnp.isnan(accuracy[:, 0]), jnp.nan, steady & higher)


def gain(accuracy: xr.DataArray) -> xr.DataArray:
    """Accuracy with a unit tripled, less that of the network as it is."""
    return accuracy.sel(strengths=EDITS["tripled"], drop=True) - accuracy.sel(strengths=EDITS["before"], drop=True)


def most_damaging(results: Results) -> xr.DataArray:
    """Each class's most damaging unit under zero-ablation, chosen on the choosing half."""
    return results["damage"].worst.sel(kinds="zero", drop=True)


def claims(results: Results) -> list[Claim]:
    """Tripling a digit's neuron raises the digit, and monotonically."""
    return [_gains(results), _monotonic(results)]


def _gains(results: Results) -> Claim:
    every, worst = gain(results["scaling"].accuracy), most_damaging(results)
    return Claim(
        row="4.6",
        name="dose gain",
        text="Tripling a digit's neuron raises the digit: its accuracy at 3 less that at 1",
        published="“raises it”",
        quantity="difference in accuracy, mean over digits",
        measured=of_chosen(every, units=worst),
        controls={RANDOM: every},
        rule=above(0.0),
        shown={"accuracy over all digits, at 3 less at 1": of_chosen(every.mean("classes"), units=worst)},
        note=_CHOSEN,
    )


def _monotonic(results: Results) -> Claim:
    every = results["scaling"].rises
    return Claim(
        row="4.6",
        name="dose monotonic",
        text="Scaling a digit's neuron from 0 to 3 raises the digit monotonically: share of digits",
        published="“monotonically”",
        quantity="share of digits",
        measured=of_chosen(every, units=most_damaging(results)),
        controls={RANDOM: every},
        rule=above(MOST),
        note=f"{_CHOSEN} Steps of 0.25: none down by more than one image, and up by more than one image in all.",
    )


MEASUREMENTS = (
    Measurement(
        "scaling",
        scaling,
        lambda inputs: (inputs.scoring,),
        lambda inputs: neurons.coords(inputs) | {"strengths": STRENGTHS.tolist(), "edits": tuple(EDITS)},
    ),
)
