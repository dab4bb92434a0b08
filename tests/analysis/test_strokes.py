import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp import data
from jaxinterp.analysis import strokes
from jaxinterp.config import DataConfig
from jaxinterp.errors import InputError

SIDE = 28
BAR = strokes.rows(SIDE, 4, 6, columns=(5, 14))
SEVEN = np.float32(BAR | strokes.rows(SIDE, 4, 24, columns=(15, 18)))
ONE = np.float32(strokes.rows(SIDE, 8, 22, columns=(20, 22)))
BLANK = np.zeros(SIDE * SIDE, np.float32)
top_bars, transplant = jax.jit(strokes.top_bars), jax.jit(strokes.transplant)
erase_equal_ink, draw_equal_ink = jax.jit(strokes.erase_equal_ink), jax.jit(strokes.draw_equal_ink)


@pytest.fixture(scope="module")
def mnist():
    return data.load(DataConfig(classes=(1, 7))).test


def moved(image, down, right):
    return np.roll(image.reshape(SIDE, SIDE), (down, right), (0, 1)).reshape(-1)


def slow_top_bar(image):
    """The rule of `top_bars`, row by row."""
    picture = image.reshape(SIDE, SIDE)
    columns = [np.flatnonzero(row > strokes.INK) for row in picture]
    extent = [line[-1] - line[0] + 1 if len(line) else 0 for line in columns]
    mask = np.zeros((SIDE, SIDE), bool)
    if any(extent):
        inked = np.flatnonzero(extent)
        top, height = inked[0], inked[-1] - inked[0] + 1
        widest = max(range(top, top + int(np.ceil(height / 3))), key=lambda row: (extent[row], -row))
        for stem in range(widest + 1, SIDE):
            if extent[stem] < extent[widest] / 2:
                if extent[stem] and stem - top <= 0.6 * height:
                    mask[: stem + 1, : columns[stem][0]] = picture[: stem + 1, : columns[stem][0]] > 0
                break
    return mask.reshape(-1)


def test_rows_are_rows():
    mask = strokes.rows(5, 1, 2, columns=(3, 4)).reshape(5, 5)
    assert {tuple(place) for place in np.argwhere(mask).tolist()} == {(1, 3), (1, 4), (2, 3), (2, 4)}
    np.testing.assert_array_equal(strokes.rows(5, 1, 2), strokes.rows(5, 1, 2, columns=(0, 4)))
    assert strokes.rows(5, 0, 4).all()


@pytest.mark.parametrize("place", [(-1, 2), (3, 5), (3, 2)])
def test_rows_that_are_not_there_are_refused(place):
    with pytest.raises(InputError, match=r"no rows -?\d to \d: the image has rows 0 to 4"):
        strokes.rows(5, *place)
    with pytest.raises(InputError, match=r"no columns -?\d to \d: the image has columns 0 to 4"):
        strokes.rows(5, 0, 0, columns=place)


@settings(max_examples=20)
@given(st.integers(-4, 3), st.integers(-5, 9))
def test_the_bar_of_a_drawn_seven_is_found_wherever_it_is(down, right):
    np.testing.assert_array_equal(top_bars(moved(SEVEN, down, right)[None])[0], moved(BAR, down, right))


def test_what_has_no_bar_has_an_empty_mask():
    assert not np.any(top_bars(np.stack([BLANK, BLANK + 1, ONE, np.float32(BAR)])))


def test_the_bars_rim_is_cut_with_it_and_a_crossbar_is_not():
    rim = np.where(strokes.rows(SIDE, 3, 7, columns=(4, 14)) & ~BAR, 0.2, 0)
    crossed = np.maximum(SEVEN, strokes.rows(SIDE, 14, 15, columns=(8, 24)))
    left = np.where(top_bars(np.float32([SEVEN + rim, crossed])), 0, [SEVEN + rim, crossed])
    np.testing.assert_array_equal(left[0], np.where(BAR, 0, SEVEN))
    np.testing.assert_array_equal(left[1], np.where(BAR, 0, crossed))


def test_bars_of_real_sevens(mnist):
    sevens = mnist.images[mnist.labels == 7]
    masks = np.asarray(top_bars(sevens))
    np.testing.assert_array_equal(masks, [slow_top_bar(image) for image in sevens])
    found = masks.any(axis=1)
    assert found.mean() > 0.97
    # A third of a 7's ink is its bar, and what remains of its upper part is about as wide as a 1.
    assert 0.2 < np.mean((masks * sevens).sum(1)[found] / sevens.sum(1)[found]) < 0.4
    left = np.where(masks, 0, sevens).reshape(-1, SIDE, SIDE)[found]
    ones = mnist.images[mnist.labels == 1].reshape(-1, SIDE, SIDE)
    whole = sevens.reshape(-1, SIDE, SIDE)[found]

    def width(images):
        return np.mean((images[:, :12] > strokes.INK).any(1).sum(1))

    assert width(whole) > width(ones) + 6 and width(left) < width(ones) + 2.5


def test_a_bar_is_moved_onto_a_one(key):
    sevens, ones = np.stack([BLANK, SEVEN, BLANK]), np.stack([ONE, BLANK, 0.5 * moved(ONE, 1, -2)])
    result = transplant(key, sevens, top_bars(sevens), ones)
    np.testing.assert_array_equal(result[0], np.maximum(ONE, moved(BAR, 4, 5)))
    np.testing.assert_array_equal(result[1], BLANK)
    np.testing.assert_array_equal(result[2], np.maximum(ones[2], moved(BAR, 5, 3)))


def test_no_bar_is_nothing_to_transplant_and_what_does_not_fit_is_lost(key):
    np.testing.assert_array_equal(transplant(key, SEVEN[None], np.zeros((1, SIDE**2), bool), ONE[None]), ONE[None])
    far_left = moved(ONE, 0, -17)
    expected = np.maximum(far_left, strokes.rows(SIDE, 8, 10, columns=(0, 2)))
    np.testing.assert_array_equal(transplant(key, SEVEN[None], BAR[None], far_left[None])[0], expected)


def test_every_bar_is_drawn_about_as_often(key):
    greys = np.float32([0.4, 0.6, 1])[:, None] * SEVEN
    masks = np.stack([BAR, np.zeros_like(BAR), BAR])
    drawn = np.max(transplant(key, greys, masks, np.tile(np.float32(0.3) * ONE, (600, 1))), axis=1)
    assert set(drawn.tolist()) == set(greys[[0, 2], :].max(axis=1).tolist())
    assert 0.4 < np.mean(drawn > 0.5) < 0.6


def test_blend_goes_straight_from_one_image_to_the_other():
    first, second = SEVEN[None], ONE[None]
    np.testing.assert_array_equal(strokes.blend(first, second, 0.0), first)
    np.testing.assert_array_equal(strokes.blend(first, second, 1.0), second)
    np.testing.assert_allclose(strokes.blend(first, second, 0.25), 0.75 * first + 0.25 * second)
    shares = np.float32([[0.5], [1]])
    np.testing.assert_allclose(strokes.blend(first.repeat(2, 0), second.repeat(2, 0), shares)[1], ONE)


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1), st.floats(0.05, 0.4))
def test_equal_ink_is_equal_and_elsewhere(seed, share):
    rng = np.random.default_rng(seed)
    images = np.float32(np.maximum(rng.uniform(-1, 1, (6, 100)), 0))
    masks = rng.uniform(size=images.shape) < share
    key = jax.random.key(seed)

    erased = np.asarray(erase_equal_ink(key, images, masks))
    held, outside = (images * masks).sum(1), (images * ~masks).sum(1)
    np.testing.assert_allclose((images - erased).sum(1), np.minimum(held, outside), atol=1e-4)
    np.testing.assert_array_equal(erased[masks], images[masks])
    assert np.all((0 <= erased) & (erased <= images))
    assert np.all(((erased != images) & (erased > 1e-5)).sum(1) <= 1)  # pixels go whole, but for the last

    edited = np.where(masks, np.maximum(images, 0.3), images)
    drawn = np.asarray(draw_equal_ink(key, images, edited))
    np.testing.assert_allclose((drawn - images).sum(1), (edited - images).sum(1), atol=1e-4)
    changed = drawn != images
    assert not np.any(changed & ((edited != images) | (images > strokes.INK)))
    assert np.all((images <= drawn) & (drawn <= 1)) and np.all((changed & (drawn < 1 - 1e-5)).sum(1) <= 1)


def test_equal_ink_takes_all_that_there_is_and_no_more(key):
    mask = strokes.rows(SIDE, 0, 13)[None]
    np.testing.assert_array_equal(erase_equal_ink(key, BLANK[None], mask), BLANK[None])
    heavy = np.where(mask, 1, 0.1).astype(np.float32)
    np.testing.assert_array_equal(erase_equal_ink(key, heavy, mask), np.float32(mask))
    half_full = np.where(strokes.rows(SIDE, 0, 9), 0, 0.8)[None].astype(np.float32)
    edited = np.maximum(half_full, mask & (half_full == 0) & (np.arange(SIDE**2) > 20))
    np.testing.assert_allclose(draw_equal_ink(key, half_full, edited)[0, :21], 1)


def test_equal_ink_falls_on_every_pixel_alike():
    images, masks = jnp.ones((1, 20)), jnp.arange(20)[None] < 5
    erased = jax.vmap(lambda key: erase_equal_ink(key, images, masks))(jax.random.split(jax.random.key(0), 2000))
    np.testing.assert_allclose(1 - np.mean(erased[:, 0, 5:], axis=0), 1 / 3, atol=0.05)
