import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp.data import as_dataset, check_images, image_shape
from jaxinterp.data.datasets import flatten, scale_bytes
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


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ((3, 4), (4,)),
        ((3, 2, 2), (2, 2)),
        ((3, 2, 2, 1), (2, 2)),
        ((3, 1, 2, 2), (2, 2)),
        ((3, 4, 1, 1), (4, 1)),
        ((3, 1, 4), (1, 4)),
    ],
)
def test_images_become_float32_that_keep_their_rows_and_labels_int32(shape, kept):
    images, labels = as_dataset(IMAGES.reshape(shape), LABELS.astype(np.uint8))
    assert images.dtype == np.float32 and labels.dtype == np.int32
    np.testing.assert_array_equal(images.reshape(3, 4), IMAGES.astype(np.float32))
    assert images.shape[1:] == kept
    np.testing.assert_array_equal(labels, LABELS)


@given(
    dtype=st.sampled_from(["f2", "f4", "f8", ">f4", ">f8", "g"]),
    label_type=st.sampled_from(["u1", "i1", ">i2", "u4", "i8", "u8"]),
    pixels=hnp.arrays(np.uint8, (3, 4, 4)),
    layout=st.sampled_from([(3, 4, 4), (3, 4, 4, 1), (3, 1, 4, 4), (3, 16)]),
    order=st.sampled_from("CF"),
)
def test_every_accepted_form_is_one_dataset(dtype, label_type, pixels, layout, order):
    images = (pixels / 256).astype(dtype)  # which even half precision holds
    data = as_dataset(np.array(images.reshape(layout), order=order), LABELS.astype(label_type))
    expected = as_dataset(pixels / np.float32(256), LABELS)
    np.testing.assert_array_equal(flatten(data.images), flatten(expected.images))
    np.testing.assert_array_equal(data.labels, expected.labels)
    assert data.images.dtype == np.float32 and data.labels.dtype == np.int32


@pytest.mark.parametrize("layout", [(3, 4), (3, 2, 2), (3, 2, 2, 1), (3, 1, 2, 2)])
def test_bytes_are_scaled_in_every_layout(layout):
    bytes_ = np.arange(12, dtype=np.uint8) * 23
    np.testing.assert_array_equal(
        flatten(as_dataset(bytes_.reshape(layout), LABELS).images), scale_bytes(bytes_.reshape(3, 4))
    )


@given(st.floats(-2e-6, 2e-6))
def test_rounding_is_clipped_and_more_is_refused(excess):
    for bound, beyond in ((0, -excess), (1, excess)):
        images = np.array([[0.5, bound + excess]])
        if beyond > 1.0001e-6:
            with pytest.raises(InputError, match=r"below 0|above 1"):
                as_dataset(images, LABELS[:1])
        elif beyond < 0.9999e-6:
            kept = as_dataset(images, LABELS[:1]).images[0, 1]
            assert 0 <= kept <= 1 and abs(kept - bound) <= abs(excess) + 1e-7


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 2, 2, 3)), LABELS, "tiny has images of 3 channels: convert them to greyscale"),
        (np.zeros(3), LABELS, "tiny has images of shape (3,): use (examples, pixels)"),
        (np.zeros((3, 0)), LABELS, "tiny has images of shape (3, 0): use (examples, pixels)"),
        (IMAGES, LABELS.astype(float), "tiny has labels of type float64: use integers"),
        (IMAGES, LABELS[:2], "tiny has 3 images but labels of shape (2,): use one label per image"),
        (IMAGES, np.eye(3, dtype=int), "tiny has 3 images but labels of shape (3, 3): use one label per image"),
        (np.zeros((3, 3, 2, 2)), LABELS, "tiny has images of 3 channels: convert them to greyscale"),
        (np.zeros((3, 1, 4, 1)), LABELS, "channels may be first or last: use (examples, rows, columns)"),
        (IMAGES, LABELS.astype(np.uint64) + 2**63, f"tiny has the label {2**63}: use labels from 0 to 2147483647"),
        (IMAGES, LABELS.astype(np.int64) - 2**40, f"tiny has the label {-(2**40)}: use labels from 0 to 2147483647"),
        (IMAGES, np.array([2**31, 0, 1]), "tiny has the label 2147483648: use labels from 0 to 2147483647"),
        (IMAGES, LABELS + 0.5, "tiny has labels of type float64: use integers"),
        (IMAGES, LABELS + 0j, "tiny has labels of type complex128: use integers"),
        (IMAGES + 1e-3j, LABELS, "tiny: images are complex128, not floating-point"),
        ((IMAGES * 255).astype(np.int64), LABELS, "tiny: images are int64, not floating-point"),
        ((IMAGES * 255).astype(np.uint16), LABELS, "tiny: images are uint16, not floating-point"),
        (IMAGES > 0.5, LABELS, "tiny: images are bool, not floating-point"),
        (IMAGES.astype("U3"), LABELS, "tiny: images are <U3, not floating-point"),
        (IMAGES * 1e300, LABELS, "tiny: images reach 1e+300, above 1"),
        (IMAGES * 1.00001, LABELS, "tiny: images reach 1.00001, above 1"),
        (IMAGES * 255, LABELS, "tiny: images reach 255, above 1: divide by 255"),
    ],
)
def test_ill_formed_data_are_refused(images, labels, message):
    with pytest.raises(InputError, match=re.escape(message)):
        as_dataset(images, labels, "tiny")


@given(st.integers(1, 40), st.integers(1, 40))
def test_only_lookalikes_of_squares_are_not_flattened(rows, columns):
    images = np.arange(2 * rows * columns, dtype=np.float32).reshape(2, rows, columns)
    if rows != columns and (rows * columns) ** 0.5 % 1 == 0:
        with pytest.raises(InputError, match=f"the data has images of {rows} × {columns} pixels, as many as"):
            flatten(images)
    else:
        np.testing.assert_array_equal(flatten(images), images.reshape(2, -1))
        np.testing.assert_array_equal(flatten(flatten(images)), flatten(images))
