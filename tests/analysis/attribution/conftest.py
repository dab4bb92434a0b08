from functools import cache

import jax
import numpy as np
import pytest

from jaxinterp import networks
from jaxinterp.networks import MLP, Network

PIXELS, EXAMPLES = 7, 12
# mean and standard deviation by the parameter's name; a variance is made positive
_DRAWN = {"kernel": (0, 0.6), "bias": (0, 0.4), "scale": (1, 0.4), "mean": (0, 0.4), "var": (1, 0.3)}


@pytest.fixture(scope="session")
def build():
    """A network with 7 pixels and 3 classes whose biases and norms, too, are far from where they start."""

    @cache
    def one(norm="none", position="before", activation="relu", widths=(6, 5), seed=0):
        norms = {"norm": norm, "norm_position": position}
        model = MLP(widths, 3, activation, initializer="torch", input_mean=0.3, input_std=0.5, **norms)
        shapes = jax.eval_shape(lambda: networks.init(jax.random.key(0), model, PIXELS).variables)
        random = np.random.default_rng(seed)

        def drawn(path, leaf):
            values = random.normal(*_DRAWN[path[-1].key], leaf.shape).astype(np.float32)
            return jax.numpy.asarray(np.abs(values) + 0.1 if path[-1].key == "var" else values)

        return Network(model, jax.tree.map_with_path(drawn, shapes))

    return one


@pytest.fixture(scope="session")
def images():
    return jax.numpy.asarray(np.random.default_rng(2).uniform(size=(EXAMPLES, PIXELS)).astype(np.float32))
