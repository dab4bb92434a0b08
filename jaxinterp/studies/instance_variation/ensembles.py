"""Which networks does the study compare, on which images, and which of their layers?"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import xarray as xr

from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import LOGITS, MLP, names
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Calibrated

NAME = "instance-variation"
PERMUTED, L1, ONE_DIGIT = f"{NAME}-permuted", f"{NAME}-l1", f"{NAME}-one-digit"
OUTPUTS = LOGITS
EXAMPLES = 1000  # the write-up compares the first 1000 test images

# Half of what the control leaves open: a pair then shares more of it than it misses. Any bar above 0 would pass traces.
ALIKE = 0.5


def layers_of(model: MLP) -> tuple[str, ...]:
    """Names of the layers, outputs last."""
    return (*names(model), OUTPUTS)


def site(layer: str, stage: str = "post") -> Site:
    """A layer's site before ("pre") or after ("post") its activation function; outputs have only one."""
    return OUTPUTS if layer == OUTPUTS else f"{layer}/{stage}"


def first_images(inputs: Inputs) -> Dataset:
    """The test images that the study uses."""
    test = inputs.test.take(slice(inputs.at_most(EXAMPLES)))
    return jax.tree.map(jnp.asarray, test)


def against(values: Mapping[str, xr.DataArray], *controls: str, **words: Any) -> Claim:
    """A claim about the first of these values, with these of them as its controls; the others are shown.

    Unless the words say otherwise, it holds where more than half of what the hardest control leaves open is reached.
    """
    measured, *others = values
    return Claim(
        measured=values[measured],
        controls={name: values[name] for name in controls},
        shown={name: values[name] for name in others if name not in controls},
        **{"score": Calibrated(), "rule": above(ALIKE)} | words,
    )
