"""Networks whose predictions vary, and examples for them: for all coalitions of a last hidden layer of few units."""

import jax
import numpy as np

from jaxinterp import networks
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network

CLASSES, PIXELS, EXAMPLES, UNITS = 4, 9, 50, 6
_IMAGES = np.random.default_rng(0).uniform(size=(EXAMPLES, PIXELS)).astype(np.float32)
# No example of class 3; examples that chunks of 16 do not divide.
DATA = Dataset(_IMAGES, (np.arange(EXAMPLES) % 3).astype(np.int32))


def random_network(seed=0, units=UNITS, **options) -> Network:
    """Weights and biases are drawn from a normal distribution."""
    made = networks.init(jax.random.key(seed), MLP((7, units), CLASSES, **options), PIXELS)
    leaves, tree = jax.tree.flatten(made.variables)
    keys = jax.random.split(jax.random.key(seed + 100), len(leaves))
    drawn = [jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
    return made.replace(variables=jax.tree.unflatten(tree, drawn))
