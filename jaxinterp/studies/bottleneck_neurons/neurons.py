"""Which neurons does the study examine? Those of the last hidden layer, and for each class the one chosen for it."""

from collections.abc import Sequence
from typing import Any

import jax
import xarray as xr
from jaxtyping import Array, Float, Key

from jaxinterp.analysis import directions
from jaxinterp.interventions import Site
from jaxinterp.networks import MLP, names
from jaxinterp.studies.inputs import Inputs

NAME = "bottleneck-neurons"
CNN, WIDE = "bottleneck-cnn", "bottleneck-cnn-wide"
CHOSEN = "chosen on one half of the test images, scored on the other"
RANDOM = "a random neuron"
DIRECTION = "the most damaging random direction"
BASES = 5  # random ones of the layer, each of as many directions as there are neurons
SEARCHED = (
    f"Control: the most damaging direction of a random basis of the layer, chosen and scored alike; mean over {BASES} "
    "bases."
)

WORDS = {"holds": "yes", "does not hold": "no", "undecided": "undecided"}  # of an answer, for verdicts

MOST = 0.5  # what is said of a digit must be true of more digits or networks than not
ALIKE = 0.5  # half of the range above the control, which for a correlation is half of 1: more is shared than not
IDENTICAL = 0.99  # an identity has no exceptions but those of rounding
SAME = 1e-4  # of the root mean square: float32 sums over a thousand images agree far better than this


def site(model: MLP) -> Site:
    """Where the neurons of the last hidden layer are read and changed."""
    return model.layers[-1].post


def coords(inputs: Inputs) -> dict[str, Sequence[Any]]:
    """Labels of the axes that several topics share."""
    return {"classes": inputs.classes, "predictions": inputs.classes, "layers": names(inputs.model)}


def keys(inputs: Inputs) -> Key[jax.Array, "3"]:
    """Random keys of the study, the same for every network. The first is of `clusters` and
    `pictures`."""
    return jax.random.split(inputs.key(0), 3)


def random_bases(key, model: MLP) -> Float[Array, "bases units units"]:
    """Random bases of the last hidden layer. The key of `damage` gives every measurement of a network the same ones."""
    return directions.random_bases(jax.random.fold_in(key, BASES), model.layers[-1].units, draws=BASES)


def of_chosen(values: xr.DataArray, **chosen: xr.DataArray) -> xr.DataArray:
    """The values at each network's own chosen index along a dimension, such as `units=worst`.

    Where chosen has dimensions of the values, such as seeds and classes, each of them reads its own.
    """
    places = {dim: index.fillna(0).astype(int).reset_coords(drop=True) for dim, index in chosen.items()}
    return values.isel(places).drop_vars(list(places), errors="ignore")
