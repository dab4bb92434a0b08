"""Packed images are the images, bit for bit, and whatever bytes cannot hold stays as it is."""

import warnings

import jax
import numpy as np
import pytest

from jaxinterp.data import pack, unpack
from jaxinterp.data.datasets import scale_bytes

pytestmark = pytest.mark.usefixtures("optimized")  # the compiler rearranges arithmetic

EVERY_BYTE = np.arange(256, dtype=np.uint8)


def bits(images):
    return np.asarray(images).view(np.uint32)


@pytest.mark.parametrize("pixels", [64, 32, 1])
def test_every_byte_comes_back_to_the_last_bit(pixels):
    images = scale_bytes(EVERY_BYTE.reshape(-1, pixels))
    packed = pack(images)
    assert packed.dtype == (np.uint32 if pixels % 4 == 0 else np.uint8) and packed.nbytes == 256
    np.testing.assert_array_equal(bits(jax.jit(unpack)(packed)), bits(images))
    np.testing.assert_array_equal(bits(jax.jit(jax.vmap(unpack))(packed[:, None])[:, 0]), bits(images))


def test_rows_that_are_gathered_before_are_the_rows_gathered_after():
    images = scale_bytes(np.random.default_rng(0).integers(0, 256, (5000, 12)).astype(np.uint8))
    rows = np.array([[4999, 0, 7], [7, 7, 4096]])
    gathered = jax.jit(lambda packed, rows: unpack(packed[rows]))(pack(images), rows)
    np.testing.assert_array_equal(gathered, images[rows])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -0.0, -1 / 255, 256 / 255, 0.5, 1e-30])
def test_images_that_are_no_bytes_stay_as_they_are_without_a_warning(value):
    images = scale_bytes(np.random.default_rng(0).integers(0, 256, (5000, 4)).astype(np.uint8))
    images[-1, 2] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = pack(images)
    np.testing.assert_array_equal(bits(kept), bits(images))
    np.testing.assert_array_equal(bits(unpack(kept)), bits(images))


def test_neighbours_of_bytes_are_no_bytes():
    for images in (np.nextafter(scale_bytes(EVERY_BYTE[1:, None]), np.float32(side)) for side in (0, 2)):
        assert pack(images).dtype == np.float32


def test_no_images_are_no_images():
    assert unpack(pack(np.zeros((0, 8), np.float32))).shape == (0, 8)
