"""Parts of the test images: disjoint, alike in their classes, and what is computed once for all of them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import toy_inputs

from jaxinterp import ensemble, store
from jaxinterp.studies.inputs import PARTS, SAMPLE, Inputs, load

RECIPE = "bottleneck-neurons"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Inputs:
    """Networks on strokes: 2,000 test images."""
    return toy_inputs.train(RECIPE, tmp_path_factory.mktemp("run"), source="strokes", outputs=2, widths=(6, 4))


def again(inputs: Inputs, **splits) -> Inputs:
    """The same run with nothing computed, and with other test images where they are given."""
    return Inputs(inputs.recipe, inputs.path, inputs.run, inputs.splits._replace(**splits))


def test_parts_are_disjoint_and_have_the_classes_of_the_whole_in_one_order(inputs):
    rows = np.concatenate([part.rows for part in inputs.parts])
    labels = np.asarray(inputs.splits.test.labels)
    assert len(inputs.parts) == PARTS and len(np.unique(rows)) == len(rows) > len(labels) - PARTS * 2
    first = np.asarray(inputs.parts[0].test.labels)
    for part in inputs.parts:
        np.testing.assert_array_equal(part.test.images, inputs.splits.test.images[part.rows])
        np.testing.assert_array_equal(part.test.labels, first)
    np.testing.assert_array_equal(np.bincount(first), np.bincount(labels) // PARTS)
    assert abs(np.mean(first[: len(first) // 2]) - first.mean()) < 0.05  # classes alternate


def test_a_part_chooses_scores_and_samples_from_its_own_images(inputs):
    part = inputs.parts[3]
    np.testing.assert_array_equal(part.choosing.images, part.test.images[0::2])
    np.testing.assert_array_equal(part.scoring.labels, part.test.labels[1::2])
    assert len(part.sample.labels) == SAMPLE // PARTS and len(inputs.sample.labels) == SAMPLE
    assert part.at_most(50) == 5 and inputs.at_most(50) == 50 and part.at_most(3) == 1


def test_parts_average_to_the_accuracy_of_the_whole(inputs):
    by_part = [part.accuracy for part in inputs.parts]
    np.testing.assert_allclose(np.mean(by_part, axis=0), inputs.accuracy, atol=0.003)  # but for a few images left out
    spread = np.ptp(by_part, axis=0)
    assert spread[:, -1].max() > 0 and np.nanmax(spread[:, :-1]) == 0  # no validation images


def test_few_test_images_or_few_of_a_class_have_no_parts(inputs):
    test = inputs.splits.test
    assert not again(inputs, test=test.take(slice(999))).parts
    rare = np.flatnonzero(test.labels == 1)[:19]
    assert not again(inputs, test=test.take(np.append(np.flatnonzero(test.labels == 0), rare))).parts


def test_what_reads_no_test_image_is_computed_once_for_all_parts(inputs):
    inputs, calls = again(inputs), []

    def of_training(own):
        calls.append("training")
        return own.splits.train.labels.sum()

    def of_test(own):
        calls.append("test")
        return len(own.test.labels)

    def of_both(own):
        return own.once(of_training), own.once(of_test)

    found = [own.once(of_both) for own in (inputs, *inputs.parts, *inputs.parts)]
    assert found[0][1] == 2000 and {sizes for _, sizes in found[1:]} == {len(inputs.parts[0].test.labels)}
    assert calls.count("training") == 1 and calls.count("test") == 1 + PARTS


@pytest.mark.parametrize("name", ["test", "choosing", "scoring", "sample", "accuracy"])
def test_reading_test_images_is_noticed_even_if_they_are_remembered(inputs, name):
    inputs = again(inputs)
    assert inputs.reads == 0

    def read(own):
        return getattr(own, name)

    for expected in (1, 2):
        inputs.once(read)
        assert inputs.reads >= expected
    few = again(inputs, test=inputs.splits.test.take(slice(100)))
    few.once(read)
    assert few.reads == 0  # no sample that could be divided


def test_no_key_of_a_study_is_one_that_a_network_was_trained_with(inputs):
    """A network's own key, and those split from it or folded with small numbers, for dropout, order and weights."""

    def words(keys):
        return {tuple(row) for row in np.asarray(jax.random.key_data(keys)).reshape(-1, 2)}

    seeds, parts = ensemble.keys(inputs.config.train.base_seed, 50), [inputs.key(part) for part in range(20)]
    trained = words(seeds) | words(jax.vmap(lambda key: jax.random.split(key, 50))(seeds))
    own, split = words(jnp.stack(parts)), words(jnp.stack([jax.random.split(key, 50) for key in parts]))
    of_networks = words(jnp.stack([inputs.network_keys(part) for part in range(20)]))
    assert len(own) == 20 and len(of_networks) == 20 * inputs.seeds
    assert not trained & (own | split | of_networks) and not of_networks & (own | split)


NAMES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def of_data(options, names):
    own = toy_inputs.unread(RECIPE)
    config = dataclasses.replace(own.config, data=dataclasses.replace(own.config.data, **options))
    named = own.splits.test.replace(class_names=names)
    run = own.run._replace(config=config)
    return dataclasses.replace(own, run=run, splits=own.splits._replace(test=named))


@pytest.mark.parametrize(
    ("options", "names", "expected"),
    [
        ({}, NAMES, NAMES),
        ({}, (), tuple("0123456789")),
        ({}, NAMES[:9], (*NAMES[:9], "9")),
        ({"classes": (1, 7)}, NAMES, ("trouser", "sneaker")),
        ({"classes": (1, 7)}, (), ("1", "7")),
        ({"classes": (2, 8), "label_offset": 1}, NAMES, ("trouser", "sneaker")),
        ({"positive": 8}, ("not bag", "bag"), ("not bag", "bag")),
    ],
)
def test_classes_are_named_as_their_labels_are(options, names, expected):
    assert of_data(options, names).classes == expected


def test_labels_stay_numbers():
    assert of_data({"classes": (1, 7)}, NAMES).labels == ("1", "7")


def test_runs_with_the_same_data_share_their_images(toy, tmp_path):
    config, splits, trained = toy
    for name in ("first", "second", "other"):
        data = dataclasses.replace(config.data, permute_pixels=name == "other")
        store.save(tmp_path / name, dataclasses.replace(config, data=data), trained, splits.test)
    first = load("first", tmp_path / "first")
    second, other = (load(name, tmp_path / name, [first]) for name in ("second", "other"))
    assert second.splits is first.splits and other.splits is not first.splits
    assert not np.array_equal(other.splits.test.images, first.splits.test.images)
