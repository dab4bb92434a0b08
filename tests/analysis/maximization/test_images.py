import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp.analysis.maximization import images
from jaxinterp.errors import InputError

SIDE = 8
PIXELS = SIDE * SIDE
KINDS = {
    "pixels": images.PIXELS,
    "sigmoid": images.SIGMOID,
    "fourier": images.fourier(),
    "fourier_pixels": images.fourier(images.PIXELS),
}


def noise(seed=0, count=3, pixels=PIXELS):
    return np.random.default_rng(seed).normal(size=(count, pixels)).astype(np.float32)


@pytest.mark.parametrize("name", KINDS)
def test_parameters_are_the_inverse_of_images(name, key):
    kind = KINDS[name]
    parameters = kind.start(key, (5, PIXELS))
    shown = kind.images(parameters)
    assert shown.shape == (5, PIXELS) and shown.dtype == jnp.float32
    np.testing.assert_allclose(kind.images(kind.parameters(shown)), shown, atol=1e-5)
    np.testing.assert_allclose(kind.parameters(shown), parameters, atol=2e-3)


@pytest.mark.parametrize("name", ["sigmoid", "fourier"])
def test_a_sigmoid_keeps_pixels_in_the_box(name, key):
    shown = KINDS[name].images(50 * KINDS[name].start(key, (5, PIXELS)))
    assert np.all(shown >= 0) and np.all(shown <= 1) and np.max(shown) > 0.99 and np.min(shown) < 0.01


def test_black_and_white_have_finite_sigmoid_parameters():
    assert np.isfinite(images.SIGMOID.parameters(np.float32([[0, 1, 0.5]]))).all()


def test_waves_are_an_orthogonal_transform_of_pixels():
    flat = images.fourier(images.PIXELS)
    waves = np.asarray(flat.images(np.eye(PIXELS, dtype=np.float32)))
    scale = np.linalg.norm(waves, axis=1)
    np.testing.assert_allclose(waves @ waves.T, np.diag(scale**2), atol=1e-4)
    assert np.mean(scale**2) == pytest.approx(1, rel=1e-4)  # a variance of 1 a pixel
    cycles = np.fft.fftfreq(SIDE, 1 / SIDE)
    frequency = np.maximum(np.hypot(cycles[:, None], cycles), 1).reshape(-1)
    np.testing.assert_allclose(scale * frequency, scale[0], rtol=1e-4)


def test_each_wave_has_one_frequency():
    waves = images.fourier(images.PIXELS).images(np.eye(PIXELS, dtype=np.float32)).reshape(PIXELS, SIDE, SIDE)
    spectrum = np.abs(np.fft.fft2(waves))
    cycles = np.abs(np.fft.fftfreq(SIDE, 1 / SIDE))
    for place, power in enumerate(spectrum):
        row, column = divmod(place, SIDE)
        elsewhere = (cycles[:, None] != cycles[row]) | (cycles != cycles[column])
        assert np.max(np.where(elsewhere, power, 0)) < 1e-4 * np.max(power)


def test_fourier_starts_have_a_spectrum_of_one_over_frequency(key):
    side = 28
    flat = images.fourier(images.PIXELS)
    shown = np.asarray(flat.images(flat.start(key, (2000, side * side)))).reshape(-1, side, side)
    assert np.mean(shown**2) == pytest.approx(1, rel=0.05)
    power = np.mean(np.abs(np.fft.fft2(shown)) ** 2, axis=0)
    cycles = np.fft.fftfreq(side, 1 / side)
    frequency = np.hypot(cycles[:, None], cycles)
    slope = np.polyfit(np.log(frequency[frequency > 0]), np.log(power[frequency > 0]), 1)[0]
    assert slope == pytest.approx(-2, abs=0.02)
    white = np.asarray(images.PIXELS.start(key, (2000, side * side))).reshape(-1, side, side)
    flat_power = np.mean(np.abs(np.fft.fft2(white)) ** 2, axis=0)
    assert np.polyfit(np.log(frequency[frequency > 0]), np.log(flat_power[frequency > 0]), 1)[0] == pytest.approx(
        0, abs=0.02
    )


SETS = {"box": images.box(-0.5, 0.7), "ball": images.ball(2.0), "sphere": images.sphere(2.0)}


@settings(max_examples=40)
@given(st.sampled_from(sorted(SETS)), st.integers(0, 2**31 - 1), st.floats(0.01, 10))
def test_a_projection_is_the_nearest_point_of_its_set(name, seed, size):
    project = SETS[name].project
    drawn = np.float32(size) * noise(seed)
    nearest = project(drawn)
    np.testing.assert_allclose(project(nearest), nearest, atol=1e-6)
    others = project(noise(seed + 1, 20))
    distance = np.linalg.norm(drawn - nearest, axis=1)
    assert np.all(distance <= np.linalg.norm(drawn[:, None] - others, axis=2).min(axis=1) + 1e-4)


def test_what_is_inside_stays():
    small = 0.01 * noise()
    np.testing.assert_array_equal(images.box(-0.5, 0.7).project(small), small)
    np.testing.assert_array_equal(images.ball(2.0).project(small), small)
    np.testing.assert_allclose(np.linalg.norm(images.sphere(2.0).project(small), axis=1), 2, rtol=1e-5)


def test_blank_images_have_no_direction():
    blank = np.zeros((1, PIXELS), np.float32)
    for name in ("ball", "sphere"):
        np.testing.assert_array_equal(SETS[name].project(blank), 0)
        np.testing.assert_array_equal(SETS[name].tangent(blank, noise(count=1)), noise(count=1))


@pytest.mark.parametrize("name", SETS)
def test_tangent_steps_stay_in_the_set_to_first_order(name):
    kept = SETS[name]
    border = kept.project(10 * noise())
    gradient = noise(1)
    step = 1e-3
    moved = border - step * kept.tangent(border, gradient)
    left = np.linalg.norm(moved - kept.project(moved), axis=1)
    straight = border - step * gradient
    assert np.all(left < 1e-4) and np.all(np.linalg.norm(straight - kept.project(straight), axis=1) > left)


def test_a_gradient_that_leads_inside_is_free():
    border = images.ball(2.0).project(10 * noise())
    np.testing.assert_array_equal(images.ball(2.0).tangent(border, border), border)
    np.testing.assert_allclose(images.ball(2.0).tangent(border, -border), 0, atol=1e-5)
    np.testing.assert_array_equal(images.ball(9.0).tangent(border, -border), -border)
    box = images.box()
    np.testing.assert_array_equal(box.tangent(jnp.array([0.0, 0, 1, 1]), jnp.array([1.0, -1, 1, -1])), [0, -1, 1, 0])


def test_penalties_of_known_images():
    square = np.zeros((1, SIDE, SIDE), np.float32)
    square[:, 2:5, 3:6] = 2
    flat = square.reshape(1, -1)
    np.testing.assert_allclose(images.l2(0.5)(flat), [0.5 * 9 * 4])
    np.testing.assert_allclose(images.total_variation(0.5)(flat), [0.5 * 4 * 3 * 2])  # its outline times its height
    np.testing.assert_array_equal(images.total_variation(1.0)(np.full((1, PIXELS), 0.3, np.float32)), 0)


@pytest.mark.parametrize("sd", [0.5, 1.0, 3.0])
def test_a_blur_is_that_of_scipy(sd, key):
    drawn = noise()
    expected = [scipy.ndimage.gaussian_filter(image.reshape(SIDE, SIDE), sd, mode="reflect") for image in drawn]
    blurred = images.blur(sd)(key, drawn)
    np.testing.assert_allclose(blurred, np.reshape(expected, drawn.shape), atol=1e-5)
    np.testing.assert_allclose(np.mean(blurred, axis=1), np.mean(drawn, axis=1), atol=1e-5)
    constant = np.full((1, PIXELS), 0.3, np.float32)
    np.testing.assert_allclose(images.blur(sd)(key, constant), constant, rtol=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1), st.integers(1, 3))
def test_a_jitter_is_one_shift_for_all_images(seed, reach):
    drawn = noise().reshape(-1, SIDE, SIDE)
    moved = np.asarray(images.jitter(reach)(jax.random.key(seed), drawn.reshape(3, -1))).reshape(drawn.shape)
    shifts = [(down, right) for down in range(-reach, reach + 1) for right in range(-reach, reach + 1)]
    assert sum(np.array_equal(np.roll(drawn, shift, axis=(1, 2)), moved) for shift in shifts) == 1


def test_a_jitter_draws_every_shift():
    place = np.zeros((1, SIDE, SIDE), np.float32)
    place[0, 4, 4] = 1
    keys = jax.random.split(jax.random.key(0), 300)
    moved = jax.vmap(lambda key: images.jitter(1)(key, place.reshape(1, -1)))(keys).reshape(-1, SIDE, SIDE)
    counts = np.sum(moved, axis=0)
    assert np.all(counts[3:6, 3:6] > 10) and counts[3:6, 3:6].sum() == 300


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda key: images.box(1.0, 0.0), "is empty"),
        (lambda key: images.blur(0.0), "use a blur of more than 0"),
        (lambda key: images.jitter(0), "use a jitter of 1 or more"),
        (lambda key: images.blur(1.0)(key, noise(pixels=7)), "not square"),
        (lambda key: images.jitter(1)(key, noise(pixels=7)), "not square"),
        (lambda key: images.total_variation(1.0)(noise(pixels=7)), "not square"),
        (lambda key: images.fourier().images(noise(pixels=7)), "not square"),
    ],
)
def test_wrong_input_is_named(use, message, key):
    with pytest.raises(InputError, match=message):
        use(key)


@pytest.mark.parametrize("name", ["sigmoid", "fourier"])
def test_starts_are_of_all_brightnesses(name, key):
    keys = jax.random.split(key, 400)
    shown = jax.vmap(lambda key: KINDS[name].images(KINDS[name].start(key, (PIXELS,))))(keys)
    brightness = np.mean(shown, axis=1)
    shares = np.histogram(brightness, [0, 0.1, 0.3, 0.7, 1])[0] / len(keys)
    assert np.all(shares > 0.1) and np.mean(brightness < 0.5) > 0.6
