"""What the study measures, on maps and networks in which it is known."""

import jax
import jax.numpy as jnp
import numpy as np
import planted as network_with_roles
import pytest
from looking_for_four_records import record

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


def correlation(first, second):
    return np.corrcoef(np.asarray(first, np.float64), np.asarray(second, np.float64))[0, 1]


def test_growth_agrees_with_numpy_over_lit_pixels():
    rng = np.random.default_rng(0)
    begun, here, final = (rng.normal(size=(4, 30)).astype(np.float32) for _ in range(3))
    lit = np.arange(30) < 25
    own, other, moved = growth._compare(*((jnp.asarray(maps),) for maps in (begun, here, final)), jnp.asarray(lit))
    way, gone = (final - begun)[:, lit], (here - begun)[:, lit]
    shares = [way[i] @ gone[i] / (way[i] @ way[i]) for i in range(4)]
    np.testing.assert_allclose(moved, np.mean(shares), atol=1e-5)
    np.testing.assert_allclose(own, np.mean([correlation(here[i, lit], final[i, lit]) for i in range(4)]), atol=1e-5)
    others = [correlation(here[i, lit], final[(i - 1) % 4, lit]) for i in range(4)]
    np.testing.assert_allclose(other, np.mean(others), atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_on_the_straight_way_the_share_gone_is_known(share):
    rng = np.random.default_rng(0)
    begun, final = (jnp.asarray(rng.normal(size=(4, 30)), jnp.float32) for _ in range(2))
    still = final.at[0].set(begun[0])  # one that stays has no way to go
    _, _, moved = growth._compare((begun,), (begun + share * (still - begun),), (still,), jnp.ones(30, bool))
    np.testing.assert_allclose(moved, share, atol=1e-5)


def test_pixels_that_go_on_as_they_began():
    begun = jnp.zeros((2, 4))
    early = jnp.array([[1.0, 1, -1, -1], [1.0, 1, 1, 1]])
    final = jnp.array([[2.0, 2, -2, 0], [2.0, 2, 2, 2]])  # one of eight turns back
    own, other = growth._onward((begun,), (early,), (final,), jnp.ones(4, bool))
    assert own[0] == pytest.approx(7 / 8) and other[0] == pytest.approx(5 / 8)


def seen(network, data, sample=1000):
    return asked.see(network, data.images[:sample])


def linear(weights, bias=0.0):
    """One hidden unit that hands on what it reads, and a logit of the target that reads nothing else."""
    params = {
        "hidden0": {"kernel": jnp.float32(weights)[:, None], "bias": jnp.zeros(1)},
        "output": {
            "kernel": jnp.float32(np.arange(5) == TARGET)[None],
            "bias": jnp.float32(bias * (np.arange(5) == TARGET)),
        },
    }
    return Network(MLP((1,), 5, activation="identity"), {"params": params})


def inked(pixels=36, examples=6, seed=3):
    """Images with ink in 5, 6, … pixels and dark elsewhere."""
    rng = np.random.default_rng(seed)
    images = np.zeros((examples, pixels))
    for place, image in enumerate(images):
        image[rng.permutation(pixels)[: 5 + place]] = rng.uniform(0.1, 1, 5 + place)
    return images.astype(np.float32)


def curve(image, weights, order):
    """The logit, at each share of the image's ink, as the pixels go that are named in the order."""
    left = np.array(image, np.float64)
    values = [left @ weights]
    for pixel in order:
        left[pixel] = 0
        values.append(left @ weights)
    return np.interp(np.linspace(0, 1, backwards.STEPS + 1) * len(order), np.arange(len(order) + 1), values)


def curves_of(weights, images, key=0, bias=0.0):
    network = linear(weights, bias)
    found = jax.jit(backwards._deletion)(asked.see(network, images), jax.random.key(key), images)
    return dict(zip(backwards.ORDERS, np.asarray(found, np.float64), strict=True))


def area(values):
    """Of a deletion curve, as the study takes it."""
    made = record(1, deletion=np.asarray(values)[None, None])
    return backwards.areas(made)[0, 0]


def test_deletion_agrees_with_numpy_where_the_best_order_is_known():
    """In a linear network the logit falls soonest if what adds most of it goes first."""
    images, rng = inked(), np.random.default_rng(0)
    weights = rng.normal(0.3, 1, images.shape[1])
    curves = curves_of(weights, images, bias=2.0)
    lit = [np.flatnonzero(image) for image in images]

    def mean_curve(key):
        return 2 + np.mean(
            [curve(i, weights, p[np.argsort(-key(i)[p])]) for i, p in zip(images, lit, strict=True)], axis=0
        )

    best, bright = mean_curve(lambda image: image * weights), mean_curve(lambda image: image)
    for name in backwards.ATTRIBUTIONS:
        np.testing.assert_allclose(curves[name], best, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(curves[backwards.BRIGHTEST], bright, atol=1e-5)
    assert all(abs(values[-1] - 2) < 1e-6 for values in curves.values())  # blank
    for seed in range(20):
        other = mean_curve(lambda image, seed=seed: np.random.default_rng(seed).uniform(size=len(image)))
        assert (best <= other + 1e-9).all() and area(best) < area(other)


def test_where_all_ink_adds_as_much_no_map_finds_any():
    """Whatever the network weighs dark pixels by: blanking them is not part of an order."""
    image = np.zeros((1, 36), np.float32)
    image[0, :9] = 0.5
    weights = np.r_[np.ones(9), np.linspace(-5, 5, 27)]
    curves = curves_of(weights, image)
    for name, values in curves.items():
        np.testing.assert_allclose(values, 4.5 * np.linspace(1, 0, backwards.STEPS + 1), atol=1e-5, err_msg=name)
        assert area(values) == pytest.approx(0.5, abs=1e-5)


def test_ink_that_speaks_against_the_target_is_no_others_floor():
    """Signed maps fall below the blank image; the area of the orders that do not is the same beside them."""
    image, weights = np.ones((1, 4), np.float32), np.array([3.0, 2.0, -1.0, -2.0])
    curves = curves_of(weights, image)
    signed, brightest = curves[backwards.ATTRIBUTIONS[0]], curves[backwards.BRIGHTEST]
    assert signed.min() == pytest.approx(-3, abs=1e-5) and signed[-1] == pytest.approx(0, abs=1e-6)
    both = backwards.areas(record(1, deletion=np.stack([signed, brightest])[None]))[0]
    assert both[1] == pytest.approx(area(brightest)) and both[0] < 0


def carriers(examples=200, seed=0):
    """Images of class c light the pixels 4 c to 4 c + 3; of 40 neurons neuron u copies pixel u % 20."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(examples) % 5).astype(np.int32)
    images = rng.uniform(0, 0.3, (examples, 25)).astype(np.float32)
    for pixel in range(4):
        images[np.arange(examples), 4 * labels + pixel] = rng.uniform(0.6, 1, examples)
    return Dataset(images, labels)


def wide(output):
    """A network of 40 neurons that reads `carriers`."""
    first = np.zeros((25, 40))
    first[np.arange(40) % 20, np.arange(40)] = 1
    params = {
        "hidden0": {"kernel": jnp.float32(first), "bias": jnp.zeros(40)},
        "output": {"kernel": jnp.float32(output), "bias": jnp.zeros(5)},
    }
    return Network(MLP((40,), 5), {"params": params})


def test_traces_and_paths_agree_with_numpy():
    rng = np.random.default_rng(5)
    network, choosing, scoring = wide(rng.normal(size=(40, 5))), carriers(), carriers(seed=1)
    found = jax.jit(tracing._trace)(seen(network, choosing), choosing, scoring)
    weight = np.asarray(network.variables["params"]["output"]["kernel"], np.float64)[:, TARGET]
    first, second = (np.asarray(network(half.images)[1]["hidden0/post"], np.float64) for half in (choosing, scoring))
    averages = [first[choosing.labels == label].mean(axis=0) for label in range(5)]

    def path(adds):
        return set(np.argsort(-adds)[:6])  # 15 % of 40

    paths = [path((average - first.mean(axis=0)) * weight) for average in averages]
    taken = [path(adds) for adds in (second - second.mean(axis=0)) * weight]
    for own in range(5):
        members = np.flatnonzero(scoring.labels == own)
        for label in range(5):
            alike = [np.corrcoef(second[i], averages[label])[0, 1] for i in members]
            assert found["trace"][own, label] == pytest.approx(np.mean(alike), abs=1e-4)
            shared = [len(taken[i] & paths[label]) / 6 for i in members]
            assert found["path"][own, label] == pytest.approx(np.mean(shared), abs=0.01)
    assert found["trace_nearest"] == 1


def test_a_path_that_every_digit_takes_is_not_the_digits_own():
    """Where the logit reads the pixels of its own class alone, 4s have a path of their own, other digits none of it."""
    choosing, scoring = carriers(), carriers(seed=1)
    own = np.zeros((40, 5))
    own[np.arange(40) % 20 // 4 == TARGET, TARGET] = 1
    path = tracing._trace(seen(wide(own), choosing), choosing, scoring)["path"]
    # The eight neurons of the class, of which six are a path.
    assert path[TARGET, TARGET] > 0.7 and np.delete(np.asarray(path)[TARGET], TARGET).max() < 0.35
    # Class 3 lights what speaks against the logit, and class 0 to 2 nothing that it reads: a 4 takes another's path.
    other = np.zeros((40, 5))
    other[np.arange(40) % 20 // 4 == TARGET - 1, TARGET] = -1
    path = tracing._trace(seen(wide(other), choosing), choosing, scoring)["path"]
    assert np.asarray(path)[TARGET, :3].max() > 0.7 * path[TARGET, TARGET]


def test_a_path_is_a_share_of_the_layer():
    assert tracing.path_length(64) == 10 and tracing.path_length(8) == 1 and tracing.path_length(2) == 1
    known = tracing._path(jnp.stack([jnp.arange(20.0), jnp.full(20, jnp.nan)]))
    assert known[0].tolist() == [0] * 17 + [1] * 3 and np.isnan(known[1]).all()


def test_the_neuron_that_a_class_hangs_on_is_found():
    """In the planted network some classes are lost with one unit, and one is carried by two."""
    network, data = network_with_roles.network(), network_with_roles.data()
    activations = network(data.images)[1]["hidden0/post"]
    tellers = likeness._tellers(activations, data.labels, network_with_roles.CLASSES)
    assert tellers[network_with_roles.ALONE_CLASS] == network_with_roles.ALONE
    assert int(tellers[network_with_roles.PAIR_CLASS]) in network_with_roles.PAIR
    for unit, label in network_with_roles.OTHERS.items():
        assert tellers[label] == unit


def test_every_rung_is_compared_with_one_before_it():
    for rung, (before, change) in ladder.BEFORE.items():
        assert ladder.RUNGS.index(before) < ladder.RUNGS.index(rung) and change
