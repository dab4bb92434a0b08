"""A network with convolutions that reads one number of an image, and images of any shape that show it."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset, Shape
from jaxinterp.networks import Network

FLAT, COLOUR = (8, 18, 1), (6, 10, 3)
PLACES = {FLAT: (5, 11, 0), COLOUR: (3, 7, 2)}  # row, column and channel of the number, by shape
WEIGHT, NAMES = 3.0, ("sandal", "ankle boot")


def model(shape: Shape, **options) -> networks.MLP:
    """ReLU, then the maximum of each square of two by two positions."""
    return networks.build(ModelConfig(outputs=2, channels=(2,), pool_size=(2,), image_shape=shape, **options))


def network(shape: Shape) -> Network:
    """Channel 1 of the convolution copies the channel that is read; class 1's logit is WEIGHT × a square's maximum."""
    row, column, channel = PLACES[shape]
    made = networks.init(jax.random.key(0), model(shape, kernel_size=(1,), widths=()), int(np.prod(shape)))
    params = jax.tree.map(jnp.zeros_like, dict(made.variables["params"]))
    params["conv0"]["kernel"] = params["conv0"]["kernel"].at[0, 0, channel, 1].set(1)
    squares = shape[0] // 2, shape[1] // 2, 2
    read = np.ravel_multi_index((row // 2, column // 2, 1), squares)
    params["output"]["kernel"] = params["output"]["kernel"].at[read, 1].set(WEIGHT)
    return made.replace(variables={"params": params})


def data(shape: Shape, examples: int = 12) -> Dataset:
    """Dim noise, of at most 0.2; images of class 1 have 0.9 at the place that is read."""
    rng = np.random.default_rng(0)
    labels = np.arange(examples, dtype=np.int32) % 2
    images = rng.uniform(0, 0.2, (examples, *shape)).astype(np.float32)
    row, column, channel = PLACES[shape]
    images[:, row, column, channel] = np.where(labels == 1, 0.9, images[:, row, column, channel])
    return Dataset(images.reshape(examples, -1), labels, shape, NAMES)
