import re

import numpy as np
import pytest

from jaxinterp.config import DataConfig
from jaxinterp.data import load, strokes, xor
from jaxinterp.errors import InputError


def test_mnist_is_whole_and_in_its_original_order(mnist):
    assert mnist.train.images.shape == (60_000, 784)
    assert mnist.validation.images.shape == (0, 784)
    assert mnist.test.images.shape == (10_000, 784)
    assert mnist.train.images.dtype == np.float32 and mnist.train.labels.dtype == np.int32
    assert mnist.train.images.min() == 0 and mnist.train.images.max() == 1
    np.testing.assert_array_equal(mnist.train.labels[:10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    np.testing.assert_array_equal(mnist.test.labels[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])


def test_mnist_has_its_known_mean_and_spread(mnist):
    assert round(float(mnist.train.images.mean(dtype=np.float64)), 4) == 0.1307
    assert round(float(mnist.train.images.std(dtype=np.float64)), 4) == 0.3081


def test_toys_are_sources():
    for loaded, made in (
        (load(DataConfig(source="xor")), xor()),
        (load(DataConfig("strokes", data_seed=3)), strokes(3)[0]),
    ):
        for a, b in zip(loaded, made, strict=True):
            np.testing.assert_array_equal(a.images, b.images)
            np.testing.assert_array_equal(a.labels, b.labels)


@pytest.mark.parametrize("source", ["minst", "", "/no/such/folder"])
def test_an_unknown_source_lists_what_exists(source):
    message = (
        f"there is no data source {source!r}: "
        "use mnist, xor, strokes, tfds:NAME, a .npz file or an existing folder of IDX files"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        load(DataConfig(source=source))
