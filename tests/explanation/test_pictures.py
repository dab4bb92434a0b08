import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxinterp.explanation import pictures

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 3]))


@given(SHAPES, st.integers(0, 9))
def test_a_png_shows_each_pixel_as_a_square(shape, seed):
    image = np.random.default_rng(seed).uniform(-0.1, 1.1, np.prod(shape))
    shown = np.asarray(Image.open(io.BytesIO(pictures.png(image, shape))))
    values = np.clip(image, 0, 1).reshape(shape)
    expected = np.round((values if shape[2] == 3 else values.mean(axis=2)) * 255)
    scale = shown.shape[0] // shape[0]
    assert shown.shape[:2] == (scale * shape[0], scale * shape[1]) and max(shown.shape[:2]) > 112
    np.testing.assert_array_equal(shown, expected.repeat(scale, axis=0).repeat(scale, axis=1))


def test_a_data_uri_is_the_png():
    image = np.linspace(0, 1, 9)
    start, _, content = pictures.data_uri(image, (3, 3, 1)).partition(",")
    assert start == "data:image/png;base64" and base64.b64decode(content) == pictures.png(image, (3, 3, 1))


@given(SHAPES, st.integers(0, 9))
def test_a_text_rendering_is_a_coarse_image(shape, seed):
    image = np.random.default_rng(seed).uniform(size=np.prod(shape))
    lines = pictures.text(image, shape).splitlines()
    assert len(lines) <= pictures.ROWS and len({len(line) for line in lines}) == 1
    assert set("".join(lines)) <= set(".123456789")
    if max(shape[:2]) <= pictures.ROWS:
        shown = np.array([[0 if char == "." else int(char) for char in line] for line in lines]) / 10
        np.testing.assert_allclose(shown, image.reshape(shape).mean(axis=2), atol=0.1)


@pytest.mark.parametrize(("value", "char"), [(0.0, "."), (0.04, "."), (0.05, "1"), (0.5, "5"), (1.0, "9"), (7.0, "9")])
def test_tenths(value, char):
    assert set(pictures.text(np.full(28 * 28, value), (28, 28, 1))) == {char, "\n"}


def test_a_bar_stays_a_bar():
    image = np.zeros((28, 28))
    image[:, 12:14] = 1
    assert pictures.text(image.ravel(), (28, 28, 1)) == "\n".join([f"{'.' * 6}9{'.' * 7}"] * 14)
