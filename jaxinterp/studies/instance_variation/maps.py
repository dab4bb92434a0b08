"""Whose units look at what? The maps of every unit of the study's networks, of their controls, and of the other arms.

Pixels at the border are never lit, so that nothing moves their weights from where they started, and those next to them
so rarely that it hardly matters what theirs are. Beside the weights stand maps of what is used, in which a pixel counts
for as much as it varies.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxinterp.analysis import attribution
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.studies.instance_variation.record import EXAMPLES, L1, ONE_DIGIT, PERMUTED, STUDY, TRAINED, UNTRAINED
from jaxinterp.studies.subjects import Subject
from jaxinterp.train import SPLITS, kept_accuracy

WEIGHTS, USED = VIEWS = ("weights", "used")
SHUFFLED = "pixels shuffled"
PERMUTED_ARM, L1_ARM, ONE_DIGIT_ARM = TRAINED_ARMS = ("permuted pixels", "L1", "one digit")
ONE_DIGIT_UNTRAINED = "one digit, untrained"
ARMS = (TRAINED, UNTRAINED, SHUFFLED, *TRAINED_ARMS, ONE_DIGIT_UNTRAINED)
_RECIPES = dict(zip(TRAINED_ARMS, (PERMUTED, L1, ONE_DIGIT), strict=True))


class Arm(NamedTuple):
    """Networks to be asked, the images to ask them with, who is left out, and test accuracies (NaN before training)."""

    networks: Network
    images: Float[Array | np.ndarray, "examples pixels"]
    left_out: np.ndarray
    accuracy: np.ndarray


class Maps(NamedTuple):
    """What every unit of a layer looks at, by each of VIEWS, and what it answers to each image."""

    maps: Float[Array, "views units pixels"]
    answers: Float[Array, "examples units"]


def arms(subjects: Mapping[str, Subject], left_out: np.ndarray) -> dict[str, Arm]:
    """The networks of ARMS that are among the subjects; left_out is of the study's own."""
    found = {}
    for name, recipe in {TRAINED: STUDY, **_RECIPES}.items():
        if recipe not in subjects:
            continue
        subject = subjects[recipe]
        run, images = subject.run, subject.splits.test.images[:EXAMPLES]
        omitted = left_out if name == TRAINED else subject.diverged
        accuracy = kept_accuracy(run.history)[:, SPLITS.index("test")]
        found[name] = Arm(run.networks, images, omitted, np.where(omitted, np.nan, accuracy))
        if name in (TRAINED, ONE_DIGIT_ARM):
            initial = UNTRAINED if name == TRAINED else ONE_DIGIT_UNTRAINED
            found[initial] = Arm(subject.untrained(), images, omitted, np.full(len(omitted), np.nan))
    return found


def read(asked: Mapping[str, Arm], layer: str, key) -> dict[str, Maps]:
    """The maps of one layer of every arm, leading with seeds, and the trained ones' with their pixels shuffled."""
    look = jax.jit(over_seeds(partial(maps_of, layer=layer), chunk=1))
    found = {name: look(arm.networks, jnp.asarray(arm.images)) for name, arm in asked.items()}
    trained = found[TRAINED]
    shuffled = _shuffled(jax.random.split(key, len(trained.maps)), trained.maps)
    return found | {SHUFFLED: trained._replace(maps=shuffled)}


@jax.jit
def _shuffled(keys: Key[Array, " seeds"], maps: Float[Array, "seeds views units pixels"]):
    """Every network's pixels in an order of its own, alike for all its units."""
    return jax.vmap(lambda key, maps: jax.random.permutation(key, maps, axis=-1))(keys, maps)


def maps_of(network: Network, images: Array, *, layer: str) -> Maps:
    """Weights pushed back to the pixels, and the mean gradient by these times what each pixel varies, its sd."""
    before, after = ("logits", "logits") if layer == "logits" else (f"{layer}/pre", f"{layer}/post")
    gradient = attribution.gradients(network, images, site=before)
    views = (attribution.weights(network, site=before), gradient * jnp.std(images, axis=0))
    return Maps(jnp.stack(views), network(images)[1][after])
