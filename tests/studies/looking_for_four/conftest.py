"""A small network with batch norms whose maps are known by NumPy, images in two halves, and templates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import networks
from jaxinterp.analysis import templates
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP

CLASSES, PIXELS, WIDTHS = 5, 16, (8, 6)


class Known:
    """16-8-6-5 ReLU with batch norms behind, whose weights and running statistics are random."""

    inked = np.arange(PIXELS) > 2

    def __init__(self):
        model = MLP(WIDTHS, CLASSES, norm="batch", norm_position="after")
        rng, made = np.random.default_rng(0), networks.init(jax.random.key(1), model, PIXELS)
        self.network = made.replace(
            variables=jax.tree.map(
                lambda leaf: jnp.float32(rng.uniform(0.5, 1.5, leaf.shape)) if leaf.ndim == 1 else leaf, made.variables
            )
        )
        self.choosing, self.scoring = images(0), images(1)
        drawn = np.random.default_rng(2).normal(size=(2, CLASSES, PIXELS)).astype(np.float32)
        self.templates = np.stack([templates.turned(kind) for kind in drawn])

    def parts(self):
        """Kernels as they are, and the scale of either norm."""
        params, running = self.network.variables["params"], self.network.variables["batch_stats"]
        kernels = [np.asarray(params[name]["kernel"], np.float64) for name in ("hidden0", "hidden1", "output")]
        scales = [
            np.asarray(params[n]["scale"] / np.sqrt(running[n]["var"] + self.network.model.norm_epsilon), np.float64)
            for n in ("norm0", "norm1")
        ]
        return kernels, scales

    def active(self, data):
        """Which neurons of either layer are active on each image."""
        activations = self.network(data.images)[1]
        return [np.asarray(activations[f"hidden{layer}/pre"]) > 0 for layer in (0, 1)]

    def views(self, data):
        """Of either layer, the weights pushed back, and mean gradients × sd of the pixel."""
        (first, second, _), (scale, _) = self.parts()
        gates, spread = self.active(data)[0], data.images.std(axis=0, dtype=np.float64)
        gradients = np.mean([(first * gate * scale) @ second for gate in gates], axis=0)
        return [(first.T, first.T * spread), (((first * scale) @ second).T, gradients.T * spread)]

    def alike(self, first, second):
        """Correlation over the pixels that count."""
        rows = [np.asarray(values, np.float64)[self.inked] for values in (first, second)]
        return np.corrcoef(*rows)[0, 1]


def images(seed, examples=150):
    rng = np.random.default_rng(seed)
    labels = (np.arange(examples) % CLASSES).astype(np.int32)
    values = (
        rng.uniform(size=(examples, PIXELS))
        * np.where(np.arange(PIXELS) % 3, 0.1, 1)
        * (1 + (np.arange(PIXELS) % CLASSES == labels[:, None]))
    )
    return Dataset((values / 2).astype(np.float32), labels)


@pytest.fixture(scope="session")
def known():
    return Known()
