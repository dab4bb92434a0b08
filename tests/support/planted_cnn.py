"""A convolutional network whose channels have known roles, with weights written by hand, and images that it reads."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from support import planted_runs

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import Inputs

NAMES = ("red", "green", "blue")
SHAPE = (5, 4, 3)  # the images have the colour of their class
DEAD = 3  # a channel
DEFAULT = 2  # what is predicted when nothing speaks for another class, so that its channel is not missed
CHANNELS = 4
MODEL = ModelConfig(
    (3,), 3, channels=(CHANNELS,), kernel_size=(3,), padding=(1,), pool_size=(2,), pool="mean", image_shape=SHAPE
)
ORDER = np.array([2, 3, 0, 1])  # channel k of the permuted network is channel ORDER[k] of the planted one


def network(order=tuple(range(CHANNELS))) -> Network:
    """Channel c < 3 sees colour c, and unit c of hidden0, which carries class c, reads it at all positions alike."""
    order = np.array(order)
    kernel, bias = np.zeros((3, 3, SHAPE[2], CHANNELS)), np.full(CHANNELS, -0.3)
    kernel[1, 1] = np.eye(SHAPE[2], CHANNELS)
    bias[DEAD] = -10
    reads = np.tile(np.eye(CHANNELS, 3)[order], (2 * 2, 1))  # of each position of the pooled map, row by row
    layers = {
        "conv0": (kernel[..., order], bias[order]),
        "hidden0": (reads, np.zeros(3)),
        "output": (2 * np.eye(3), 0.2 * (np.arange(3) == DEFAULT)),
    }
    params = {name: {"kernel": jnp.float32(own), "bias": jnp.float32(bias)} for name, (own, bias) in layers.items()}
    return Network(networks.build(MODEL), {"params": params})


def data(examples: int = 90) -> Dataset:
    """Images of class c have colour c on a square of four pixels, and noise that no channel sees elsewhere."""
    rng = np.random.default_rng(0)
    labels = np.arange(examples, dtype=np.int32) % len(NAMES)
    images = rng.uniform(0, 0.2, (examples, *SHAPE))
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(0, 3, 2)
        image[row : row + 2, column : column + 2, label] = rng.uniform(0.7, 1, (2, 2))
    return Dataset(images.reshape(examples, -1).astype(np.float32), labels, SHAPE, NAMES)


def run(*own: Network, path="colours") -> Inputs:
    """These networks as a run on the planted images."""
    inputs = planted_runs.run(*own, data=data(), path=path)
    config = dataclasses.replace(inputs.config, model=MODEL)
    return dataclasses.replace(inputs, path=Path(path), run=inputs.run._replace(config=config))
