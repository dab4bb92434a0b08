"""A network whose units have labels that are known, with weights written by hand, and the images that it reads.

Images of 9 × 9 pixels are cut into thirds of 3 × 3. An image of class c has pixel c of the lower third, one of its
first two rows of nine; an image of a 7 has a bar in the upper left, as few others do; ink in the upper third is random.
"""

import jax.numpy as jnp
import numpy as np

from jaxinterp import networks
from jaxinterp.data import Dataset
from jaxinterp.networks import Network

SIDE, CLASSES = 9, 10
FIRST = 6 * SIDE  # of the pixels that stand for a class
BAR = np.add.outer(SIDE * np.arange(3), np.arange(3)).ravel()
TOP, BAR_OF_7, THREE_OR_8, NOTHING = range(10, 14)  # units 0 to 9 stand for their class
UNITS = 14
SEVEN = 7


def network(order=tuple(range(UNITS))) -> Network:
    """81-14-10 ReLU; output c reads unit c. Unit k is the planted unit order[k]."""
    order = np.array(order)
    kernel, bias = np.zeros((SIDE**2, UNITS)), np.full(UNITS, -0.1)
    kernel[FIRST + np.arange(CLASSES), np.arange(CLASSES)] = 1
    kernel[: 3 * SIDE, TOP] = 1 / 9
    kernel[BAR, BAR_OF_7] = 1 / 3
    kernel[FIRST + np.array([3, 8]), THREE_OR_8] = 1
    bias[[BAR_OF_7, NOTHING]] = -1.5, -10
    last = 2 * np.eye(UNITS, CLASSES)
    default = 0.6 * np.eye(CLASSES)[0]
    return networks.from_layers(
        [
            (jnp.float32(kernel[:, order]), jnp.float32(bias[order])),
            (jnp.float32(last[order]), jnp.float32(default)),
        ]
    )


def data(seed, examples=400) -> Dataset:
    """Random images, as many of each class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(examples, dtype=np.int32) % CLASSES
    images = np.zeros((examples, SIDE**2))
    images[:, : 3 * SIDE] = rng.uniform(0, 1, (examples, 1)) * rng.uniform(0, 0.6, (examples, 3 * SIDE))
    barred = np.where(labels == SEVEN, rng.uniform(size=examples) < 0.9, rng.uniform(size=examples) < 0.05)
    images[:, BAR] = np.where(barred[:, None], rng.uniform(0.8, 1, (examples, 9)), images[:, BAR])
    images[np.arange(examples), FIRST + labels] = rng.uniform(0.7, 1, examples)
    return Dataset(images.astype(np.float32), labels)


def confusing(label) -> Network:
    """The planted network, but that it takes images of one class for the next one."""
    made = network()
    output = made.variables["params"]["output"]
    kernel = output["kernel"].at[label, (label + 1) % CLASSES].set(3.0)
    return made.replace(variables={"params": {**made.variables["params"], "output": {**output, "kernel": kernel}}})
