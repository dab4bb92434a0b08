"""Which images may an optimiser produce, and which are preferred? Parametrisations, constraints, priors, transforms.

All take and return images "… pixels", with any leading axes.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage
from jaxtyping import Array, Float

from jaxinterp.data import image_shape
from jaxinterp.errors import InputError

Images = Float[Array | np.ndarray, "*batch pixels"]

# Accelerators multiply with fewer bits by default.
_EXACT = jax.lax.Precision.HIGHEST
# Values are clipped to this distance from 0 and 1 before the sigmoid is inverted.
_MARGIN = 1e-6
# A norm within this fraction of the radius is on the sphere but for rounding.
_ROUNDING = 1e-5


class Parametrization(NamedTuple):
    """What the optimiser changes instead of pixels: start(key, image shape), images(parameters) and its inverse."""

    start: Callable
    images: Callable
    parameters: Callable


def _normal(key, shape: tuple[int, ...]):
    return jax.random.normal(key, shape)


def _logit(images: Images) -> Float[Array, "*batch pixels"]:
    images = jnp.clip(images, _MARGIN, 1 - _MARGIN)
    return jnp.log(images) - jnp.log1p(-images)


PIXELS = Parametrization(_normal, lambda pixels: pixels, lambda images: images)
"""The pixels themselves, without bounds; starts from N(0, 1)."""


def _noise_around_a_level(key, shape: tuple[int, ...]):
    noise, level = jax.random.split(key)
    return jax.random.normal(noise, shape) - 2 + 3 * jax.random.normal(level, (*shape[:-1], 1))


SIGMOID = Parametrization(_noise_around_a_level, jax.nn.sigmoid, _logit)
"""Pixels in (0, 1), each the sigmoid of a parameter that starts from N(level, 1); level from N(−2, 3²) per image.

Starts from N(0, 1) are all equally grey, so the same hidden units are saturated or inactive in all of them: on trained
784-32-16-10 tanh networks half of the logits then ended below that of a real image. From these starts none does.
"""


def fourier(inner: Parametrization = SIGMOID) -> Parametrization:
    """Amplitudes of waves, scaled by 1/frequency, whose sum is the parameter of `inner`: smooth images come first.

    Frequencies are in cycles per image, 0 counted as 1. Waves are cos + sin: the Hartley transform, the real form of
    Fourier's, which is orthogonal and its own inverse. Starts are as bright as those of `inner`, and the parameter of
    `inner` has a variance of 1 per pixel on average. Source of the scaling: Olah et al. 2017, "Feature visualization".
    Raises InputError, when used, for images that are not square.
    """

    def start(key, shape):
        noise, level = jax.random.split(key)
        waves, decay = jax.random.normal(noise, shape), _decay(shape[-1])
        brightness = jnp.mean(inner.start(level, shape), axis=-1)
        return waves.at[..., 0].add(brightness * math.sqrt(shape[-1]) / decay[0])

    def images(waves):
        return inner.images(_hartley(waves * _decay(waves.shape[-1])))

    def parameters(images):
        return _hartley(inner.parameters(images)) / _decay(images.shape[-1])

    return Parametrization(start, images, parameters)


def _hartley(images: Images) -> Float[Array, "*batch pixels"]:
    side, _ = image_shape(images.shape[-1])
    angles = 2 * np.pi * np.outer(np.arange(side), np.arange(side)) / side
    waves = jnp.asarray((np.cos(angles) + np.sin(angles)) / np.sqrt(side), jnp.float32)
    return _separable(waves, images)


def _decay(pixels: int) -> np.ndarray:
    side, _ = image_shape(pixels)
    cycles = np.fft.fftfreq(side, 1 / side)
    frequency = np.maximum(np.hypot(cycles[:, None], cycles), 1.0).reshape(-1)
    return (1 / frequency / np.sqrt(np.mean(frequency**-2.0))).astype(np.float32)


def _separable(matrix: Float[Array | np.ndarray, "side side"], images: Images) -> Float[Array, "*batch pixels"]:
    """The matrix applied to the rows and the columns of each image."""
    side = matrix.shape[0]
    grid = jnp.asarray(images).reshape(*images.shape[:-1], side, side)
    rows = jnp.matmul(grid, matrix.T, precision=_EXACT)
    columns = jnp.matmul(jnp.swapaxes(rows, -1, -2), matrix.T, precision=_EXACT)
    return jnp.swapaxes(columns, -1, -2).reshape(images.shape)


class Constraint(NamedTuple):
    """A set that images must stay in: project(images) moves them into it, after every step.

    tangent(images, gradient) is the part of a descent gradient that does not push against the boundary. Adam needs it:
    for a constant gradient w it takes steps along sign(w), and their projection would converge there instead of at w.
    """

    project: Callable
    tangent: Callable


def box(low: float = 0.0, high: float = 1.0) -> Constraint:
    """Every pixel in [low, high]. Raises InputError where that set is empty."""
    if not low < high:
        raise InputError(f"the box from {low} to {high} is empty: give the lower bound first")

    def tangent(images, gradient):
        against = ((images >= high) & (gradient < 0)) | ((images <= low) & (gradient > 0))
        return jnp.where(against, 0.0, gradient)

    return Constraint(lambda images: jnp.clip(images, low, high), tangent)


def ball(radius) -> Constraint:
    """A Euclidean norm of at most the radius."""

    def project(images):
        norm = _norm(images)
        return images * jnp.where(norm > radius, radius / jnp.where(norm > radius, norm, 1.0), 1.0)

    def tangent(images, gradient):
        along = _along(images, gradient)
        against = (_norm(images) >= radius * (1 - _ROUNDING)) & (jnp.sum(along * images, axis=-1, keepdims=True) < 0)
        return jnp.where(against, gradient - along, gradient)

    return Constraint(project, tangent)


def sphere(norm) -> Constraint:
    """Exactly this Euclidean norm. A blank image, which has no direction, stays blank."""

    def project(images):
        length = _norm(images)
        return images * (norm / jnp.where(length > 0, length, 1.0))

    return Constraint(project, lambda images, gradient: gradient - _along(images, gradient))


def _norm(images: Images) -> Float[Array, "*batch 1"]:
    return jnp.sqrt(jnp.sum(jnp.asarray(images) ** 2, axis=-1, keepdims=True))


def _along(images: Images, gradient: Images) -> Float[Array, "*batch pixels"]:
    """The component of the gradient along the image."""
    squares = jnp.sum(images**2, axis=-1, keepdims=True)
    return jnp.sum(gradient * images, axis=-1, keepdims=True) / jnp.where(squares > 0, squares, 1.0) * images


Prior = Callable[[Array], Array]


def l2(weight) -> Prior:
    """A penalty of weight · ‖x‖²."""
    return lambda images: weight * jnp.sum(images**2, axis=-1)


def total_variation(weight) -> Prior:
    """A penalty of weight · Σ |x − x′| over pixels that share an edge.

    Source: Rudin, Osher and Fatemi 1992, in its anisotropic form. Raises InputError, when used, for images that are not
    square.
    """

    def penalty(images):
        side, _ = image_shape(images.shape[-1])
        grid = images.reshape(*images.shape[:-1], side, side)
        steps = [jnp.sum(jnp.abs(jnp.diff(grid, axis=axis)), axis=(-2, -1)) for axis in (-2, -1)]
        return weight * (steps[0] + steps[1])

    return penalty


Transformation = Callable[..., Array]


def blur(sd: float) -> Transformation:
    """A Gaussian blur with this standard deviation in pixels, mirrored at the border, which keeps an image's mean.

    Raises InputError for a deviation that is not positive and, when used, for images that are not square.
    """
    if not sd > 0:
        raise InputError(f"sd is {sd} pixels: use a blur of more than 0")

    def transform(key, images):
        side, _ = image_shape(images.shape[-1])
        kernel = scipy.ndimage.gaussian_filter1d(np.eye(side), sd, axis=0, mode="reflect")
        return _separable(kernel.astype(np.float32), images)

    return transform


def jitter(pixels: int) -> Transformation:
    """A random shift by at most this many pixels along each axis, different at each step; it wraps around the border.

    Raises InputError for fewer than one pixel and, when used, for images that are not square.
    """
    if pixels < 1:
        raise InputError(f"pixels is {pixels}: use a jitter of 1 or more")

    def transform(key, images):
        side, _ = image_shape(images.shape[-1])
        down, right = jax.random.randint(key, (2,), -pixels, pixels + 1)
        grid = images.reshape(*images.shape[:-1], side, side)
        return jnp.roll(grid, (down, right), axis=(-2, -1)).reshape(images.shape)

    return transform
