"""Results of study `one-vs-seven` in which a test plants what it asks for, and networks whose weights it writes."""

import zlib

import jax.numpy as jnp
import numpy as np
import xarray as xr
from support.judging import judged
from support.random_results import random_results

from jaxinterp.networks import MLP, Network
from jaxinterp.studies.one_vs_seven import STUDY


def results(seeds=16, **options):
    return random_results(STUDY, {"pixels": 784, "draws": 20}, seeds=seeds, **options)


def plant(values, measurement, field, level, **where):
    """Set a field to a level that differs a little between networks; where: labels of its dimensions."""
    array = values[measurement][field]
    seed = zlib.crc32(repr((field, sorted(where.items()))).encode())  # no two fields differ alike
    spread = np.random.default_rng(seed).uniform(-1e-3, 1e-3, array.sizes["seeds"])
    spread -= spread.mean()
    array.loc[where] = level + xr.zeros_like(array.loc[where]) + xr.DataArray(spread, dims="seeds")
    return values


def findings(values, start=""):
    return judged(STUDY, values, start)


def verdict(values, id_):
    return findings(values, id_)[id_].verdict


def network(*layers):
    """A ReLU network of these (kernel, bias)."""
    names = [f"hidden{layer}" for layer in range(len(layers) - 1)] + ["output"]
    params = {
        name: {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}
        for name, (kernel, bias) in zip(names, layers, strict=True)
    }
    widths = tuple(kernel.shape[1] for kernel, _ in layers[:-1])
    return Network(MLP(widths, layers[-1][0].shape[1]), {"params": params})
