"""What do neurons see of the pixels? The maps, images and templates that all topics of the study share."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import attribution, templates
from jaxinterp.data import Dataset
from jaxinterp.networks import Network, names
from jaxinterp.studies.inputs import SAMPLE, TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim
from jaxinterp.studies.scores import Calibrated, Values

NAME = "looking-for-four"
TARGET, FOUR = 4, "4"  # the class, and its label
CONDITIONS = (UNTRAINED, TRAINED)
WEIGHTS, USED = VIEWS = ("weights", "used")
UPRIGHT = "as it is"
DIFFERENCE = "difference"  # the template: mean image of a class less the mean of all other images
INK = 0.01  # share of the training images that must have ink in a pixel for it to count

ALIKE = 0.5  # half of what the control leaves open, so that more is shared than missed
MOST = 0.5  # more of it than not

VIEW_NAMES = {WEIGHTS: "its weights", USED: "what it uses"}
OVER_INKED = f"over pixels that have ink in at least {INK:.0%} of the training images"
TURNED = "the same digit turned and mirrored"
BEST_TURN = "its best turn"  # of seven, where TURNED is their mean
SPLIT = "chosen on one half of the test images, scored on the other"

Images = Float[Array | np.ndarray, "_ pixels"]
Inked = Bool[Array | np.ndarray, " pixels"]
Map = Float[Array, "_ pixels"]
Templates = Float[Array | np.ndarray, "kinds turns classes pixels"]


def class_templates(inputs: Inputs) -> Float[np.ndarray, "kinds turns classes pixels"]:
    """Templates of the training images, as they are and turned."""
    every = templates.of_classes(inputs.splits.train, inputs.model.outputs)
    return np.stack([templates.turned(kind) for kind in every])


def inked(inputs: Inputs) -> Bool[np.ndarray, " pixels"]:
    """Which pixels have ink often enough to count: weights of the others stay as they began."""
    return np.mean(inputs.splits.train.images > 0, axis=0) >= INK


def fours(data: Dataset) -> Images:
    """The images of the target."""
    return data.images[data.labels == TARGET]


def sample(inputs: Inputs) -> Float[np.ndarray, "examples pixels"]:
    """At most 1,000 images to average gradients over, evenly spaced among those to choose by."""
    images, most = inputs.choosing.images, inputs.at_most(SAMPLE)
    return np.asarray(images[:: max(1, len(images) // most)][:most])


def shared(inputs: Inputs) -> tuple:
    """What most measurements need: images to average gradients over, templates, and the pixels that count."""
    return inputs.once(sample), inputs.once(class_templates), inputs.once(inked)


def coords(inputs: Inputs) -> dict[str, Sequence[Any]]:
    """Labels of the axes that most measurements have."""
    return {
        "classes": inputs.labels,
        "layers": names(inputs.model),
        "views": VIEWS,
        "kinds": templates.KINDS,
        "turns": templates.TURNS,
    }


def weights(network: Network) -> list[Map]:
    """Weights of every layer's neurons, from the second on pushed back to the pixels with batch norms folded in."""
    return [attribution.weights(network, site=layer.pre) for layer in network.model.layers]


def used(network: Network, images: Images) -> list[Map]:
    """What every layer's neurons use of the pixels: mean gradient × standard deviation of the pixel."""
    spread = jnp.std(images, axis=0)
    return [attribution.gradients(network, images, site=layer.pre) * spread for layer in network.model.layers]


def upright(values: Float[Array | np.ndarray, "kinds turns classes *rest"]) -> Float[Array, "classes *rest"]:
    """Of all templates, or values for each of them, those of the difference templates as they are."""
    return jnp.asarray(values)[templates.KINDS.index(DIFFERENCE), templates.TURNS.index(UPRIGHT)]


def likeness(alike: xr.DataArray, *, shown: Mapping[str, Values], **said: Any) -> Claim:
    """A claim about maps that look like the target, from their correlation with its template, turned and as it is.

    Controls are the same networks before training, and the template turned.
    """
    as_it_is, turned = alike.sel(turns=UPRIGHT), alike.sel(conditions=TRAINED).drop_sel(turns=UPRIGHT)
    return Claim(
        measured=as_it_is.sel(conditions=TRAINED),
        controls={UNTRAINED: as_it_is.sel(conditions=UNTRAINED), TURNED: turned},
        score=Calibrated(),
        shown={BEST_TURN: turned.max("turns"), **shown},
        **said,
    )
