import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp import networks
from jaxinterp.analysis import edges
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError

measure = jax.jit(edges.edges)
SIDES = st.sampled_from([3, 5, 8])
ANGLES = st.floats(0, 179)


def of(*windows):
    """Edges of windows "rows columns" of one channel."""
    return jax.tree.map(np.asarray, measure(np.stack(windows).astype(np.float32)[..., None]))


def wave(side, angle, phase):
    """A grating behind a Gaussian: at phase 0 an edge in the middle, at 90 degrees a line."""
    row, column = np.mgrid[:side, :side] - (side - 1) / 2
    across = np.cos(np.deg2rad(angle)) * column + np.sin(np.deg2rad(angle)) * row
    width = side / (3 * np.sqrt(2 * np.log(2)))
    window = np.exp(-(row**2 + column**2) / (2 * width**2))
    part = [window * trigonometric(2 * np.pi * across / side) for trigonometric in (np.sin, np.cos)]
    odd, even = ((own - own.mean()) / np.linalg.norm(own - own.mean()) for own in part)
    return np.cos(np.deg2rad(phase)) * odd + np.sin(np.deg2rad(phase)) * even


def noise(side, units, seed=0):
    return np.random.default_rng(seed).normal(size=(units, side, side))


@settings(max_examples=30, deadline=None)
@given(SIDES, ANGLES, st.floats(0, 360), st.floats(0.1, 10), st.floats(-5, 5))
def test_edges_and_lines_score_at_every_angle_and_phase(side, angle, phase, scale, offset):
    found = of(scale * wave(side, angle, phase) + offset)
    assert found.energy[0] > 0.96
    apart = abs(found.angle[0] - angle) % 180
    assert min(apart, 180 - apart) <= 180 / edges.ORIENTATIONS
    assert found.odd[0] == pytest.approx(np.cos(np.deg2rad(phase)) ** 2, abs=0.1)


@pytest.mark.parametrize("side", [3, 5, 7])
def test_a_sharp_step_scores_as_an_edge_at_every_angle(side):
    steps = edges.step_edges(side)
    found = jax.tree.map(np.asarray, measure(steps.astype(np.float32)))
    assert found.oriented.min() > 0.5 and np.ptp(found.oriented) < 0.25
    assert found.oriented.min() > np.quantile(of(*noise(side, 500)).oriented, 0.7)
    np.testing.assert_allclose(found.odd, 1, atol=1e-5)
    apart = np.abs(found.angle - 180 / edges.ORIENTATIONS * np.arange(edges.ORIENTATIONS))
    assert np.minimum(apart, 180 - apart).max() < 25  # of 3 × 3 pixels, steps of 0 and 11 degrees are nearly alike
    assert sorted(set(steps[0, 0, :, 0])) == [-1, 0, 1]


@settings(max_examples=20, deadline=None)
@given(SIDES, st.integers(0, 1000), st.floats(0.01, 100), st.floats(-3, 3))
def test_turning_a_filter_turns_its_angle_and_nothing_else(side, seed, scale, offset):
    own = noise(side, 1, seed)[0]
    found = of(own, np.rot90(own), own[::-1], -scale * own, own + offset)
    for name in ("energy", "across", "oriented", "odd"):
        np.testing.assert_allclose(getattr(found, name), getattr(found, name)[0], atol=2e-4)
    angle, turned, mirrored, *same = found.angle
    np.testing.assert_allclose([(angle + 90 - turned) % 180, (angle + mirrored) % 180], 0, atol=1e-3)
    np.testing.assert_allclose(same, angle)


def test_a_pair_explains_two_of_the_dimensions_of_noise():
    for side in (3, 5):
        windows = noise(side, 4000).reshape(4000, -1)
        windows -= windows.mean(axis=1, keepdims=True)
        share = np.sum((windows @ edges.pairs(side)[3]) ** 2, axis=1) / np.sum(windows**2, axis=1)
        assert share.mean() == pytest.approx(2 / (side**2 - 1), rel=0.05)


def test_shuffled_edges_are_noise():
    planted = np.stack([wave(5, angle, 0) for angle in np.linspace(0, 170, 40)])[..., None]
    orders = edges.shuffled(jax.random.key(0), planted, draws=20)
    np.testing.assert_allclose(np.sort(orders.reshape(20, 40, 25), axis=-1)[3], np.sort(planted.reshape(40, 25)), 1e-6)
    shuffled = np.asarray(measure(orders.reshape(-1, 5, 5, 1)).oriented)
    chance = of(*noise(5, 800)).oriented
    assert shuffled.mean() == pytest.approx(chance.mean(), abs=0.02)
    assert chance.mean() < 0.3 < 0.95 < of(*planted[..., 0]).oriented.mean()


def test_a_spot_has_energy_but_no_orientation():
    row, column = np.mgrid[:5, :5] - 2
    found = of(np.exp(-(row**2 + column**2) / 2))
    assert found.energy[0] > 0.2 and found.oriented[0] < 0.02


def test_constants_score_nothing_and_what_is_not_finite_is_alone():
    broken = wave(5, 0, 0)
    broken[2, 2] = np.nan
    found = of(np.full((5, 5), 0.3), np.zeros((5, 5)), broken, wave(5, 0, 0))
    for name in ("energy", "across", "oriented"):
        np.testing.assert_array_equal(getattr(found, name)[:2], 0)
    assert np.isnan(found.odd[:2]).all() and np.isnan(found.angle[:2]).all()
    assert all(np.isnan(getattr(found, name)[2]) for name in edges.Edges._fields)
    assert found.oriented[3] == pytest.approx(1, abs=1e-4)


def test_the_odd_filters_of_three_pixels_are_sobels():
    sobel = np.outer([1, 2, 1], [-1, 0, 1]) / np.sqrt(12)
    across, down = (edges.pairs(3)[place, :, 0].reshape(3, 3) for place in (0, edges.ORIENTATIONS // 2))
    np.testing.assert_allclose(across, sobel, atol=1e-12)
    np.testing.assert_allclose(down, sobel.T, atol=1e-12)


def test_channels_share_an_orientation_and_have_their_own_amplitudes():
    across, down = wave(5, 0, 0), wave(5, 90, 0)
    same, apart = (np.stack(pair, axis=-1) for pair in ((across, -3 * across), (across, down)))
    found = measure(np.stack([same, apart]).astype(np.float32))
    np.testing.assert_allclose(found.energy, [1, 0.5], atol=1e-4)
    np.testing.assert_allclose(found.oriented, [1, 0], atol=1e-4)


@pytest.mark.parametrize("shape", [(7, 9, 1), (6, 6, 3)])
def test_a_cut_is_the_window_of_largest_mass(shape):
    maps = np.random.default_rng(0).normal(size=(6, *shape)).astype(np.float32)
    found = np.asarray(edges.cut(maps.reshape(6, -1), shape, side=4))
    for own, window in zip(maps, found, strict=True):
        places = itertools.product(range(shape[0] - 3), range(shape[1] - 3))
        every = [own[row : row + 4, column : column + 4] for row, column in places]
        np.testing.assert_array_equal(window, max(every, key=lambda part: np.sum(part**2)))


def test_first_filters_are_what_a_channel_answers_to():
    config = ModelConfig((4,), 3, channels=(3,), kernel_size=(3,), padding=(0,), image_shape=(6, 6, 1))
    network = networks.init(jax.random.key(0), networks.build(config), 36)
    image = np.random.default_rng(0).uniform(size=(6, 6)).astype(np.float32)
    filters = np.asarray(edges.first_filters(network, (6, 6, 1), side=5))
    assert filters.shape == (3, 3, 3, 1)
    expected = np.einsum("urc,rc->u", filters[..., 0], image[1:4, 2:5])
    layer = network.model.layers[0]
    bias = network(jnp.zeros(36))[1][layer.pre][1, 2]
    np.testing.assert_allclose(network(image.ravel())[1][layer.pre][1, 2] - bias, expected, atol=1e-5)
    with pytest.raises(InputError, match=r"hidden0 is no convolution"):
        networks.filters(network, network.model.layers[1])


def test_neurons_are_cut_where_their_weights_are_largest():
    first = jnp.zeros((36, 2)).at[14, 0].set(1).at[35, 1].set(-2)
    network = networks.from_layers([(first, jnp.zeros(2)), (jnp.ones((2, 2)), jnp.zeros(2))])
    found = np.asarray(edges.first_filters(network, (6, 6, 1), side=3))
    assert found.shape == (2, 3, 3, 1)
    np.testing.assert_array_equal(found.sum(axis=(1, 2, 3)), [1, -2])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: edges.edges(np.zeros((1, 2, 2, 1))), r"windows of 3 × 3 pixels or more, got 2 × 2: cut them"),
        (lambda: edges.edges(np.zeros((1, 4, 5, 1))), r"got 4 × 5"),
        (lambda: edges.cut(np.zeros((1, 12)), (3, 4, 1), side=4), r"no window of 4 × 4 pixels fits images of 3 × 4"),
    ],
)
def test_what_has_no_edges_is_refused(call, text):
    with pytest.raises(InputError, match=text):
        call()
