"""What the study measures, on maps and networks in which it is known."""

import jax
import jax.numpy as jnp
import numpy as np
import planted as network_with_roles
import pytest

from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network
from jaxinterp.studies.looking_for_four import asked, backwards, focus, growth, ladder, likeness, tracing
from jaxinterp.studies.looking_for_four.record import AS_IT_IS, TARGET, TURNS

SIDE = 12


def blobs(*places, side=SIDE):
    """Squares of 2 × 2 pixels at the given rows and columns, each of its own weight."""
    image = np.zeros((side, side))
    for row, column, weight in places:
        image[row : row + 2, column : column + 2] = weight
    return image.ravel()


@pytest.mark.parametrize(
    ("places", "count", "distance"),
    [
        ([(1, 1, 1.0)], 1, 0),
        ([(1, 1, 1.0), (1, 9, -1.0)], 2, 8),
        ([(0, 0, 1.0), (10, 10, 1.0), (0, 10, 1.0)], 3, 10),
        ([(1, 1, 1.0), (4, 1, 1.0), (8, 1, 1.0), (1, 8, 1.0), (8, 8, 1.0)], 0, 0),
    ],
    ids=["one", "two of opposite sign", "three", "five are too many"],
)
def test_foci_are_counted_and_measured(places, count, distance):
    found, apart = jax.jit(focus.foci)(jnp.asarray(blobs(*places), jnp.float32)[None])
    assert found[0] == count
    assert apart[0] == pytest.approx(distance) or (count == 3 and apart[0] >= 10)


def test_a_map_without_mass_has_no_foci():
    maps = jnp.stack([jnp.zeros(SIDE**2), jnp.full(SIDE**2, jnp.nan), jnp.asarray(blobs((3, 3, 1.0)), jnp.float32)])
    count, distance = focus.foci(maps)
    assert np.isnan(count[:2]).all() and np.isnan(distance[:2]).all() and count[2] == 1


def test_turned_maps_are_all_eight_and_agree_with_numpy():
    image = np.arange(9.0)
    grid = image.reshape(3, 3)
    found = dict(zip(TURNS, asked.turned(image[None, None])[0, :, 0].reshape(-1, 3, 3), strict=True))
    np.testing.assert_array_equal(found[AS_IT_IS], grid)
    np.testing.assert_array_equal(found["mirrored"], np.fliplr(grid))
    np.testing.assert_array_equal(found["upside down"], np.flipud(grid))
    np.testing.assert_array_equal(found["half turn"], np.rot90(grid, 2))
    np.testing.assert_array_equal(found["transposed"], grid.T)
    np.testing.assert_array_equal(found["quarter left"], np.rot90(grid))
    np.testing.assert_array_equal(found["quarter right"], np.rot90(grid, -1))
    np.testing.assert_array_equal(found["crossed"], np.rot90(grid, 2).T)
    assert len({turn.tobytes() for turn in found.values()}) == 8


def test_templates_are_means_and_their_differences():
    rng = np.random.default_rng(0)
    data = Dataset(rng.uniform(size=(50, 9)).astype(np.float32), rng.integers(0, 3, 50).astype(np.int32))
    own, less_rest = asked.templates(data, 4)
    for label in range(3):
        members = data.labels == label
        np.testing.assert_allclose(own[label], data.images[members].mean(axis=0), rtol=1e-5)
        rest = data.images[~members].mean(axis=0)
        np.testing.assert_allclose(less_rest[label], data.images[members].mean(axis=0) - rest, atol=1e-6)
    assert not own[3].any() and not less_rest[3].any()  # nobody


def test_the_way_that_is_gone():
    rng = np.random.default_rng(0)
    begun, final = (jnp.asarray(rng.normal(size=(4, 30)), jnp.float32) for _ in range(2))
    lit = jnp.arange(30) < 25
    for share in (0.0, 0.25, 1.0):
        here = begun + share * (final - begun)
        own, other, moved = growth._compare((begun,), (here,), (final,), lit)
        np.testing.assert_allclose(moved, share, atol=1e-5)
        expected = np.mean([np.corrcoef(here[i, :25], final[i, :25])[0, 1] for i in range(4)])
        np.testing.assert_allclose(own, expected, atol=1e-5)
        assert abs(other[0]) < 1


def test_pixels_that_go_on_as_they_began():
    begun = jnp.zeros((2, 4))
    early = jnp.array([[1.0, 1, -1, -1], [1.0, 1, 1, 1]])
    final = jnp.array([[2.0, 2, -2, 0], [2.0, 2, 2, 2]])  # one of eight turns back
    own, other = growth._onward((begun,), (early,), (final,), jnp.ones(4, bool))
    assert own[0] == pytest.approx(7 / 8) and other[0] == pytest.approx(5 / 8)


def reader():
    """9-6-5: unit u of the one hidden layer copies pixel u, and logit c reads unit c."""
    first, last = np.eye(9)[:, :6], np.eye(6)[:, :5]
    params = {
        "hidden0": {"kernel": jnp.float32(first), "bias": jnp.zeros(6)},
        "output": {"kernel": jnp.float32(last), "bias": jnp.zeros(5)},
    }
    return Network(MLP((6,), 5), {"params": params})


def bright(examples=100, seed=0):
    """Images of class c light pixel c, and noise elsewhere."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(examples) % 5).astype(np.int32)
    images = rng.uniform(0, 0.3, (examples, 9)).astype(np.float32)
    images[np.arange(examples), labels] = rng.uniform(0.7, 1, examples)
    return Dataset(images, labels)


def test_one_neuron_carries_a_logit_that_reads_it_alone():
    network, data = reader(), bright()
    np.testing.assert_allclose(
        backwards.contributions(network, data, TARGET).sum(axis=1), network(data.images)[0][:, TARGET], rtol=1e-6
    )
    carried = backwards.evidence(network, data)
    assert carried[TARGET] > 0.3 and np.abs(np.delete(np.asarray(carried), TARGET)).max() == 0
    shares = backwards._shares(network, data, bright(seed=1))
    np.testing.assert_allclose(shares["favourites"], 1, rtol=1e-6)
    np.testing.assert_allclose(shares["carriers"], 1, rtol=1e-6)


def test_blanking_what_is_read_goes_first():
    network, data = reader(), bright()
    fours = data.images[data.labels == TARGET]
    curves = dict(
        zip(backwards.ORDERS, backwards._deletion(network, jax.random.key(0), jnp.asarray(fours)), strict=True)
    )
    for name in backwards.ATTRIBUTIONS:
        np.testing.assert_allclose(curves[name][1:], 0, atol=1e-6)  # one pixel is read, and it goes first
    assert curves[backwards.ALL_PIXELS][1] > 0.5 and curves[backwards.INK][1] > 0.5
    for curve in curves.values():
        assert curve[0] == pytest.approx(fours[:, TARGET].mean(), abs=1e-6) and curve[-1] == 0


def test_a_four_is_nearest_its_own_average_and_takes_its_path():
    network = reader()
    found = tracing._trace(network, bright(), bright(seed=1))
    assert found["trace_nearest"] == 1
    assert (np.asarray(found["trace"]).argmax(axis=1) == np.arange(5)).all()
    assert found["path_overlap"] == 1  # ten neurons are all of them


def test_the_neuron_that_a_class_hangs_on_is_found():
    """In the planted network some classes are lost with one unit, and one is carried by two."""
    network, data = network_with_roles.network(), network_with_roles.data()
    activations = network(data.images)[1]["hidden0/post"]
    tellers = likeness._tellers(activations, data.labels, network_with_roles.CLASSES)
    assert tellers[network_with_roles.ALONE_CLASS] == network_with_roles.ALONE
    assert int(tellers[network_with_roles.PAIR_CLASS]) in network_with_roles.PAIR
    for unit, label in network_with_roles.OTHERS.items():
        assert tellers[label] == unit


def test_ablation_on_the_targets_images_is_that_on_all():
    network, data = reader(), bright()
    half = likeness.Half(data, data.images[data.labels == TARGET])
    found = likeness._accuracy_without(network, half, "hidden0/post", jax.random.key(0))
    zero = found[likeness.ABLATIONS.index("zero")]
    assert zero[TARGET] == 0 and (np.delete(np.asarray(zero), TARGET) == 1).all()
    mean = network(data.images)[1]["hidden0/post"].mean(axis=0)
    replaced = np.array(half.fours)
    replaced[:, TARGET] = mean[TARGET]
    right = np.argmax(network(replaced)[0], axis=1) == TARGET
    assert found[likeness.ABLATIONS.index("mean"), TARGET] == pytest.approx(float(right.mean()), abs=1e-6)


def test_every_rung_is_compared_with_one_before_it():
    for rung, (before, change) in ladder.BEFORE.items():
        assert ladder.RUNGS.index(before) < ladder.RUNGS.index(rung) and change
