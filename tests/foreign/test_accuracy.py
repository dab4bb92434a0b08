import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import ensemble, foreign, networks
from jaxinterp.choices import ACTIVATIONS
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
    return variables, Network(networks.build(config), jax.tree.map(lambda leaf: leaf[None], variables))


@pytest.mark.parametrize("about", accuracy.NORMALISATIONS)
def test_the_normalisation_of_the_training_is_hinted_at(images, about):
    config = ModelConfig((16,), outputs=CLASSES, bias_initializer="torch", activation="tanh")
    variables, imported = network_of(config)
    mean, std = accuracy.NORMALISATIONS[about]
    test = labelled(config, variables, images, lambda images: (images - mean) / std)
    given = (0.5, 1.0) if (mean, std) == (0.0, 1.0) else (0.0, 1.0)
    assumed = dataclasses.replace(config, input_mean=given[0], input_std=given[1])
    checked = foreign.check(imported, assumed, test, "cross_entropy")
    assert checked.hint == (
        f"it would reach 100.0 % with --model.input-mean {mean:.6g} --model.input-std {std:.6g} ({about})"
    )
    right = dataclasses.replace(config, input_mean=mean, input_std=std)
    assert foreign.check(imported, right, test, "cross_entropy")._replace(chance=0)[:3] == (1, 0, "")


def test_another_activation_is_hinted_at(images):
    config = ModelConfig((16,), outputs=CLASSES, activation="tanh")
    variables, imported = network_of(config)
    test = labelled(config, variables, images - 0.5, lambda images: images)
    checked = foreign.check(imported, dataclasses.replace(config, activation="relu"), test, "cross_entropy")
    assert checked.hint == "it would reach 100.0 % with --model.activation tanh"


def test_another_place_of_the_norm_is_hinted_at(images):
    config = ModelConfig((16,), outputs=CLASSES, norm="layer", norm_position="after")
    variables, imported = network_of(config)
    test = labelled(config, variables, images, lambda images: images)
    checked = foreign.check(imported, dataclasses.replace(config, norm_position="before"), test, "cross_entropy")
    assert checked.hint == "it would reach 100.0 % with --model.norm-position after"


def test_chance_is_the_most_frequent_label(images):
    config = ModelConfig((), outputs=CLASSES)
    _, imported = network_of(config)
    labels = np.repeat(np.arange(CLASSES, dtype=np.int32), [250, 50, 50, 50])
    assert foreign.check(imported, config, Dataset(images, labels), "cross_entropy").chance == 0.625


def test_an_activation_and_a_normalisation_together_are_hinted_at(images):
    config = ModelConfig((16,), outputs=CLASSES, activation="sigmoid", bias_initializer="torch")
    variables, imported = network_of(config)
    test = labelled(config, variables, images, lambda images: 255 * images)
    assumed = dataclasses.replace(config, activation="relu")
    checked = foreign.check(imported, assumed, test, "cross_entropy")
    given = "--model.activation sigmoid --model.input-mean 0 --model.input-std 0.00392157 (bytes from 0 to 255)"
    assert checked.hint == f"it would reach 100.0 % with {given}"


@pytest.mark.parametrize(
    ("asked", "unasked", "questions"),
    [
        ((), set(), set()),
        (("activation",), {"activation"}, {"activation function"}),
        (("input_mean", "input_std"), set(), {"normalisation"}),
        (("input_mean",), set(), set()),
        (("activation", "norm_position", "input_mean", "input_std"), {"activation"}, {"activation function",
                                                                                     "normalisation"}),
    ],
)  # fmt: skip
def test_what_nobody_gave_is_told_with_its_likely_values(images, asked, unasked, questions):
    config = ModelConfig((16,), outputs=CLASSES, activation="tanh")
    variables, imported = network_of(config)
    test = labelled(config, variables, images - 0.5, lambda images: images)
    assumed = dataclasses.replace(config, activation="relu")
    checked = foreign.check(imported, assumed, test, "cross_entropy", asked=asked)
    assert checked.unasked == unasked and checked.likely.keys() == questions
    if "activation function" in questions:
        likely = checked.likely["activation function"]
        assert likely.taken == "relu" and likely.accuracy.keys() == ACTIVATIONS.keys()
        assert likely.accuracy["tanh"] == 1 > likely.accuracy["relu"] == checked.accuracy[0]


def test_every_network_of_an_ensemble_has_its_accuracy(images):
    config = ModelConfig((16,), outputs=CLASSES, activation="tanh", input_mean=0.5, input_std=0.3)
    several = ensemble.stack(network_of(config, seed)[0] for seed in range(5))
    networks_ = Network(networks.build(config), several)
    labels = np.random.default_rng(1).integers(0, CLASSES, EXAMPLES).astype(np.int32)
    checked = foreign.check(networks_, config, Dataset(images, labels), "cross_entropy")
    expected = [
        np.mean(np.argmax(ensemble.take(networks_, seed)(images)[0], -1) == labels)  # one network by itself
        for seed in range(5)
    ]
    np.testing.assert_allclose(checked.accuracy, expected)
    least, mean, most = (100 * of(checked.accuracy) for of in (np.min, np.mean, np.max))
    assert checked.sentence.startswith(f"test accuracy {mean:.1f} % on average, from {least:.1f} % to {most:.1f} %, ")


@pytest.mark.parametrize(
    ("reached", "near"), [(0.1, True), (0.3, True), (0.34, False), (1.0, False), (0.0, True), (float("nan"), True)]
)
def test_near_chance_is_a_quarter_of_the_way_to_1(reached, near):
    assert foreign.Check(np.array([reached]), 0.1, "").near_chance == near


def test_without_test_images_nothing_is_known(images):
    config = ModelConfig((), outputs=CLASSES)
    _, imported = network_of(config)
    checked = foreign.check(imported, config, Dataset(images[:0], np.zeros(0, np.int32)), "cross_entropy")
    assert checked.near_chance and checked.sentence == "test accuracy —, chance —" and not checked.hint


@pytest.mark.parametrize(("activation", "decided"), [("tanh", True), ("gelu", False)])
def test_an_activation_that_does_as_well_leaves_the_question_open(images, activation, decided):
    config = ModelConfig((16,), outputs=CLASSES, activation=activation)  # gelu is hardly another than gelu_exact
    variables, imported = network_of(config)
    test = labelled(config, variables, 8 * (images - 0.5), lambda images: images)
    checked = foreign.check(imported, config, test, "cross_entropy", asked=("activation",))
    assert checked.undecided == (() if decided else ("activation function",))
    assert not foreign.check(imported, config, test, "cross_entropy").undecided


@pytest.mark.parametrize(("true", "decided"), [("max", True), ("mean", True), ("either", False)])
def test_a_kind_of_pooling_that_does_as_well_leaves_the_question_open(true, decided):
    rng = np.random.default_rng(0)
    shape = (6, 6, 1)
    images = rng.exponential(size=(EXAMPLES, 36)).astype(np.float32)
    if true == "either":  # each square of four is of one grey
        images = images.reshape(-1, 6, 6)[:, ::2, ::2].repeat(2, 1).repeat(2, 2).reshape(-1, 36)
    config = ModelConfig((), CLASSES, channels=(3,), kernel_size=(1,), pool_size=(2,), image_shape=shape)
    config = dataclasses.replace(config, pool="max" if true == "either" else true)
    variables = networks.init(jax.random.key(5), networks.build(config), 36).variables
    imported = Network(networks.build(config), jax.tree.map(lambda leaf: leaf[None], variables))
    test = labelled(config, variables, images, lambda images: images)
    checked = foreign.check(imported, config, test, "cross_entropy", asked=("pool",))
    assert checked.undecided == (() if decided else ("kind of pooling",))
    assert checked.likely["kind of pooling"].accuracy[config.pool] == 1
    assert not foreign.check(imported, config, test, "cross_entropy").undecided
    if decided:  # the other would be refused, with the option to give
        other = dataclasses.replace(config, pool={"max": "mean", "mean": "max"}[true])
        refused = foreign.check(imported, other, test, "cross_entropy", asked=("pool",))
        assert refused.unasked == {"pool"} and refused.hint.endswith(f"with --model.pool {true}")
