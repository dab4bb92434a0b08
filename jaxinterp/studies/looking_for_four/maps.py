"""What do neurons see of the pixels? The maps, images and templates that all topics of the study share."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp import ensemble
from jaxinterp.analysis import attribution, templates
from jaxinterp.networks import MLP, Network
from jaxinterp.studies.inputs import SAMPLE, TRAINED, UNTRAINED, Inputs

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

Map = Float[Array, "_ pixels"]


def layers(model: MLP) -> tuple[str, ...]:
    """Names of the hidden layers."""
    return tuple(f"hidden{layer}" for layer in range(len(model.widths)))


def class_templates(inputs: Inputs) -> Float[np.ndarray, "kinds turns classes pixels"]:
    """Templates of the training images, as they are and turned."""
    every = templates.of_classes(inputs.splits.train, inputs.model.outputs)
    return np.stack([templates.turned(kind) for kind in every])


def inked(inputs: Inputs) -> Bool[np.ndarray, " pixels"]:
    """Which pixels have ink often enough to count: weights of the others stay as they began."""
    return np.mean(inputs.splits.train.images > 0, axis=0) >= INK


def sample(inputs: Inputs) -> Float[np.ndarray, "examples pixels"]:
    """At most 1,000 images to average gradients over, evenly spaced among those to choose by."""
    images = inputs.choosing.images
    return np.asarray(images[:: max(1, len(images) // SAMPLE)][:SAMPLE])


def shared(inputs: Inputs) -> tuple:
    """What most measurements need: images to average gradients over, templates, and the pixels that count."""
    return inputs.once(sample), inputs.once(class_templates), inputs.once(inked)


def coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    """Labels of the axes that most measurements have."""
    return {
        "classes": inputs.classes,
        "layers": layers(inputs.model),
        "views": VIEWS,
        "kinds": templates.KINDS,
        "turns": templates.TURNS,
    }


def weights(network: Network) -> list[Map]:
    """Weights of every layer's neurons, from the second on pushed back to the pixels with batch norms folded in."""
    return [attribution.weights(network, site=f"{layer}/pre") for layer in layers(network.model)]


def used(network: Network, images: Float[Array | np.ndarray, "examples pixels"]) -> list[Map]:
    """What every layer's neurons use of the pixels: mean gradient × standard deviation of the pixel."""
    spread = jnp.std(images, axis=0)
    sites = [f"{layer}/pre" for layer in layers(network.model)]
    return [attribution.gradients(network, images, site=site) * spread for site in sites]


def padded(by_layer: Sequence[Float[Array, "_ *rest"]]) -> Float[Array, "layers units *rest"]:
    """Layers stacked, NaN for units that the narrower ones do not have."""
    widest = max(map(len, by_layer))
    pads = [[(0, widest - len(own)), *[(0, 0)] * (own.ndim - 1)] for own in by_layer]
    return jnp.stack([jnp.pad(own, pad, constant_values=jnp.nan) for own, pad in zip(by_layer, pads, strict=True)])


def upright(values: Float[Array | np.ndarray, "kinds turns classes *rest"]) -> Float[Array, "classes *rest"]:
    """Of all templates, or values for each of them, those of the difference templates as they are."""
    difference, as_it_is = templates.KINDS.index(DIFFERENCE), templates.TURNS.index(UPRIGHT)
    return jnp.asarray(values)[difference, as_it_is]


def example(inputs: Inputs) -> int:
    """The network that is shown where one is: the first that did not diverge."""
    return int(np.argmin(inputs.diverged))


def example_network(inputs: Inputs) -> Network:
    """The network itself."""
    return ensemble.take(inputs.networks, example(inputs))
