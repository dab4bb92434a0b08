"""Which colours do values have? Those of the pages' style sheet, for whatever is drawn in Python."""

import re

import numpy as np
from jaxtyping import Float

from jaxinterp.report import templates

_STEPS = 65  # of a colour map
_FADING = 0.85  # small values are as visible as on the page


_LIGHT = templates.joined(["style.css"]).split("@media")[0]


def named(name: str) -> Float[np.ndarray, "rgb"]:
    """A colour of the style sheet on light paper, such as "above": red, green and blue from 0 to 1."""
    [digits] = re.findall(rf"--{name}: #([0-9a-f]{{6}})", _LIGHT)
    return np.array(list(bytes.fromhex(digits))) / 255


BELOW, ABOVE, MUCH, PAPER = (named(name) for name in ("below", "above", "much", "paper"))


def signed(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape rgb"]:
    """The colours of values from −1 to 1: blue below 0, orange above, paper at 0."""
    strength = np.abs(values)[..., None] ** _FADING
    return PAPER + strength * (np.where(values[..., None] < 0, BELOW, ABOVE) - PAPER)


def signed_steps() -> Float[np.ndarray, "steps rgb"]:
    """The colours of signed values from the lowest to the highest."""
    return signed(np.linspace(-1, 1, _STEPS))


def classes(count: int) -> Float[np.ndarray, "count rgb"]:
    """Hues as far apart as can be, every other one darker, as the page's embedding has them."""
    light = np.where(np.arange(count) % 2, 0.48, 0.65)
    hue = 2 * np.pi * np.arange(count) / count
    return _srgb(light, 0.15 * np.cos(hue), 0.15 * np.sin(hue))


def _srgb(light: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Oklab to sRGB, clipped, as CSS Color 4 defines them."""
    cones = (np.stack([light, a, b], axis=-1) @ _CONES.T) ** 3
    linear = np.clip(cones @ _LINEAR.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


_CONES = np.array(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.291485548],
    ]
)
_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.707614701],
    ]
)
