"""Which networks does the study compare, on which images, and which of their layers?"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import xarray as xr

from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Site
from jaxinterp.studies.inputs import Inputs

NAME = "instance-variation"
PERMUTED, L1, ONE_DIGIT = f"{NAME}-permuted", f"{NAME}-l1", f"{NAME}-one-digit"
OUTPUTS = "logits"
EXAMPLES = 1000  # the write-up compares the first 1000 test images

# Half of what the control leaves open: a pair then shares more of it than it misses. Any bar above 0 would pass traces.
ALIKE = 0.5

# Activation functions under which a unit and its mirror image do the same: flip all its weights, and nothing changes.
_ODD = ("tanh", "identity")


def layers_of(model: MLP) -> tuple[str, ...]:
    """Names of the layers, outputs last."""
    return (*(f"hidden{layer}" for layer in range(len(model.widths))), OUTPUTS)


def site(layer: str, stage: str = "post") -> Site:
    """A layer's site before ("pre") or after ("post") its activation function; outputs have only one."""
    return OUTPUTS if layer == OUTPUTS else f"{layer}/{stage}"


def mirrored(model: MLP) -> bool:
    """Whether a unit and its mirror image count as the same."""
    return model.activation in _ODD


def first_images(inputs: Inputs) -> Dataset:
    """The test images that the study uses."""
    test = inputs.splits.test
    return Dataset(jnp.asarray(test.images[:EXAMPLES]), jnp.asarray(test.labels[:EXAMPLES]))


def against(values: Mapping[str, xr.DataArray], measured: str, *controls: str, hidden: tuple[str, ...] = ()) -> Any:
    """A claim's measured values, its controls, and, as far as they are not hidden, the others to be shown."""
    shown = {name: x for name, x in values.items() if name not in (measured, *controls, *hidden)}
    return {"measured": values[measured], "controls": {name: values[name] for name in controls}, "shown": shown}
