"""How does the page draw a layer? Some test images as points in the plane of the layer's first principal components."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import controls, ensemble
from jaxinterp.analysis import projection, silhouettes, units
from jaxinterp.data import Dataset
from jaxinterp.networks import Network, num_classes
from jaxinterp.questions import units as questions
from jaxinterp.store import Run

_LARGEST = 32767  # of 16 bits


class Kept(NamedTuple):
    """One number about a layer's picture, in the networks, with permuted labels and before training."""

    name: str
    explanation: str


EMBEDDED = (
    Kept(
        "silhouette in the layer",
        "(b − a)/max(a, b), mean over images: a is the mean distance to images of the same class, b to the nearest "
        "other class.",
    ),
    Kept("silhouette in the picture", "The same, by distances in the picture."),
    Kept("share of variance", "How much of the layer's variance lies in the plane of the picture."),
    Kept("trustworthiness", "1 if neighbours in the picture are neighbours in the layer."),
    Kept("continuity", "1 if neighbours in the layer are neighbours in the picture."),
)


class _Picture(NamedTuple):
    """One layer's points and, by condition, the numbers of EMBEDDED."""

    points: Float[Array, "examples axes"]
    numbers: Float[Array, "kept conditions"]


def embeddings(run: Run, data: Dataset, held: list[int]) -> list[dict[str, Any]]:
    """Of each layer, the points of all held networks, turned onto their consensus, in steps of 16 bits; and EMBEDDED.

    The largest coordinate of each picture has the largest size.
    """
    draw = jax.jit(ensemble.over_seeds(partial(_pictures, classes=num_classes(run.networks.model)), chunk=1))
    both = questions.untrained(run, held, data.images.shape[1]), ensemble.take(run.networks, held)
    before, after = (jax.device_get(draw(networks, data)) for networks in both)
    return [
        {
            "points": _in_steps(np.asarray(projection.align(own.points).rotations), own.points),
            "embedded": np.concatenate([own.numbers, untrained.numbers[..., :1]], axis=-1),
        }
        for own, untrained in zip(after, before, strict=True)
    ]


def _pictures(network: Network, data: Dataset, *, classes: int) -> tuple[_Picture, ...]:
    activations = network.units(data.images)
    labels = jnp.asarray(data.labels)
    permuted = controls.shuffled_rows(jax.random.key(0), labels)

    def of_layer(values):
        plane = projection.plane(values)

        def apart(points):
            own = (silhouettes.silhouettes(points, names, classes=classes) for names in (labels, permuted))
            return jnp.stack([jnp.mean(found) for found in own])

        kept = (
            jnp.sum(plane.share),
            projection.trustworthiness(values, plane.scores),
            projection.continuity(values, plane.scores),
        )
        alone = jnp.stack([jnp.stack([number, jnp.nan]) for number in kept])
        return _Picture(plane.scores, jnp.stack([apart(values), apart(plane.scores), *alone]))

    return tuple(of_layer(activations[site]) for site in units.sites(network))


def _in_steps(rotations: np.ndarray, points: np.ndarray) -> np.ndarray:
    turned = np.matmul(points, rotations)
    largest = np.max(np.abs(turned), axis=(1, 2), keepdims=True)
    return np.round(_LARGEST * turned / np.where(largest > 0, largest, 1)).astype(np.int16)
