"""What fragments of digits do to planted networks' logits, and tables of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import data
from jaxinterp.analysis import fragments
from jaxinterp.config import DataConfig
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network

PARTS, PIXELS = 3, 784


@pytest.fixture(scope="module")
def digits():
    test = data.load(DataConfig()).test
    return Dataset(test.images[:70], test.labels[:70])


@pytest.fixture(scope="module")
def shown(digits):
    parts = fragments.cut(digits.images, count=PARTS)
    return jax.jit(fragments.show, static_argnames="count")(jax.random.key(0), digits.images, parts, count=PARTS)


def test_controls_hold_as_much_ink(shown):
    alone, moved, scattered = (np.asarray(images) for images in shown.images)
    for images in (moved, scattered):
        np.testing.assert_allclose(images.sum(-1), alone.sum(-1), rtol=1e-4)
        assert not np.allclose(images, alone)
    assert not np.any((scattered > 0) & (alone > 0))
    np.testing.assert_array_equal(shown.known, alone.sum(-1) > 0)


def linear(weights):
    output = {"kernel": jnp.float32(weights), "bias": jnp.arange(weights.shape[1], dtype=jnp.float32)}
    return Network(MLP((), weights.shape[1]), {"params": {"output": output}})


def effects(network, digits, shown):
    return jax.jit(fragments.effects)(network, digits, shown, jax.random.key(0), np.arange(3))


def test_a_network_without_hidden_units_does_the_same_alone_and_in_the_digit(digits, shown):
    weights = np.random.default_rng(0).normal(size=(PIXELS, 10))
    elsewhere, another, in_digit, in_other = np.asarray(effects(linear(weights), digits, shown).linked)
    assert in_digit == pytest.approx(1, abs=1e-4)
    assert max(abs(elsewhere), abs(another), abs(in_other)) < 0.5


def test_a_network_that_counts_ink_does_the_same_wherever_it_is(digits, shown):
    weights = np.ones((PIXELS, 1)) * np.random.default_rng(0).normal(size=10)
    found = effects(linear(weights), digits, shown)
    np.testing.assert_allclose(found.linked, 1, atol=1e-3)
    np.testing.assert_allclose(found.moves[0], found.moves[1], rtol=1e-3)
    np.testing.assert_allclose(found.moves[0], found.moves[2], rtol=1e-3)
    largest = int(np.argmax(weights[0]))
    share = np.mean((digits.labels == largest) & np.asarray(shown.known)) / np.mean(shown.known)
    np.testing.assert_allclose(found.own, np.broadcast_to(share, 3), atol=1e-6)


def test_fragments_raise_their_own_digit_where_the_network_knows_each_image(digits, shown):
    """Ten images, one a digit: the weights of a class are its own image, so that its strokes fit it best."""
    first = np.array([np.argmax(digits.labels == digit) for digit in range(10)])
    few = Dataset(digits.images[first], digits.labels[first])
    theirs = fragments.Shown(shown.images[:, :, first], shown.known[:, first])
    images = few.images / np.linalg.norm(few.images, axis=1, keepdims=True)
    found = effects(linear(images.T), few, theirs)
    assert found.own[0] > 0.7 > 0.3 > max(found.own[1:])
    moves = np.asarray(found.moves[0])
    expected = np.array([theirs.images[0][:, k].sum(0) for k in range(10)]) @ images.T / 3
    np.testing.assert_allclose(moves, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.by_part[0], np.asarray(theirs.images[0][:, 0]) @ images.T, rtol=1e-3, atol=1e-3)


def test_digits_without_images_have_no_moves(digits, shown):
    few = Dataset(digits.images, np.minimum(digits.labels, 3))
    found = effects(linear(np.ones((PIXELS, 6))), few, shown)
    assert np.isnan(found.moves[:, 4:]).all() and np.isfinite(found.moves[:, :4]).all()


def test_a_network_that_is_not_finite_is_unknown(digits, shown):
    found = effects(linear(np.full((PIXELS, 10), np.nan)), digits, shown)
    assert all(np.isnan(values).all() for values in found)


def test_tables_of_fragments_hold_only_those_that_fit(shown):
    alone = shown.images[0].reshape(-1, PIXELS)
    tables = np.asarray(fragments.placed(alone, sets=2, seed=0))
    assert tables.shape == (2, len(fragments.SHAPES), fragments.PLACES, PIXELS)
    ink = tables.sum(axis=-1)
    np.testing.assert_allclose(ink, np.broadcast_to(ink[:, :, :1], ink.shape), rtol=1e-4)
    few = np.asarray(fragments.placed(alone[:3], sets=1, seed=0))
    assert (few.sum(axis=(2, 3)) > 0).sum() <= 3
