import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from support import planted

from jaxinterp import data
from jaxinterp.analysis import fragments
from jaxinterp.analysis.strokes import INK
from jaxinterp.config import DataConfig
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network

SIDE = 28
EIGHT = np.ones((3, 3))
cut = jax.jit(fragments.cut, static_argnames="count")
encode = jax.jit(fragments.encoding)


@pytest.fixture(scope="module")
def digits():
    return data.load(DataConfig()).test.images[:60]


def blank(count=1, side=SIDE):
    return np.zeros((count, side, side), np.float32)


def flat(images):
    return images.reshape(len(images), -1)


# Cutting.


@pytest.mark.parametrize("count", [1, 3, 4])
def test_parts_are_connected_and_make_up_the_digit(digits, count):
    parts = np.asarray(cut(digits, count=count))
    assert parts.min() == 0 and np.all(parts[digits == 0] == count)
    pieces = [scipy.ndimage.label(image.reshape(SIDE, SIDE) > INK, EIGHT)[1] for image in digits]
    for image, part, apart in zip(digits, parts, pieces, strict=True):
        if apart > count:
            continue
        assert np.all(part[image > INK] < count)
        for own in range(count):
            assert scipy.ndimage.label((part == own).reshape(SIDE, SIDE), EIGHT)[1] == 1
    shown = fragments.alone(digits, parts, count=count)
    kept = np.asarray(shown.sum(0))
    assert np.all((kept == digits) | (kept == 0)) and kept.sum() > (0.98 if count == 1 else 0.999) * digits.sum()


def test_a_bar_is_cut_at_its_ends_and_in_its_middle():
    image = blank()
    image[0, 10, 4:21] = 1
    parts = np.asarray(cut(flat(image), count=3)).reshape(SIDE, SIDE)[10, 4:21]
    # Seeds at both ends and in the middle, 0, 16 and 8; what is as far from two belongs to the earlier.
    assert parts.tolist() == [1] * 5 + [2] * 7 + [0] * 5


def test_pieces_that_are_apart_have_their_own_parts():
    image = blank()
    image[0, 3, 3:20], image[0, 8, 3:8], image[0, 20, 20] = 1, 1, 1
    parts = np.asarray(cut(flat(image), count=3)).reshape(SIDE, SIDE)
    assert [set(parts[where].ravel()) for where in (np.s_[3, 3:20], np.s_[8, 3:8], np.s_[20, 20])] == [{0}, {1}, {2}]
    assert set(np.asarray(cut(flat(image), count=1)).reshape(SIDE, SIDE)[3, 3:20]) == {0}
    assert (np.asarray(cut(flat(image), count=2)).reshape(SIDE, SIDE)[20, 20]) == 2  # no part is left for it


def test_faint_pixels_follow_the_ink():
    image = blank()
    image[0, 5, 5:15], image[0, 6, 5:15], image[0, 25, 25] = 1, 0.1, 0.1
    parts = np.asarray(cut(flat(image), count=2)).reshape(SIDE, SIDE)
    assert set(parts[6, 5:15]) == {0, 1} and parts[25, 25] == 2
    assert parts[6, 5] == parts[5, 5] and parts[6, 14] == parts[5, 14]


def test_little_or_no_ink():
    images = blank(2)
    images[1, 4, 4] = 1
    parts = np.asarray(cut(flat(images), count=2))
    assert np.all(parts[0] == 2) and parts[1].reshape(SIDE, SIDE)[4, 4] == 0 and np.sum(parts[1] < 2) == 1
    with pytest.raises(InputError, match="count is 0: cut a digit into 1 or more parts"):
        fragments.cut(flat(images), count=0)


@settings(max_examples=15)
@given(down=st.integers(-3, 3), right=st.integers(-3, 3))
def test_a_moved_digit_is_cut_alike(digits, down, right):
    image = digits[[0, 1, 8]].reshape(-1, SIDE, SIDE)
    inner = np.zeros_like(image)
    inner[:, 4:24, 4:24] = image[:, 4:24, 4:24]
    moved = np.roll(inner, (down, right), (1, 2))
    parts = np.asarray(cut(flat(inner), count=3)).reshape(inner.shape)
    np.testing.assert_array_equal(
        np.asarray(cut(flat(moved), count=3)).reshape(inner.shape), np.roll(parts, (down, right), (1, 2))
    )


# What fragments do to logits.


def test_fragments_move_the_logits_of_the_units_that_they_feed():
    network, images = planted.network(), planted.data().images[:8]
    shown = np.zeros((2, *images.shape), np.float32)
    shown[0, :, :4], shown[1, :, 4:] = images[:, :4], images[:, 4:]
    found = jax.jit(fragments.moves)(network, images, shown)
    whole, black = network(images)[0], network(np.zeros_like(images))[0]
    np.testing.assert_allclose(found.alone[0], whole - black, atol=1e-5)  # the other pixels are read by no unit
    np.testing.assert_allclose(found.added[0], whole - black, atol=1e-5)
    assert np.allclose(found.alone[1], 0, atol=1e-6) and np.allclose(found.added[1], 0, atol=1e-6)


def test_without_hidden_units_a_fragment_does_the_same_alone_and_in_its_digit(digits):
    weights = {"kernel": jax.random.normal(jax.random.key(0), (3, SIDE**2, 4)), "bias": jnp.ones((3, 4))}
    networks = Network(MLP((), 4), {"params": {"output": weights}})
    shown = fragments.alone(digits[:6], cut(digits[:6], count=3), count=3)
    found = jax.jit(over_seeds(fragments.moves, chunk=2))(networks, digits[:6], shown)
    assert found.alone.shape == (3, 3, 6, 4)
    np.testing.assert_allclose(found.alone, found.added, atol=1e-3)


# Moving.


def box(image):
    rows, columns = np.nonzero(image.reshape(SIDE, SIDE))
    return image.reshape(SIDE, SIDE)[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def test_elsewhere_keeps_the_shape_and_goes_everywhere(key):
    image = blank()
    image[0, 3:5, 2:6] = [[1, 0, 0.5, 1], [0, 1, 0, 0.2]]
    moved = jax.vmap(lambda k: fragments.elsewhere(k, flat(image)))(jax.random.split(key, 1500))
    moved = np.asarray(moved)[:, 0].reshape(-1, SIDE, SIDE)
    corners = set()
    for one in moved:
        rows, columns = np.nonzero(one)
        corners.add((rows.min(), columns.min()))
        np.testing.assert_array_equal(box(one), box(image[0]))
    assert {row for row, _ in corners} == set(range(SIDE - 1)) and {c for _, c in corners} == set(range(SIDE - 3))
    assert not np.asarray(fragments.elsewhere(key, flat(blank(2)))).any()


def test_every_place_holds_the_whole_of_what_fits(digits):
    shown = np.asarray(fragments.alone(digits, cut(digits, count=3), count=3)).reshape(-1, SIDE**2)
    fit = np.asarray(fragments.fits(shown))
    placed = np.asarray(fragments.in_every_place(shown))
    assert placed.shape == (fragments.PLACES, len(shown), SIDE**2) and 0.5 < fit.mean() < 1
    np.testing.assert_allclose(placed.sum(-1)[:, fit], np.broadcast_to(shown.sum(-1)[fit], (9, fit.sum())), rtol=1e-5)
    for image in placed[:, fit][:, 3]:
        np.testing.assert_array_equal(box(image), box(shown[fit][3]))
    centres = [np.mean(np.nonzero(image.reshape(SIDE, SIDE).any(1))[0][[0, -1]]) for image in placed[:, fit][:, 3]]
    np.testing.assert_allclose(centres, np.repeat([6.5, 13.5, 20.5], 3), atol=0.5)
    assert not np.asarray(fragments.fits(np.stack([flat(blank())[0], np.ones(SIDE**2, np.float32)]))).any()


def test_drawn_strokes_are_the_same_in_every_place():
    table = fragments.drawn(0, sets=2)
    assert table.shape == (2, len(fragments.SHAPES), fragments.PLACES, SIDE**2) and table.dtype == np.float32
    images = table.reshape(*table.shape[:3], SIDE, SIDE)
    for place in range(fragments.PLACES):
        row, column = divmod(place, 3)
        np.testing.assert_allclose(
            images[:, :, place], np.roll(images[:, :, 0], (7 * row, 7 * column), (2, 3)), atol=1e-5
        )
    np.testing.assert_array_equal(table, fragments.drawn(0, sets=2))
    assert not np.array_equal(table, fragments.drawn(1, sets=2))
    assert 0 <= table.min() and table.max() <= 1
    # Each bar turned by a right angle is another one, and each arc too.
    turned = {0: 1, 2: 3, 5: 8}
    centred = images[0, :, 4] - fragments.drawn(0, sets=1)[0, :, 4].reshape(-1, SIDE, SIDE) + images[0, :, 4]
    for first, second in turned.items():
        assert centred[first].sum() == pytest.approx(centred[second].sum(), rel=0.15)


# What a layer encodes.


def test_planted_causes_are_found():
    rng = np.random.default_rng(0)
    stroke, place = rng.normal(size=(3, 9, 1, 12)), rng.normal(size=(3, 1, 9, 12))
    zero = np.zeros(12)
    full = np.broadcast_to
    for values, shares in (
        (stroke, (1, 0, 0)),
        (place, (0, 1, 0)),
        (stroke * place, None),
    ):
        found = encode(full(values, (3, 9, 9, 12)).astype(np.float32), zero)
        if shares is not None:
            np.testing.assert_allclose(found[:3], shares, atol=1e-5)
            np.testing.assert_allclose(
                found[3:5], [shares[0] or float(found[5]), shares[1] or float(found[5])], atol=0.1
            )
    assert float(found.both) > 0.6


def test_independent_answers_give_what_chance_gives():
    answers = np.random.default_rng(0).normal(size=(60, 9, 5, 16)).astype(np.float32)
    found = encode(answers, np.zeros(16))
    np.testing.assert_allclose(found[:3], (8 / 44, 4 / 44, 32 / 44), atol=0.01)
    np.testing.assert_allclose(found[3:], 0.25, atol=0.01)


def slow(activations, black):
    sets, shapes, places, units = activations.shape
    sums = np.zeros(4)
    for table in activations:
        grand = table.mean((0, 1))
        by_shape, by_place = table.mean(1) - grand, table.mean(0) - grand
        rest = table - grand - by_shape[:, None] - by_place
        sums += [
            places * (by_shape**2).sum(),
            shapes * (by_place**2).sum(),
            (rest**2).sum(),
            ((table - grand) ** 2).sum(),
        ]
    lit = {}
    for index in np.ndindex(sets, shapes, places):
        lit[index] = set(np.argsort(-np.abs(activations[index] - black))[: round(0.25 * units)])
    common = {"shape": [], "place": [], "neither": []}
    for (s, a, p), first in lit.items():
        for (t, b, q), second in lit.items():
            if s == t and (a, p) != (b, q):
                kind = "shape" if a == b else "place" if p == q else "neither"
                common[kind].append(len(first & second) / len(first))
    return [*(sums[:3] / sums[3]), *(np.mean(values) for values in common.values())]


def test_encoding_is_its_definition():
    rng = np.random.default_rng(1)
    answers = rng.normal(size=(2, 4, 3, 8)) + rng.normal(size=(1, 4, 1, 8)) + 100
    black = rng.normal(size=8) + 100
    np.testing.assert_allclose(
        encode(answers.astype(np.float32), black.astype(np.float32)), slow(answers, black), rtol=1e-4
    )


def test_a_network_of_known_detectors():
    """hidden0: one unit a stroke and place; hidden1: one unit a stroke, wherever it is, then one a place."""
    table = fragments.drawn(0, sets=1)
    templates = table.reshape(-1, SIDE**2)
    detectors = templates / np.sum(templates**2, axis=1, keepdims=True) - 0.05 * (templates == 0)
    cells = np.eye(81).reshape(9, 9, 81)
    last = np.concatenate([cells.sum(1), cells.sum(0)]).T
    layers = {
        "hidden0": (detectors.T, np.full(81, -0.95)),
        "hidden1": (last, np.zeros(18)),
        "output": (np.eye(18), np.zeros(18)),
    }
    params = {n: {"kernel": jnp.float32(k), "bias": jnp.float32(b)} for n, (k, b) in layers.items()}
    network = Network(MLP((81, 18), 18), {"params": params})
    answers, black = network(table)[1]["hidden1/post"], network(np.zeros(SIDE**2, np.float32))[1]["hidden1/post"]
    strokes, places = encode(answers[..., :9], black[:9]), encode(answers[..., 9:], black[9:])
    assert strokes.shape > 0.99 and places.place > 0.99
    assert strokes.same_shape > strokes.same_place and places.same_place > places.same_shape


def test_what_is_the_same_everywhere_has_no_encoding():
    constant = encode(np.ones((1, 3, 3, 4), np.float32), np.zeros(4))
    assert np.isnan(np.array(constant)).all()
    broken = encode(np.full((1, 3, 3, 4), np.nan, np.float32), np.zeros(4))
    assert np.isnan(np.array(broken)).all()
    single = encode(np.random.default_rng(0).normal(size=(1, 3, 1, 4)).astype(np.float32), np.zeros(4))
    assert np.isnan(single.same_shape) and np.isnan(single.neither) and np.isfinite(single.same_place)
