"""How much memory does training take? An estimate, made first, so that what cannot fit is refused at once."""

import jax

from jaxinterp import machine, networks
from jaxinterp.config import TrainConfig
from jaxinterp.data import Splits
from jaxinterp.epoch import evaluated_at_once
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP

_COPIES = 3  # of the weights: themselves, and what Adam keeps; other optimisers keep less
_GIB = 2**30


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
