"""How fast are training and ablation of a small convolutional network, compared with PyTorch's loop and captum?

The network has two blocks of 8 and 16 channels, kernels of 3 × 3 and pooling of 2 × 2, and 32 hidden units: about
27,000 weights. Training is as in the part on training. Ablation removes each channel of both blocks, on the 10,000 test
images; captum's `LayerFeatureAblation` is made for one logit per call, ours gives all logits.
"""

import dataclasses
from functools import partial
from itertools import cycle
from typing import Any

import jax
import numpy as np

from benchmarks import ablation, peers, training
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, calls, race, rows
from jaxinterp import controls, data, ensemble, networks, recipes
from jaxinterp.config import ModelConfig, RunConfig
from jaxinterp.data import Dataset
from jaxinterp.networks import Network

SEEDS, MOST_ROUNDS = 16, 3
MODEL = ModelConfig(channels=(8, 16), padding=(1,), widths=(32,), outputs=10)


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    rounds = min(options.rounds, MOST_ROUNDS)
    config = recipe(splits.train, min(options.seeds, SEEDS))
    contestants = {"ours": Contestant(config.train.seeds, training.ours(config, splits))}
    if peers.torch is not None:
        for threads, name in training.THREADS.items():
            models = [torch_model(network) for network in untrained(config)]
            loop = training.torch_loop(models, config, splits.train)
            contestants[f"torch loop, {name}"] = Contestant(1, peers.with_threads(threads, loop))
    timings = {"training": race(contestants, rounds)}
    missing = peers.missing("torch")
    targets = {f"torch loop, {name}": "≥ 3" for name in training.THREADS.values()}
    results = [*rows("training", "seed-epochs/s", timings["training"], targets, missing=missing)]
    if peers.torch is not None:
        peers.torch.set_num_threads(ensemble.cores())
    (network,) = untrained(recipe(splits.train, 1))
    for layer, contestants in ablations(network, jax.device_put(splits.test)).items():
        timings[layer] = race(contestants, rounds)
        results += rows(layer, "unit-logits/s", timings[layer], {"captum": "≥ 20"}, missing=peers.missing("captum"))
    return timings, results


def recipe(dataset: Dataset, seeds: int) -> RunConfig:
    """The training of recipe bottleneck-neurons, of convolutional networks."""
    config = recipes.config("bottleneck-neurons", seeds=seeds)
    return dataclasses.replace(config, model=dataclasses.replace(MODEL, image_shape=dataset.shape))


def untrained(config: RunConfig) -> list[Network]:
    """The networks before training."""
    model = networks.build(config.model)
    keys = ensemble.keys(config.train.base_seed, config.train.seeds)
    pixels = int(np.prod(config.model.image_shape))
    many = controls.untrained(keys, model, pixels)
    return [ensemble.take(many, seed) for seed in range(config.train.seeds)]


def torch_model(network: Network) -> Any:
    """The same network as a PyTorch module, which takes images as rows of pixels, and flattens channels first."""
    nn, params, model = peers.torch.nn, network.variables["params"], network.model
    rows, columns, channels = model.image_shape
    parts: list[Any] = [nn.Unflatten(1, (channels, rows, columns))]
    for number, layer in enumerate(layer for layer in model.layers if layer.feature_map):
        convolution = nn.Conv2d(channels, layer.units, model.kernel_size[number], padding=model.padding[number])
        _fill(convolution, params[layer.name], (3, 2, 0, 1))
        parts += [convolution, nn.ReLU(), nn.MaxPool2d(model.pool_size[number])]
        channels = layer.units
    rows, columns = model.maps[-1]
    parts.append(nn.Flatten())
    (hidden,) = (layer for layer in model.layers if not layer.feature_map)
    for name, outputs in ((hidden.name, hidden.units), ("output", model.outputs)):
        kernel = np.asarray(params[name]["kernel"])
        if name == hidden.name:
            kernel = kernel.reshape(rows, columns, channels, outputs).transpose(2, 0, 1, 3).reshape(kernel.shape)
        linear = nn.Linear(*kernel.shape)
        _fill(linear, {"kernel": kernel, "bias": params[name]["bias"]}, (1, 0))
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def _fill(module, part, axes) -> None:
    module.weight.data = peers.torch.tensor(np.array(part["kernel"]).transpose(axes).copy())
    module.bias.data = peers.torch.tensor(np.array(part["bias"]))


def ablations(network: Network, test: Dataset) -> dict[str, dict[str, Contestant]]:
    """Per block, ours and captum. Work is in channels × logits; a turn yields "channels examples [classes]"."""
    found = {}
    for number, layer in enumerate(layer for layer in network.model.layers if layer.feature_map):
        ours = jax.jit(partial(ablation.changes, site=layer.post))
        found[layer.name] = {"ours": Contestant(layer.units * network.model.outputs, calls(ours, network, test))}
        if peers.captum is not None:
            turns = _captum(torch_model(network), number, layer.units, test, network.model.outputs)
            found[layer.name]["captum"] = Contestant(layer.units, turns)
    return found


def _captum(model, block: int, channels: int, test: Dataset, classes: int):
    torch = peers.torch
    images = torch.tensor(np.array(test.images))
    relu = [part for part in model if isinstance(part, torch.nn.ReLU)][block]
    whole = peers.captum.LayerFeatureAblation(model, relu)
    channel = torch.arange(channels).reshape(1, -1, 1, 1)  # of the map's positions, all of which are removed together
    with torch.no_grad():
        channel = channel.expand(1, *model[: list(model).index(relu) + 1](images[:1]).shape[1:])
    for target in cycle(range(classes)):
        yield whole.attribute(images, target=target, layer_mask=channel)[..., 0, 0].T
