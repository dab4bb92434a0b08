import re
from dataclasses import replace
from itertools import pairwise

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp.config import DataConfig
from jaxinterp.data import Dataset, Splits, as_dataset, load, pixel_permutation, xor
from jaxinterp.data.options import apply_options
from jaxinterp.errors import InputError, InputWarning


def numbered(train=20, test=6, side=4):
    """Splits whose images all differ: the first pixel numbers them."""

    def data(start, count):
        images = np.random.default_rng(start).random((count, side * side), np.float32)
        images[:, 0] = np.arange(start, start + count) / 1000
        return Dataset(images, np.arange(count, dtype=np.int32) % 3)

    return Splits(data(0, train), data(train, 0), data(train, test))


def identity(data):
    return set(np.rint(data.images[:, 0] * 1000).astype(int))


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_no_option_changes_nothing():
    assert equal(apply_options(numbered(), DataConfig()), numbered())


def test_classes_keep_their_labels():
    splits = apply_options(numbered(), DataConfig(classes=(2, 0)))
    for data, whole in zip(splits, numbered(), strict=True):
        kept = whole.labels != 1
        np.testing.assert_array_equal(data.labels, whole.labels[kept])
        np.testing.assert_array_equal(data.images, whole.images[kept])


def test_one_class_against_the_rest():
    splits = apply_options(numbered(), DataConfig(positive=2))
    for data, whole in zip(splits, numbered(), strict=True):
        np.testing.assert_array_equal(data.labels, whole.labels == 2)
        np.testing.assert_array_equal(data.images, whole.images)
        assert data.labels.dtype == np.int32


def test_the_rest_is_what_was_kept():
    splits = apply_options(numbered(), DataConfig(classes=(1, 2), positive=1))
    assert identity(splits.train) == identity(apply_options(numbered(), DataConfig(classes=(1, 2))).train)
    assert splits.train.labels.mean() == pytest.approx(7 / 13)


def test_crop_is_central():
    images = apply_options(numbered(), DataConfig(crop=2)).train.images
    np.testing.assert_array_equal(images, numbered().train.images[:, [5, 6, 9, 10]])


@settings(max_examples=25)
@given(level=st.floats(0, 1, width=32), side=st.integers(1, 12), size=st.integers(1, 12))
def test_resizing_keeps_a_flat_image_flat(level, side, size):
    flat = Dataset(np.full((2, side * side), level, np.float32), np.zeros(2, np.int32))
    images = apply_options(Splits(flat, flat, flat), DataConfig(resize=size)).train.images
    assert images.shape == (2, size * size) and images.dtype == np.float32
    np.testing.assert_allclose(images, level, atol=1e-6)
    assert images.min() >= 0 and images.max() <= 1


def test_resizing_is_what_jax_does():
    images = apply_options(numbered(side=7), DataConfig(resize=5)).train.images
    expected = jax.image.resize(numbered(side=7).train.images.reshape(-1, 7, 7), (20, 5, 5), "linear")
    np.testing.assert_allclose(images, np.asarray(expected).reshape(20, 25), atol=1e-6)


def test_halving_an_image_keeps_its_ink(mnist):
    small = apply_options(
        mnist._replace(train=Dataset(mnist.train.images[:500], mnist.train.labels[:500])), DataConfig(resize=14)
    )
    np.testing.assert_allclose(small.train.images.mean(axis=1), mnist.train.images[:500].mean(axis=1), atol=1e-3)


def test_cropping_comes_before_resizing():
    both = apply_options(numbered(side=6), DataConfig(crop=4, resize=2))
    steps = apply_options(apply_options(numbered(side=6), DataConfig(crop=4)), DataConfig(resize=2))
    assert equal(both, steps)


@given(count=st.integers(2, 60), share=st.floats(0.01, 0.95), size=st.integers(1, 60), seed=st.integers(0, 2**40))
def test_held_out_and_drawn_images_are_apart(count, share, size, seed):
    whole = numbered(count)
    held_out = max(1, round(share * count))
    if held_out == count:
        return
    config = DataConfig(validation_share=share, data_seed=seed)
    train, validation, test = apply_options(whole, config)
    assert len(validation.labels) == held_out
    assert identity(train) | identity(validation) == identity(whole.train)
    assert not identity(train) & identity(validation)
    assert equal((test,), (whole.test,))

    size = min(size, count - held_out)
    drawn, same_validation, _ = apply_options(whole, replace(config, train_size=size))
    assert len(drawn.labels) == len(identity(drawn)) == size
    assert identity(drawn) <= identity(train)
    assert equal((same_validation,), (validation,))
    np.testing.assert_array_equal(drawn.labels, np.rint(drawn.images[:, 0] * 1000) % 3)  # labels went along


def test_a_larger_draw_contains_a_smaller_one():
    draws = [identity(apply_options(numbered(), DataConfig(train_size=size)).train) for size in range(1, 21)]
    assert all(small < large for small, large in pairwise(draws))


@given(pixels=st.integers(1, 900), seed=st.integers(0, 2**40))
def test_permuting_pixels_is_a_bijection(pixels, seed):
    order = pixel_permutation(DataConfig(data_seed=seed), pixels)
    np.testing.assert_array_equal(np.sort(order), np.arange(pixels))
    np.testing.assert_array_equal(order[np.argsort(order)], np.arange(pixels))


def test_one_permutation_serves_every_split():
    config = DataConfig(permute_pixels=True, validation_share=0.5)
    permuted, plain = (
        apply_options(numbered(), config),
        apply_options(numbered(), replace(config, permute_pixels=False)),
    )
    order = pixel_permutation(config, 16)
    assert not np.array_equal(order, np.arange(16))
    for a, b in zip(permuted, plain, strict=True):
        np.testing.assert_array_equal(a.images, b.images[:, order])
        np.testing.assert_array_equal(a.labels, b.labels)


def test_only_training_labels_are_shuffled():
    config = DataConfig(shuffle_labels=True, validation_share=0.3)
    shuffled, plain = (
        apply_options(numbered(), config),
        apply_options(numbered(), replace(config, shuffle_labels=False)),
    )
    assert equal(shuffled[1:], plain[1:])
    np.testing.assert_array_equal(shuffled.train.images, plain.train.images)
    assert not np.array_equal(shuffled.train.labels, plain.train.labels)
    np.testing.assert_array_equal(np.sort(shuffled.train.labels), np.sort(plain.train.labels))


def test_the_seed_decides_every_draw():
    config = DataConfig(train_size=10, validation_share=0.25, permute_pixels=True, shuffle_labels=True)
    assert equal(apply_options(numbered(), config), apply_options(numbered(), config))
    other = apply_options(numbered(), replace(config, data_seed=1))
    assert not equal(apply_options(numbered(), config), other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": (1, 7)}, "class 7 is not in the data: use some of 0, 1, 2"),
        ({"positive": 7}, "class 7 is not in the data: use some of 0, 1, 2"),
        ({"classes": (0, 1), "positive": 2}, "class 2 is not in the data: use some of 0, 1"),
        ({"crop": 5}, "crop is 5 but images are 4 × 4 pixels: use 1 to 4"),
        ({"crop": 0}, "crop is 0 but images are 4 × 4 pixels: use 1 to 4"),
        ({"resize": 0}, "resize is 0: use 1 or more"),
        ({"train_size": 0}, "train_size is 0 but there are 20 training images: use 1 to 20"),
        ({"train_size": 17, "validation_share": 0.2}, "train_size is 17 but there are 16 training images: use 1 to 16"),
        ({"validation_share": 1.0}, "validation_share is 1.0: use at least 0 and less than 1"),
        ({"validation_share": -0.1}, "validation_share is -0.1: use at least 0 and less than 1"),
        ({"validation_share": float("nan")}, "validation_share is nan: use at least 0 and less than 1"),
        (
            {"validation_share": 0.99},
            "validation_share 0.99 of 20 images leaves no training image: use a smaller share",
        ),
        ({"data_seed": -1}, "data_seed is -1: use 0 or more"),
    ],
)
def test_bad_values_are_refused(options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        apply_options(numbered(), DataConfig(**options))


def shaped(rows, columns, labels=(0, 1, 1, 0)):
    """Splits of images with ink in the middle 2 × 2 pixels."""
    images = np.zeros((len(labels), rows, columns), np.float32)
    images[:, rows // 2 - 1 : rows // 2 + 1, columns // 2 - 1 : columns // 2 + 1] = 1
    data = as_dataset(images, np.array(labels, np.int32))
    return Splits(data, data.take(np.s_[:0]), data)


@pytest.mark.parametrize("rows", [2, 8, 10])
@pytest.mark.parametrize("columns", [2, 14, 32])
def test_a_crop_of_images_that_are_not_square_keeps_their_middle(rows, columns):
    images = apply_options(shaped(rows, columns), DataConfig(crop=2)).train.images
    np.testing.assert_array_equal(images, np.ones((4, 4)))


@pytest.mark.parametrize("shape", [(8, 32), (5, 3)])
def test_resizing_images_that_are_not_square_is_what_jax_does(shape):
    splits = shaped(*shape)
    expected = jax.image.resize(splits.train.images.reshape(4, *shape), (4, 7, 7), "linear")
    images = apply_options(splits, DataConfig(resize=7)).train.images
    np.testing.assert_allclose(images, np.asarray(expected).reshape(4, 49), atol=1e-6)


def grids(data):
    return np.asarray(data.images).reshape(-1, *data.shape)


def drawn(shape, count=3, names=()):
    """Random images of a shape, as all three splits."""
    images = np.random.default_rng(0).random((count, np.prod(shape)), np.float32)
    data = Dataset(images, np.arange(count, dtype=np.int32), shape, names)
    return Splits(data, data.take(np.s_[:0]), data)


shapes = st.tuples(st.integers(2, 9), st.integers(2, 9), st.sampled_from([1, 3]))


@settings(max_examples=25)
@given(shape=shapes, crop=st.one_of(st.none(), st.integers(1, 2)), resize=st.one_of(st.none(), st.integers(1, 6)))
def test_channels_are_cropped_and_resized_each_by_itself(shape, crop, resize):
    whole, config = drawn(shape), DataConfig(crop=crop, resize=resize)
    changed = apply_options(whole, config).test
    side = (resize, resize) if resize else (crop, crop) if crop else shape[:2]
    assert changed.shape == (*side, shape[2])
    for channel in range(shape[2]):
        alone = as_dataset(grids(whole.test)[..., channel], whole.test.labels)
        of_channel = apply_options(Splits(alone, alone, alone), config).test
        np.testing.assert_array_equal(grids(changed)[..., channel], grids(of_channel)[..., 0])


@given(shapes)
def test_transposing_swaps_rows_and_columns_and_is_its_own_inverse(shape):
    whole, config = drawn(shape), DataConfig(transpose=True)
    swapped = apply_options(whole, config)
    assert swapped.test.shape == (shape[1], shape[0], shape[2])
    np.testing.assert_array_equal(grids(swapped.test), grids(whole.test).swapaxes(1, 2))
    assert equal(apply_options(swapped, config), whole)


def test_images_that_are_not_square_keep_their_shape():
    for shape in ((8, 32, 1), (8, 31, 1), (2, 6, 3)):
        changed = apply_options(drawn(shape), DataConfig(permute_pixels=True, train_size=2))
        assert {data.shape for data in changed} == {shape}


NAMES = ("bag", "coat", "dress")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, NAMES),
        ({"classes": (0, 2)}, NAMES),
        ({"classes": (1, 2), "label_offset": 1}, NAMES[1:]),
        ({"label_offset": -4}, ()),
        ({"positive": 1}, ("not coat", "coat")),
    ],
)
def test_names_follow_the_labels(options, names):
    changed = apply_options(drawn((2, 2, 1), names=NAMES), DataConfig(**options))
    assert {data.class_names for data in changed} == {names}
    unnamed = apply_options(drawn((2, 2, 1)), DataConfig(**options))
    assert {data.class_names for data in unnamed} == {()}


@pytest.mark.parametrize("option", ["crop", "resize"])
def test_cropping_and_resizing_need_a_shape(option):
    with pytest.raises(InputError, match="images of 2 pixels are not square"):
        apply_options(xor(), DataConfig(**{option: 1}))


@pytest.mark.parametrize("size", [10**6, 10**9, 10**400])
def test_a_size_that_no_memory_holds_is_refused_without_taking_it(size):
    with pytest.raises(InputError, match=r"resize is 1.*: this machine's memory holds 20 images of \d+ × \d+ pixels"):
        apply_options(numbered(), DataConfig(resize=size))


@given(start=st.integers(-(2**31), 2**31 - 3), classes=st.sampled_from([(), (0, 2), (1,)]))
def test_an_offset_makes_labels_start_at_0(start, classes):
    splits = Splits(*(part.replace(labels=part.labels + np.int32(start)) for part in numbered()))
    named = tuple(label + start for label in classes)
    first = min(classes, default=0)
    shifted = apply_options(splits, DataConfig(label_offset=start + first, classes=named))
    for data, plain in zip(shifted, apply_options(numbered(), DataConfig(classes=classes)), strict=True):
        np.testing.assert_array_equal(data.labels, plain.labels - first)
        np.testing.assert_array_equal(data.images, plain.images)
        assert data.labels.dtype == np.int32


@pytest.mark.parametrize(("first", "offset"), [(-1, 0), (0, 1), (1, 2), (0, -(2**31)), (5, 10**30), (5, -(10**30))])
def test_labels_that_an_offset_does_not_fit_are_refused(first, offset):
    splits = Splits(*(part.replace(labels=part.labels + np.int32(first)) for part in numbered()))
    message = f"labels start at {first} and label_offset is {offset}: --data.label-offset {first} makes them start at 0"
    with pytest.raises(InputError, match=re.escape(message)):
        apply_options(splits, DataConfig(label_offset=offset))


def test_one_class_against_the_rest_needs_no_offset():
    config = DataConfig(positive=2)
    assert equal(apply_options(numbered(), replace(config, label_offset=1)), apply_options(numbered(), config))


@pytest.mark.parametrize("config", [DataConfig(), DataConfig(classes=(0, 1)), DataConfig(positive=1)])
def test_images_to_test_on_are_needed(config):
    splits = numbered()._replace(test=numbered(test=0).test)
    with pytest.raises(InputError, match="there are no test images: use a source with test images"):
        apply_options(splits, config)


def test_classes_without_test_images_are_named_once():
    splits = shaped(4, 4, labels=(0, 1, 2, 3))
    splits = splits._replace(test=splits.test.take(np.s_[:2]))
    with pytest.warns(InputWarning, match="^no test image is of class 2, 3: its accuracy stays unknown$") as warned:
        apply_options(splits, DataConfig())
    assert len(warned) == 1
    with pytest.warns(InputWarning, match="class 3:"):
        apply_options(splits, DataConfig(classes=(1, 3)))
    apply_options(splits, DataConfig(classes=(0, 1)))  # without a warning
    with pytest.raises(InputError, match="there are no test images of the classes 2, 3: use a source that tests"):
        apply_options(splits, DataConfig(classes=(2, 3)))


def test_a_source_with_validation_images_keeps_them():
    with pytest.raises(InputError, match=r"validation_share is 0\.5 but xor has its own validation images: use 0"):
        load(DataConfig(source="xor", validation_share=0.5))


def test_a_source_of_very_many_classes_is_not_listed_whole():
    splits = shaped(2, 2, labels=range(1000))
    message = f"class 1000 is not in the data: use some of {', '.join(map(str, range(30)))}, …"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        apply_options(splits, DataConfig(classes=(1000,)))
