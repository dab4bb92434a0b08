"""What do all topics of the study share? Names of recipes, classes and layers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxinterp.data import Dataset

NAME = "one-vs-seven"
PLAIN, SMALL, STROKES = "one-vs-seven-plain", "one-vs-seven-small", "one-vs-seven-strokes"
ARMS = (NAME, PLAIN, SMALL)  # those that are trained on 1s and 7s
ONE, SEVEN = 1, 7
CLASSES = ("1", "7")
LAYERS = ("hidden0", "hidden1")
LAST = "hidden1/post"  # what the outputs read
LARGEST_GROUP = 16

# Most of the images, of the neurons or of a drop: a share above one half.
MOST = 0.5
# About what is published: close enough that a reader would take it for the same.
NEAR = 0.1


def labelled(**axes: Sequence[Any]) -> Callable[[Any], Mapping[str, Sequence[Any]]]:
    """Coordinates of a measurement that are the same for all inputs."""
    return lambda inputs: axes


def of_class(data: Dataset, label: int) -> Float[np.ndarray, "examples pixels"]:
    """The images of one class."""
    return np.asarray(data.images)[np.asarray(data.labels) == label]


def group_size(units: int) -> int:
    """How many units are picked out of a layer: 16, or a quarter where that is less."""
    return max(1, min(LARGEST_GROUP, units // 4))
