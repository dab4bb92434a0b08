"""How much memory does training take, and how many networks fit a cache? What cannot fit is refused at once."""

import math

import jax
import numpy as np

from jaxinterp import machine, networks
from jaxinterp.config import TrainConfig
from jaxinterp.data import Splits
from jaxinterp.epoch import evaluated_at_once, hyperparameters_of, optimizer
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP

_COPIES = 3  # of the weights: themselves, and what Adam keeps; other optimisers keep less
_GIB = 2**30
_CORE_CACHE, _BATCH_CACHE, _ACCELERATOR_CACHE = 4e6, 1e6, 1e9  # bytes


def training(config: TrainConfig, model: MLP, data: Splits) -> dict[str, int]:
    """Bytes by what takes them, named by the options that make it smaller. Weights take four bytes each."""
    pixels, examples = data.train.images.shape[-1], len(data.train.labels)
    weights, activations = (4 * count for count in networks.count(model, pixels))
    chunk = config.chunk or 1
    devices = jax.local_device_count()
    ensemble = -(-config.seeds // (chunk * devices)) * chunk * devices  # the last chunk is filled up
    trained, evaluated = min(config.batch_size, max(examples, 1)), evaluated_at_once(model, pixels)
    at_once = chunk * devices * max(2 * trained, evaluated)  # training keeps gradients too
    layers = "model.channels or model.widths" if networks.convolves(model) else "model.widths"
    kept = _COPIES + (config.patience is not None) + len(config.snapshots)
    return {
        f"train.seeds, train.chunk or {layers}": ensemble * weights * kept,
        "train.epochs or train.seeds": ensemble * config.epochs * 3 * (2 + networks.num_classes(model)) * 8,
        f"train.batch_size, train.chunk or {layers}": at_once * activations,
        "train.chunk": 8 * chunk * devices * examples,
    }


def check(config: TrainConfig, model: MLP, data: Splits) -> None:
    """Raise InputError, with what would help, where training needs more memory than this machine has."""
    parts, there = training(config, model, data), machine.memory()
    if (needed := sum(parts.values())) > there:
        most = max(parts, key=parts.__getitem__)
        raise InputError(
            f"training would take {needed / _GIB:.3g} GiB of memory, and this machine has {there / _GIB:.3g} GiB: "
            f"use a smaller {most}"
        )


def default_chunk(model: MLP, config: TrainConfig, pixels: int) -> int:
    """Number of seeds that a device trains at once. On a CPU, weights, gradients and optimiser state fit the cache.

    Where every seed has its own batches, these fit the core's own cache too, and so do the feature maps of a batch. The
    number does not depend on that of the seeds, and every chunk is full: a seed's arithmetic is then the same for any
    number of seeds.
    """
    rule = optimizer(config, jax.tree.map(lambda leaf: leaf[0], hyperparameters_of([(config, model.dropout)])))

    def kept(key):
        variables = networks.init(key, model, pixels).variables
        gradients = variables["params"]
        return variables, gradients, rule.init(gradients)

    leaves = jax.tree.leaves(jax.eval_shape(kept, jax.random.key(0)))
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    on_cpu = jax.default_backend() == "cpu"
    cache, most = (_CORE_CACHE, 8) if on_cpu else (_ACCELERATOR_CACHE, 64)
    of_maps = [math.prod(layer.feature_map) * layer.units for layer in model.layers if layer.feature_map]
    own = [*of_maps, pixels] if config.data_order == "independent" else of_maps
    if on_cpu and own:
        most = min(most, _BATCH_CACHE // (4 * config.batch_size * max(own)))
    return int(np.clip(cache // size, 1, max(most, 1)))
