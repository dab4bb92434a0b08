"""Small networks that several tests share, and the images that they read."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network, init

ONE_LAYER_PIXELS = 16


def one_layer(bias=0.0, seed=0):
    """16-4-2 with normalised inputs; bias: added to that of every hidden unit."""
    model = MLP((4,), 2, input_mean=0.5, input_std=0.5, initializer_gain=2.0)
    made = init(jax.random.key(seed), model, ONE_LAYER_PIXELS)
    params = made.variables["params"]
    hidden = {**params["hidden0"], "bias": params["hidden0"]["bias"] + bias}
    return made.replace(variables={"params": {**params, "hidden0": hidden}})


def noise(count=200):
    """Images for `one_layer`."""
    return np.random.default_rng(0).uniform(size=(count, ONE_LAYER_PIXELS)).astype(np.float32)


def copying(also=None):
    """9-6-5: unit u of the one hidden layer copies pixel u, logit c reads unit c; also: the logit that reads unit 5."""
    output = np.eye(6)[:, :5]
    if also is not None:
        output[5, also] = 1
    params = {
        "hidden0": {"kernel": jnp.float32(np.eye(9)[:, :6]), "bias": jnp.zeros(6)},
        "output": {"kernel": jnp.float32(output), "bias": jnp.zeros(5)},
    }
    return Network(MLP((6,), 5), {"params": params})


def bright(seed, examples=100):
    """For `copying`: images of class c have bright ink in pixel c, and noise elsewhere."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(examples) % 5).astype(np.int32)
    values = rng.uniform(0, 0.3, (examples, 9)).astype(np.float32)
    values[np.arange(examples), labels] = rng.uniform(0.7, 1, examples)
    return Dataset(values, labels)
