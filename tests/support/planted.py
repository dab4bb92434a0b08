"""A network whose units have known roles, with weights written by hand, and the images that it reads."""

import jax.numpy as jnp
import numpy as np

from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network

CLASSES, PIXELS = 4, 9
ALONE, ALONE_CLASS = 0, 0  # the one unit that carries class 0
PAIR, PAIR_CLASS = (1, 2), 1  # either of them is enough for class 1
DEAD = 3
OTHERS = {4: 2, 5: 3}  # unit: the class that it carries
DEFAULT = 3  # what is answered when nothing speaks for another class
UNITS = 6
_CARRIED = {ALONE: ALONE_CLASS, PAIR[0]: PAIR_CLASS, PAIR[1]: PAIR_CLASS, **OTHERS}


def network() -> Network:
    """9-6-6-4 ReLU: unit u of hidden0 fires for pixel c if it carries class c, unit u of hidden1 copies it."""
    first, bias = np.zeros((PIXELS, UNITS)), np.full(UNITS, -0.3)
    last = np.zeros((UNITS, CLASSES))
    for unit, label in _CARRIED.items():
        first[label, unit] = 1
        last[unit, label] = 2
    bias[DEAD] = -10
    last[DEAD, 2] = 1
    layers = {
        "hidden0": (first, bias),
        "hidden1": (np.eye(UNITS), np.zeros(UNITS)),
        "output": (last, 0.2 * (np.arange(CLASSES) == DEFAULT)),
    }
    params = {
        name: {"kernel": jnp.float32(kernel), "bias": jnp.float32(bias)} for name, (kernel, bias) in layers.items()
    }
    return Network(MLP((UNITS, UNITS), CLASSES), {"params": params})


def data(examples: int = 200, seed: int = 0) -> Dataset:
    """Images of class c light pixel c; the first four pixels are dark otherwise and the other five are noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(examples, dtype=np.int32) % CLASSES
    images = rng.uniform(0, 0.2, (examples, PIXELS))
    images[:, CLASSES:] = rng.uniform(0, 1, (examples, PIXELS - CLASSES))
    images[np.arange(examples), labels] = rng.uniform(0.7, 1, examples)
    return Dataset(images.astype(np.float32), labels)
