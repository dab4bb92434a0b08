import jax
import jax.numpy as jnp
import numpy as np
import pytest
from instance_variation_records import LAYERS, near, record

from jaxinterp import data
from jaxinterp.analysis import fragments
from jaxinterp.config import DataConfig
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network
from jaxinterp.studies.instance_variation import strokes
from jaxinterp.studies.instance_variation.strokes import ANOTHER, DRAWN, ELSEWHERE, IN_DIGIT, IN_OTHER, LINKS, SOURCES

SEEDS, PIXELS = 6, 784


@pytest.fixture(scope="module")
def digits():
    test = data.load(DataConfig()).test
    return Dataset(test.images[:70], test.labels[:70])


@pytest.fixture(scope="module")
def shown(digits):
    parts = fragments.cut(digits.images, count=strokes.PARTS)
    return jax.jit(strokes.show)(jax.random.key(0), digits.images, parts)


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


def asked(network, digits, shown, seed=0):
    return jax.jit(strokes.effects)(network, digits, shown, jax.random.key(seed), np.arange(3))


def test_a_network_without_hidden_units_does_the_same_alone_and_in_the_digit(digits, shown):
    weights = np.random.default_rng(0).normal(size=(PIXELS, 10))
    linked = dict(zip(LINKS, np.asarray(asked(linear(weights), digits, shown).linked), strict=True))
    assert linked[IN_DIGIT] == pytest.approx(1, abs=1e-4)
    assert max(abs(linked[name]) for name in (ELSEWHERE, ANOTHER, IN_OTHER)) < 0.5


def test_a_network_that_counts_ink_does_the_same_wherever_it_is(digits, shown):
    weights = np.ones((PIXELS, 1)) * np.random.default_rng(0).normal(size=10)
    found = asked(linear(weights), digits, shown)
    np.testing.assert_allclose(found.linked, 1, atol=1e-3)
    np.testing.assert_allclose(found.moves[0], found.moves[1], rtol=1e-3)
    np.testing.assert_allclose(found.moves[0], found.moves[2], rtol=1e-3)
    favourite = int(np.argmax(weights[0]))
    share = np.mean((digits.labels == favourite) & np.asarray(shown.known)) / np.mean(shown.known)
    np.testing.assert_allclose(found.own, np.broadcast_to(share, 3), atol=1e-6)


def test_fragments_raise_their_own_digit_where_the_network_knows_each_image(digits, shown):
    """Ten images, one a digit: the weights of a class are its own image, so that its strokes fit it best."""
    first = np.array([np.argmax(digits.labels == digit) for digit in range(10)])
    few = Dataset(digits.images[first], digits.labels[first])
    theirs = strokes.Shown(shown.images[:, :, first], shown.known[:, first])
    images = few.images / np.linalg.norm(few.images, axis=1, keepdims=True)
    found = asked(linear(images.T), few, theirs)
    assert found.own[0] > 0.7 > 0.3 > max(found.own[1:])
    moves = np.asarray(found.moves[0])
    expected = np.array([theirs.images[0][:, k].sum(0) for k in range(10)]) @ images.T / 3
    np.testing.assert_allclose(moves, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.by_part[0], np.asarray(theirs.images[0][:, 0]) @ images.T, rtol=1e-3, atol=1e-3)


def test_digits_without_images_have_no_moves(digits, shown):
    few = Dataset(digits.images, np.minimum(digits.labels, 3))
    found = asked(linear(np.ones((PIXELS, 6))), few, shown)
    assert np.isnan(found.moves[:, 4:]).all() and np.isfinite(found.moves[:, :4]).all()


def verdict(made, id_):
    return {finding.claim.id: finding for finding in strokes.findings(made)}[id_].verdict


@pytest.mark.parametrize(
    ("alone", "moved", "expected"),
    [(0.9, 0.1, "holds"), (0.3, 0.1, "does not hold"), (0.9, 0.85, "does not hold"), (0.1, 0.4, "does not hold")],
)
def test_strokes_must_raise_their_digit_more_than_elsewhere(alone, moved, expected):
    made = record(SEEDS, own_logit=np.stack([near(SEEDS, mean, seed=k) for k, mean in enumerate((alone, moved, 0.1))]))
    assert verdict(made, "3.7 own") == expected


@pytest.mark.parametrize(
    ("id_", "link", "chance"), [("3.7 shape", ELSEWHERE, ANOTHER), ("3.7 context", IN_DIGIT, IN_OTHER)]
)
@pytest.mark.parametrize(
    ("own", "control", "expected"), [(0.9, 0.2, "holds"), (0.9, 0.88, "does not hold"), (0.3, 0.0, "does not hold")]
)
def test_links_are_judged_beside_their_chance(id_, link, chance, own, control, expected):
    made = record(SEEDS)
    made.linked[LINKS.index(link), 0] = near(SEEDS, own)
    made.linked[LINKS.index(chance), 0] = near(SEEDS, control, seed=1)
    assert verdict(made, id_) == expected


@pytest.mark.parametrize(
    ("shape", "place", "expected"), [(0.8, 0.3, "holds"), (0.3, 0.8, "does not hold"), (0.5, 0.5, "undecided")]
)
def test_concept_or_location(shape, place, expected):
    made = record(SEEDS)
    for layer, source in np.ndindex(2, len(SOURCES)):
        made.encoding[source, 0, layer, made.causes.index("same_shape")] = near(SEEDS, shape, seed=2)
        made.encoding[source, 0, layer, made.causes.index("same_place")] = near(SEEDS, place, seed=3)
        assert verdict(made, f"3.8 {LAYERS[layer]} {SOURCES[source]}") == expected


@pytest.mark.parametrize(("after", "expected"), [(0.4, "holds"), (0.05, "does not hold")])
def test_learned_is_more_than_before_training(after, expected):
    made = record(SEEDS)
    for stage, mean in enumerate((after, 0.1)):
        made.encoding[SOURCES.index(DRAWN), stage, 1, made.causes.index("shape")] = near(SEEDS, mean, seed=stage)
    assert verdict(made, "3.8 hidden1 learned") == expected
