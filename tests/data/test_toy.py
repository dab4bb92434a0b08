import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp.data import strokes, xor
from jaxinterp.errors import InputError


@pytest.fixture(scope="module")
def drawn():
    return strokes(0, train=4000, test=400)


def test_xor_is_its_truth_table():
    for data in xor():
        np.testing.assert_array_equal(data.labels, data.images[:, 0] != data.images[:, 1])
        assert len(np.unique(data.images, axis=0)) == 4


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 30))
def test_an_image_and_its_twin_differ_by_the_bar_alone(seed, count):
    splits, twins, mask = strokes(seed, train=count, test=2)
    for data, twin in zip(splits, twins, strict=True):
        np.testing.assert_array_equal(data.images[:, ~mask], twin.images[:, ~mask])
        np.testing.assert_array_equal(data.labels + twin.labels, 1)
        bar = (data.images - twin.images)[:, mask] * np.where(data.labels == 1, 1, -1)[:, None]
        assert (bar >= 0).all()  # the bar adds ink
        assert (bar.mean(axis=1) > 0).all()
        assert data.images.min(initial=0) >= 0 and data.images.max(initial=1) <= 1
    assert abs(2 * splits.train.labels.sum() - count) <= 1
    assert splits.train.images.dtype == np.float32 and splits.train.labels.dtype == np.int32
    assert splits.validation.images.shape == (0, 784)


def test_the_bar_is_a_horizontal_stroke(drawn):
    rows, columns = np.nonzero(drawn.mask.reshape(28, 28))
    assert set(rows) == {5, 6, 7} and set(columns) == set(range(5, 20))
    assert len(rows) == 3 * 15


def test_nothing_else_tells_the_classes_apart(drawn):
    images, labels = drawn.splits.train.images, drawn.splits.train.labels
    outside = images[:, ~drawn.mask]
    a, b = outside[labels == 0], outside[labels == 1]
    z = (a.mean(0) - b.mean(0)) / np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
    assert abs(z).max() < 4.5  # 739 pixels: the largest |z| of as many chance differences is about 3.3


def test_the_bar_removed_leaves_one_distribution(drawn):
    images, labels = drawn.splits.train.images, drawn.splits.train.labels
    without = np.where(labels[:, None] == 1, drawn.twins.train.images, images)[:, drawn.mask]
    a, b = without[labels == 0].mean(axis=1), without[labels == 1].mean(axis=1)
    assert abs(a.mean() - b.mean()) < 4 * np.sqrt(a.var() / len(a) + b.var() / len(b))


def test_a_seed_repeats_and_another_does_not():
    a, b, c = strokes(1, train=4, test=2), strokes(1, train=4, test=2), strokes(2, train=4, test=2)
    np.testing.assert_array_equal(a.splits.train.images, b.splits.train.images)
    assert not np.array_equal(a.splits.train.images, c.splits.train.images)


def test_test_images_stay_when_training_grows():
    small, large = strokes(1, train=4, test=3), strokes(1, train=40, test=3)
    np.testing.assert_array_equal(small.splits.test.images, large.splits.test.images)


def test_bad_choices_are_refused():
    with pytest.raises(InputError, match="the seed of strokes is -1: use 0 or more"):
        strokes(-1)
    with pytest.raises(InputError, match="strokes has 8000 training and 1 test images: use 2 or more of each"):
        strokes(test=1)
