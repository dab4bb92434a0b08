"""The write-up's scores are its own table's, and readers that know nothing of the network score what they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from jaxinterp.errors import InputError
from jaxinterp.explanation import reading
from jaxinterp.explanation.reading import Counts

CLASSES, EXAMPLES = 10, 4000


@pytest.mark.parametrize("row", reading.PUBLISHED, ids=lambda row: row.name)
def test_the_published_scores_follow_from_the_published_counts(row):
    np.testing.assert_allclose(reading.scores(row.counts), row.scores, atol=2e-3)
    assert row.counts.n + row.counts.l + row.counts.f == pytest.approx(1)


def network(seed=0):
    """Labels, and the answers of a network that is wrong on half of the images."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, EXAMPLES)
    other = (labels + rng.integers(1, CLASSES, EXAMPLES)) % CLASSES
    return labels, np.where(rng.uniform(size=EXAMPLES) < 0.5, labels, other), rng


def asked(answers, labels, predicted, each=EXAMPLES):
    right, wrong = reading.chosen(predicted, labels, each=each)
    return reading.counts(answers, predicted, labels, right, wrong), np.concatenate([right, wrong])


def test_images_are_the_first_of_either_kind_and_as_many():
    labels, predicted, _ = network()
    right, wrong = reading.chosen(predicted, labels)
    assert len(right) == len(wrong) == reading.EACH
    assert (predicted == labels)[right].all() and (predicted != labels)[wrong].all()
    assert set(right) | set(wrong) >= set(range(reading.EACH))
    with pytest.raises(InputError, match="wrong"):
        reading.chosen(labels, labels)


def test_a_perfect_reader_scores_1_and_a_random_one_0():
    labels, predicted, rng = network()
    readers = np.stack([predicted, rng.integers(0, CLASSES, EXAMPLES), (predicted + 1) % CLASSES])
    found, rows = asked(readers, labels, predicted)
    perfect, random, never = np.transpose(reading.scores(found))
    np.testing.assert_array_equal(perfect, 1)
    np.testing.assert_allclose(random, 0, atol=0.03)
    assert (never <= 0).all()
    np.testing.assert_allclose(reading.beyond(predicted, labels, predicted, rows), 1)


def test_the_true_label_is_undefined_and_a_reader_of_hard_digits_scores_above_0():
    labels, predicted, rng = network()
    found, rows = asked(labels, labels, predicted)
    assert found == Counts(1, 0, 1, 0) and np.isnan(reading.scores(found).final)
    assert reading.beyond(labels, labels, predicted, rows) == 0
    # It reads 98 % of the images that the network gets right and 75 % of the others, and knows nothing of the network.
    misread = rng.uniform(size=EXAMPLES) > np.where(predicted == labels, 0.98, 0.75)
    digits = np.where(misread, (labels + rng.integers(1, CLASSES, EXAMPLES)) % CLASSES, labels)
    found, rows = asked(digits, labels, predicted)
    assert reading.scores(found).final > 0.4
    assert reading.beyond(digits, labels, predicted, rows) < 0.03


@given(st.integers(0, 1000), st.integers(3, 12))
def test_scores_are_what_the_formulas_say_for_any_number_of_classes(seed, classes):
    c, *rest = np.random.default_rng(seed).dirichlet(np.ones(4))
    n, l, f = np.array(rest) / np.sum(rest)  # noqa: E741
    correct, incorrect, final = reading.scores(Counts(*map(np.asarray, (c, n, l, f))), classes=classes)
    guess = f / (classes - 2)
    np.testing.assert_allclose([correct, incorrect], [(c - l) / (1 - l), (n - guess) / (1 - guess)])
    assert final == pytest.approx((correct + incorrect) / 2)


def test_bootstrap_intervals_cover():
    """Of a reader whose C, N, L and F are known, over many samples of images."""
    truth = Counts(*map(np.asarray, (0.9, 0.2, 0.5, 0.3)))
    expected = {**truth._asdict(), **reading.scores(truth)._asdict()}
    covered = []
    for seed in range(120):
        labels, predicted, rng = network(seed)
        neither = (predicted + rng.integers(1, CLASSES, EXAMPLES)) % CLASSES
        neither = np.where(neither == labels, (labels + 1) % CLASSES, neither)
        neither = np.where(neither == predicted, (predicted + 1) % CLASSES, neither)
        neither = np.where(neither == labels, (labels + 2) % CLASSES, neither)
        draw = rng.uniform(size=EXAMPLES)
        wrong = np.where(draw < 0.2, predicted, np.where(draw < 0.7, labels, neither))
        answers = np.where(predicted == labels, np.where(draw < 0.9, labels, neither), wrong)
        rows = reading.chosen(predicted, labels)
        found = reading.bootstrap(answers, predicted, labels, *rows, rng, resamples=200)
        covered.append([found[name].low <= value <= found[name].high for name, value in expected.items()])
    assert (np.mean(covered, axis=0) > 0.87).all() and np.mean(covered) < 0.99


def test_the_reader_of_labels_follows_the_weights():
    rng = np.random.default_rng(0)
    activations = rng.uniform(size=(2, 6, 50))
    activations[:, 3] = 0.3  # dead
    weights, spread = rng.normal(size=(2, 4, 6)), activations.std(axis=-1)
    spread[:, 3] = 0
    mean, every = activations.mean(axis=-1), reading.listed(weights, spread, number=6)
    assert not every[..., 3].any() and (np.delete(every, 3, axis=-1) == np.delete(weights, 3, axis=-1)).all()
    expected = np.argmax(every @ activations, axis=1)
    np.testing.assert_array_equal(reading.by_labels(5 * activations + 2, every, mean, spread), expected)
    few, size = (reading.listed(weights, spread, number=2), np.abs(weights * spread[:, None]))
    assert ((few != 0).sum(axis=-1) == 2).all() and (size[few != 0].min() > 0)
    assert (np.where(few != 0, size, 0).max(axis=-1) == size.max(axis=-1)).all()


def test_confusions_are_those_of_the_other_networks():
    labels = np.repeat(np.arange(3), 10)
    predicted = np.stack([np.where(labels == 0, 1, labels), np.where(labels == 0, 2, labels), labels])
    found = reading.confusions(predicted, labels, classes=3)
    np.testing.assert_array_equal(found[0], np.where(labels == 0, 2, labels))
    np.testing.assert_array_equal(found[1], np.where(labels == 0, 1, labels))


def test_the_nearest_image_is_scikit_learns():
    rng = np.random.default_rng(0)
    known, images, labels = rng.uniform(size=(60, 9)), rng.uniform(size=(40, 9)), rng.integers(0, 5, 60)
    expected = KNeighborsClassifier(1).fit(known, labels).predict(images)
    np.testing.assert_array_equal(reading.nearest(images, known, labels), expected)
