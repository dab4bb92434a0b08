import re

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp.data import (
    Dataset,
    Splits,
    as_dataset,
    check_images,
    fingerprint,
    hash_arrays,
    image_shape,
)
from jaxinterp.data.datasets import empty_like, scale_bytes
from jaxinterp.errors import InputError

IMAGES = np.linspace(0, 1, 3 * 4).reshape(3, 4)
LABELS = np.array([2, 0, 1])


@given(st.integers(0, 1000))
def test_square_images_have_a_shape(side):
    assert image_shape(side**2) == (side, side)


def test_other_images_have_none():
    with pytest.raises(
        InputError, match="785 pixels are not square: use images of one channel with as many rows as columns"
    ):
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
        ((3, 4), (2, 2, 1)),
        ((3, 2, 2), (2, 2, 1)),
        ((3, 2, 2, 1), (2, 2, 1)),
        ((3, 1, 2, 2), (2, 2, 1)),
        ((3, 1, 4), (1, 4, 1)),
        ((3, 4, 1), (4, 1, 1)),
    ],
)
def test_images_become_flat_float32_that_keep_their_shape_and_labels_int32(shape, kept):
    data = as_dataset(IMAGES.reshape(shape), LABELS.astype(np.uint8))
    assert data.images.dtype == np.float32 and data.labels.dtype == np.int32
    np.testing.assert_array_equal(data.images, IMAGES.astype(np.float32))
    assert data.shape == kept
    np.testing.assert_array_equal(data.labels, LABELS)


sides = st.integers(1, 12)


@given(rows=sides, columns=sides, channels=st.sampled_from([1, 3]), first=st.booleans(), seed=st.integers(0, 99))
def test_channels_may_be_first_or_last(rows, columns, channels, first, seed):
    images = np.random.default_rng(seed).random((2, rows, columns, channels), np.float32)
    given_ = np.moveaxis(images, -1, 1) if first else images
    if given_.shape[1] in (1, 3) and given_.shape[3] in (1, 3) and given_.shape[1:] != (1, 1, 1):
        with pytest.raises(InputError, match="whose channels may be first or last"):
            as_dataset(given_, LABELS[:2])
        return
    data = as_dataset(given_, LABELS[:2])
    assert data.shape == (rows, columns, channels)
    np.testing.assert_array_equal(data.images, images.reshape(2, -1))


@settings(max_examples=10)
@given(rows=sides, columns=sides, channels=st.sampled_from([1, 3]))
def test_shape_and_names_are_static_and_stay_with_the_images(rows, columns, channels):
    names = ("ankle boot", "bag", "coat")
    images = np.zeros((3, rows * columns * channels), np.float32)
    data = Dataset(images, LABELS, (rows, columns, channels), names)
    for other in (data.take([2, 0]), jax.jit(lambda same: same)(data), jax.tree.map(np.negative, data)):
        assert (other.shape, other.class_names) == ((rows, columns, channels), names)
    assert [leaf.shape for leaf in jax.tree.leaves(data)] == [images.shape, LABELS.shape]
    assert jax.eval_shape(lambda same: same, data).shape == (rows, columns, channels)
    lifted = jax.vmap(lambda one: Dataset(one.images, one.labels, one.shape).images.sum())
    assert lifted(jax.tree.map(lambda leaf: leaf[None], data)).shape == (1,)


@given(st.integers(1, 400))
def test_images_without_a_shape_are_squares_or_one_row(pixels):
    shape = Dataset(np.zeros((1, pixels), np.float32), LABELS[:1]).shape
    side = round(pixels**0.5)
    assert shape == ((side, side, 1) if side**2 == pixels else (1, pixels, 1))


def test_labels_without_a_name_stay_numbers():
    data = Dataset(IMAGES, LABELS, class_names=("bag", "coat"))
    assert [data.name(label) for label in (-1, 0, 1, 2)] == ["-1", "bag", "coat", "2"]


def hash_of(shape, names=()):
    data = Dataset(np.zeros((2, np.prod(shape)), np.float32), LABELS[:2].astype(np.int32), shape, names)
    return fingerprint(Splits(data, empty_like(data), data))


@given(rows=sides, columns=sides)
def test_runs_from_before_images_had_a_shape_keep_their_hash(rows, columns):
    images, labels = np.zeros((2, rows * columns), np.float32), LABELS[:2].astype(np.int32)
    before = hash_arrays([images, labels, images[:0], labels[:0], images, labels])
    lookalike = rows != columns and (rows * columns) ** 0.5 % 1 == 0  # was refused then
    assert (hash_of((rows, columns, 1)) == before) != lookalike


def test_other_shapes_of_the_same_pixels_are_other_data():
    assert len({hash_of(shape) for shape in ((16, 16, 1), (8, 32, 1), (32, 8, 1))}) == 3
    assert hash_of((4, 5, 3)) != hash_of((5, 4, 3)) != hash_of((60, 1, 1))
    assert hash_of((4, 5, 3), ("a", "b", "c")) == hash_of((4, 5, 3))


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
    np.testing.assert_array_equal(data.images, expected.images)
    assert data.shape == expected.shape == (4, 4, 1)
    np.testing.assert_array_equal(data.labels, expected.labels)
    assert data.images.dtype == np.float32 and data.labels.dtype == np.int32


@pytest.mark.parametrize("layout", [(3, 4), (3, 2, 2), (3, 2, 2, 1), (3, 1, 2, 2)])
def test_bytes_are_scaled_in_every_layout(layout):
    bytes_ = np.arange(12, dtype=np.uint8) * 23
    np.testing.assert_array_equal(as_dataset(bytes_.reshape(layout), LABELS).images, scale_bytes(bytes_.reshape(3, 4)))


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
        (np.zeros((3, 2, 2, 4)), LABELS, "tiny has images of 4 channels: use 1 (grey) or 3 (red, green, blue)"),
        (np.zeros(3), LABELS, "tiny has images of shape (3,): use (examples, pixels)"),
        (np.zeros((3, 0)), LABELS, "tiny has images of shape (3, 0): use (examples, pixels)"),
        (IMAGES, LABELS.astype(float), "tiny has labels of type float64: use integers"),
        (IMAGES, LABELS[:2], "tiny has 3 images but labels of shape (2,): use one label per image"),
        (IMAGES, np.eye(3, dtype=int), "tiny has 3 images but labels of shape (3, 3): use one label per image"),
        (np.zeros((3, 4, 2, 2)), LABELS, "tiny has images of 4 channels: use 1 (grey) or 3 (red, green, blue)"),
        (np.zeros((3, 3, 4, 3)), LABELS, "channels may be first or last: use (examples, rows, columns) for one"),
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
        (np.rint(IMAGES * 16), LABELS, "tiny: images reach 16, above 1: divide by 16 if they range from 0 to 16"),
        (
            np.rint(IMAGES * 16).astype(int),
            LABELS,
            "tiny: images are int64, not floating-point numbers in [0, 1]: divide",
        ),
        (np.rint(IMAGES * 16).astype(int), LABELS, "divide by 16 if they range from 0 to 16"),
    ],
)
def test_ill_formed_data_are_refused(images, labels, message):
    with pytest.raises(InputError, match=re.escape(message)):
        as_dataset(images, labels, "tiny")
