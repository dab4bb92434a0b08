import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import foreign, networks
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset
from jaxinterp.foreign import accuracy
from jaxinterp.networks import Network

CLASSES, PIXELS, EXAMPLES = 4, 9, 400


def labelled(config, variables, images, normalise):
    """Images with the labels that a network gives them, where the images are prepared for it."""
    logits, _ = Network(networks.build(config), variables)(normalise(images))
    return Dataset(images, np.asarray(jnp.argmax(logits, -1), np.int32))


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(size=(EXAMPLES, PIXELS)).astype(np.float32)


def network_of(config, seed=5):
    """A network whose classes depend on the size of its input, and an ensemble of it."""
    variables = networks.init(jax.random.key(seed), networks.build(config), PIXELS).variables
    ensemble = Network(networks.build(config), jax.tree.map(lambda leaf: leaf[None], variables))
    return variables, ensemble


@pytest.mark.parametrize("about", accuracy.NORMALISATIONS)
def test_the_normalisation_of_the_training_is_hinted_at(images, about):
    config = ModelConfig((16,), outputs=CLASSES, bias_initializer="torch", activation="tanh")
    variables, ensemble = network_of(config)
    mean, std = accuracy.NORMALISATIONS[about]
    test = labelled(config, variables, images, lambda images: (images - mean) / std)
    given = (0.5, 1.0) if (mean, std) == (0.0, 1.0) else (0.0, 1.0)
    assumed = dataclasses.replace(config, input_mean=given[0], input_std=given[1])
    checked = foreign.check(ensemble, assumed, test, "cross_entropy")
    assert checked.hint == (
        f"it would reach 100.0 % with --model.input-mean {mean:.6g} --model.input-std {std:.6g} ({about})"
    )
    right = dataclasses.replace(config, input_mean=mean, input_std=std)
    assert foreign.check(ensemble, right, test, "cross_entropy")._replace(chance=0) == (1, 0, "")


def test_another_activation_is_hinted_at(images):
    config = ModelConfig((16,), outputs=CLASSES, activation="tanh")
    variables, ensemble = network_of(config)
    test = labelled(config, variables, images - 0.5, lambda images: images)
    checked = foreign.check(ensemble, dataclasses.replace(config, activation="relu"), test, "cross_entropy")
    assert checked.hint == "it would reach 100.0 % with --model.activation tanh"


def test_another_place_of_the_norm_is_hinted_at(images):
    config = ModelConfig((16,), outputs=CLASSES, norm="layer", norm_position="after")
    variables, ensemble = network_of(config)
    test = labelled(config, variables, images, lambda images: images)
    checked = foreign.check(ensemble, dataclasses.replace(config, norm_position="before"), test, "cross_entropy")
    assert checked.hint == "it would reach 100.0 % with --model.norm-position after"


def test_chance_is_the_most_frequent_label(images):
    config = ModelConfig((), outputs=CLASSES)
    _, ensemble = network_of(config)
    labels = np.repeat(np.arange(CLASSES, dtype=np.int32), [250, 50, 50, 50])
    assert foreign.check(ensemble, config, Dataset(images, labels), "cross_entropy").chance == 0.625


@pytest.mark.parametrize(
    ("reached", "near"), [(0.1, True), (0.3, True), (0.34, False), (1.0, False), (0.0, True), (float("nan"), True)]
)
def test_near_chance_is_a_quarter_of_the_way_to_1(reached, near):
    assert foreign.Check(reached, 0.1, "").near_chance == near


def test_without_test_images_nothing_is_known(images):
    config = ModelConfig((), outputs=CLASSES)
    _, ensemble = network_of(config)
    checked = foreign.check(ensemble, config, Dataset(images[:0], np.zeros(0, np.int32)), "cross_entropy")
    assert checked.near_chance and checked.sentence == "test accuracy —, chance —" and not checked.hint
