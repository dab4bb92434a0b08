import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp.data import as_dataset, check_images, image_shape
from jaxinterp.data.datasets import scale_bytes
from jaxinterp.errors import InputError

IMAGES = np.linspace(0, 1, 3 * 4).reshape(3, 4)
LABELS = np.array([2, 0, 1])


@given(st.integers(0, 1000))
def test_square_images_have_a_shape(side):
    assert image_shape(side**2) == (side, side)


def test_other_images_have_none():
    with pytest.raises(InputError, match="785 pixels are not square: use images with as many rows as columns"):
        image_shape(785)


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.floats(0, 1, width=32)))
def test_images_in_the_unit_interval_pass(images):
    check_images(images)


def test_no_images_pass():
    check_images(np.zeros((0, 784), np.float32))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.array([[0, 255]], np.uint8), "images are uint8, not floating-point .* divide by 255"),
        (np.array([[0.0, 255.0]]), "images reach 255, above 1: divide by 255"),
        (np.array([[0.0, np.inf]]), "images reach inf, above 1"),
        (np.array([[-0.42, 1.0]]), "down to -0.42, below 0: undo their normalisation"),
        (np.array([[np.nan, 255.0]]), "contain NaN: replace it with numbers in"),
    ],
)
def test_other_images_are_refused_with_the_mend(images, message):
    with pytest.raises(InputError, match=message):
        check_images(images)


def test_bytes_scale_onto_the_unit_interval():
    scaled = scale_bytes(np.arange(256, dtype=np.uint8))
    assert scaled.dtype == np.float32
    assert scaled[0] == 0 and scaled[255] == 1
    np.testing.assert_allclose(scaled, np.arange(256) / 255, rtol=1e-7)


@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 2), (3, 2, 2, 1)])
def test_images_become_flat_float32_and_labels_int32(shape):
    images, labels = as_dataset(IMAGES.reshape(shape), LABELS.astype(np.uint8))
    assert images.dtype == np.float32 and labels.dtype == np.int32
    np.testing.assert_array_equal(images, IMAGES.astype(np.float32))
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 2, 2, 3)), LABELS, "tiny has images of 3 channels: convert them to greyscale"),
        (np.zeros(3), LABELS, "tiny has images of shape (3,): use (examples, pixels)"),
        (np.zeros((3, 0)), LABELS, "tiny has images of shape (3, 0): use (examples, pixels)"),
        (IMAGES, LABELS.astype(float), "tiny has labels of type float64: use integers"),
        (IMAGES, LABELS[:2], "tiny has 3 images but labels of shape (2,): use one label per image"),
        (IMAGES, np.eye(3, dtype=int), "tiny has 3 images but labels of shape (3, 3): use one label per image"),
        (IMAGES, LABELS - 1, "tiny has the label -1: use labels from 0"),
        (IMAGES * 255, LABELS, "tiny: images reach 255, above 1: divide by 255"),
    ],
)
def test_ill_formed_data_are_refused(images, labels, message):
    with pytest.raises(InputError, match=re.escape(message)):
        as_dataset(images, labels, "tiny")
