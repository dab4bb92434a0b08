"""Which tensors does a Keras file hold, under which names, and what does its config tell of the network?

A .weights.h5 file numbers the variables of each layer and names the layer by its class: layers/dense_1/vars/0. A .keras
file holds such a file and a config in JSON, which names layers, variables and activation functions; it is only read.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxinterp import archives, files
from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.errors import InputError
from jaxinterp.foreign.steps import Described, Step, describe

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"  # in a .keras file
_NORMS = {norm.keras: (name, norm) for name, norm in NORMS.items() if norm.keras}
_ACTIVATIONS = {function.keras: name for name, function in ACTIVATIONS.items() if function.keras}
_MODELS = {"Sequential", "Functional"}
_WITHOUT_EFFECT = {"InputLayer", "Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout"}
_POOLS = {"MaxPooling2D": "max", "AveragePooling2D": "mean"}
_NORM_VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")
_MOST_ENTRIES, _MOST_LEVELS = 10_000, 20  # of a file; only those made to mislead have more


class _Layer(NamedTuple):
    """A layer with variables: where they are in the file, its name, and the variables' names in their order."""

    folder: str
    name: str
    variables: tuple[str, ...]


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .h5 file, named for what they are.

    Raises InputError, in one line, for a file that is no readable HDF5, that points to other files, or whose numbered
    variables could be more than one thing; and where h5py is not installed.
    """
    archives.check_file(path)
    return _named(path, _arrays(path, path))


def read_model(path: Path) -> tuple[dict[str, np.ndarray], Described]:
    """The arrays of a .keras file, named for what they are, and what its config tells. Raises InputError likewise."""
    members = archives.contents(path, (_CONFIG, _WEIGHTS), library="Keras")
    for name in (_CONFIG, _WEIGHTS):
        if name not in members:
            raise InputError(f"{path} has no {name}: save the model with Keras 3, model.save({path.name!r})")
    arrays = _arrays(path, io.BytesIO(members[_WEIGHTS]))
    try:
        config = json.loads(members[_CONFIG])
        if not isinstance(config, dict) or config.get("class_name") not in _MODELS:
            return _named(path, arrays), Described({}, ())  # a class of the user's own, which tells nothing
        steps, layers = _read_layers(path, config["config"]["layers"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} has no readable {_CONFIG}: {files.line(error)}") from error
    return _of_layers(path, arrays, layers), describe(path, steps)


def _arrays(path: Path, source: Path | io.BytesIO) -> dict[str, np.ndarray]:
    """The arrays of HDF5 by their place in it, but for those of an optimiser and of random generators."""
    try:
        import h5py  # pyright: ignore
    except ImportError as error:
        raise InputError(f"{path} is read with h5py, which is not installed: pip install 'jaxinterp[keras]'") from error
    try:
        with h5py.File(source, "r") as file:
            datasets = {name: item for name, item in _walk(path, h5py, file) if not _is_of_training(name)}
            archives.check_size(path, sum(dataset.nbytes for dataset in datasets.values()))
            return {name: dataset[()] for name, dataset in datasets.items()}
    except InputError:
        raise
    except Exception as error:  # damaged bytes raise errors of many kinds
        raise InputError(f"{path} is not a readable HDF5 file of plain arrays: {files.line(error)}") from error


def _walk(path: Path, h5py, file) -> Iterator[tuple[str, Any]]:
    """Every dataset that lies in the file itself. Links, which could lead out of it, are refused."""
    entries, waiting = 0, [("", file)]
    while waiting:
        place, group = waiting.pop()
        for key in group:
            name, entries = f"{place}{key}", entries + 1
            archives.check_name(path, name)
            if entries > _MOST_ENTRIES or name.count("/") > _MOST_LEVELS:
                raise InputError(f"{path} has more groups than the file of a network: write it with Keras")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise InputError(f"{path}: {name} is a link, which may lead to another file: write it with Keras")
            item = group[key]
            if isinstance(item, h5py.Group):
                waiting.append((f"{name}/", item))
                continue
            if not isinstance(item, h5py.Dataset) or item.shape is None or item.dtype.kind not in "fiub":
                raise InputError(f"{path}: {name} is no array of numbers: write it with Keras")
            if item.external or item.is_virtual:
                raise InputError(f"{path}: {name} lies in another file: write it with Keras")
            yield name, item


def _is_of_training(name: str) -> bool:
    return name.startswith("optimizer") or "seed_generator/" in name


def _named(path: Path, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays without a config: numbered variables by their shapes and the layer's class, others under their names."""
    folders = dict.fromkeys(name.rpartition("/vars/")[0] for name in arrays if _NUMBERED.search(name))
    layers = [_Layer(folder, _without_containers(folder), _guessed(path, folder, arrays)) for folder in folders]
    others = {name: array for name, array in arrays.items() if not _NUMBERED.search(name)}
    return _of_layers(path, {name: arrays[name] for name in arrays if name not in others}, layers) | others


_NUMBERED = re.compile(r"/vars/\d+$")


def _guessed(path: Path, folder: str, arrays: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """What the numbered variables of a layer are."""
    first = arrays.get(f"{folder}/vars/0")
    count = sum(name.rpartition("/vars/")[0] == folder for name in arrays)
    kind = re.sub(r"_\d+$", "", folder.rpartition("/")[-1])
    if first is not None and first.ndim > 1 and count <= 2:
        return ("kernel", "bias")[:count]
    if count == len(_NORM_VARIABLES):
        return _NORM_VARIABLES
    for title, (_, norm) in _NORMS.items():
        if kind == _snake(title) and count == 2:
            return _NORM_VARIABLES[2:] if norm.over_units is None else _NORM_VARIABLES[:2]
    raise InputError(
        f"{path} does not say what the {count} variables of {folder} are: write them with their names, "
        "numpy.savez('weights.npz', **{v.path: v.numpy() for v in model.weights})"
    )


def _of_layers(path: Path, arrays: Mapping[str, np.ndarray], layers: list[_Layer]) -> dict[str, np.ndarray]:
    """Arrays under the names of layers and variables. Raises InputError unless they are the layers' variables."""
    named = {
        f"{layer.folder}/vars/{number}": f"{layer.name}/{variable}"
        for layer in layers
        for number, variable in enumerate(layer.variables)
    }
    for place in [*named, *arrays]:
        if (place in arrays) != (place in named):
            raise InputError(f"{path}: {place} is in its {'weights' if place in arrays else 'config'} alone")
    return {name: arrays[place] for place, name in named.items()}


def _read_layers(path: Path, configs: list, folder: str = "", name: str = "") -> tuple[list[Step], list[_Layer]]:
    """The steps of a model and its layers with variables. Models inside it are read likewise."""
    steps: list[Step] = []
    layers: list[_Layer] = []
    used: dict[str, int] = {}
    _check_chain(path, configs)
    for entry in configs:
        kind, config = entry["class_name"], entry["config"]
        group = _snake(kind)
        used[group] = used.get(group, -1) + 1
        place = f"{folder}layers/{group}" + (f"_{used[group]}" if used[group] else "")
        title = f"{name}{config['name']}"
        if kind in _MODELS:
            inner = _read_layers(path, config["layers"], f"{place}/", f"{title}/")
            steps, layers = steps + inner[0], layers + inner[1]
            continue
        variables, own = _read_layer(path, kind, config, title)
        steps += own
        layers += [_Layer(place, title, variables)] if variables else []
    return steps, layers


def _read_layer(path: Path, kind: str, config: Mapping[str, Any], title: str) -> tuple[tuple[str, ...], list[Step]]:
    """The variables of one layer and its steps."""
    if kind == "Dense":
        variables = ("kernel", "bias")[: 1 + bool(config["use_bias"])]
        return variables, [Step("linear", title, f"{title}/kernel"), _activation(config["activation"])]
    if kind == "Conv2D":
        variables = ("kernel", "bias")[: 1 + bool(config["use_bias"])]
        step = Step("convolution", title, f"{title}/kernel", _moves(path, config, title))
        return variables, [step, _activation(config["activation"])]
    if kind in _POOLS:
        size, stride = (_side(path, config, title, option) for option in ("pool_size", "strides"))
        if stride != size or config["padding"] != "valid" or config["data_format"] != "channels_last":
            raise InputError(
                f"{path}: {title} pools with strides {stride}, padding {config['padding']} and "
                f"{config['data_format']}: only strides like its pool_size, valid and channels_last are imported"
            )
        return (), [Step("pooling", title, value=(_POOLS[kind], size))]
    if kind == "Flatten":
        if (order := config.get("data_format") or "channels_last") != "channels_last":
            raise InputError(f"{path}: {title} flattens {order}: only channels_last is imported")
        return (), [Step("flatten", title)]
    if kind in _NORMS:
        norm, entry = _NORMS[kind]
        affine = tuple(part for part, there in (("gamma", config["scale"]), ("beta", config["center"])) if there)
        variables = affine + (_NORM_VARIABLES[2:] if entry.over_units is None else ())
        tensor = f"{title}/{variables[0]}" if variables else ""
        return variables, [Step("norm", title, tensor, (norm, float(config["epsilon"])))]
    if kind == "Activation":
        return (), [_activation(config["activation"])]
    if kind in ("ReLU", "Softmax"):
        plain = all(config.get(option) in (None, 0) for option in ("max_value", "negative_slope", "threshold"))
        return (), [_activation(kind.lower() if plain else title)]
    if kind in _WITHOUT_EFFECT:
        return (), []
    raise InputError(
        f"{path} has the layer {title} ({kind}): only Dense, {', '.join(['Conv2D', *_POOLS, 'Flatten', *_NORMS])} and "
        "activation functions are imported"
    )


def _moves(path: Path, config: Mapping[str, Any], title: str) -> tuple[int, int]:
    """The stride and the padding of a convolution."""
    size, stride, dilation = (_side(path, config, title, name) for name in ("kernel_size", "strides", "dilation_rate"))
    # Where the window is even or the stride is not 1, Keras pads more on one side than on the other.
    padding = {"valid": 0, "same": size // 2 if size % 2 and stride == 1 else None}.get(config["padding"])
    for what, fine in (
        (f"dilation_rate {dilation}", dilation == 1),
        (f"groups {config['groups']}", config["groups"] == 1),
        (f"data_format {config['data_format']}", config["data_format"] == "channels_last"),
        (f"padding {config['padding']} with a window of {size} and strides {stride}", padding is not None),
    ):
        if not fine:
            raise InputError(
                f"{path}: {title} has {what}: only dilation_rate 1, groups 1, channels_last, and padding valid, or "
                "same with an odd window and strides 1, are imported"
            )
    assert padding is not None
    return stride, padding


def _side(path: Path, config: Mapping[str, Any], title: str, option: str) -> int:
    """The one number of a setting for rows and columns."""
    value = config[option]
    sides = set(value) if isinstance(value, list) else {value}
    if len(sides) > 1:
        raise InputError(f"{path}: {title} has {option} {value}: only the same number for rows and columns is imported")
    return int(sides.pop())


def _activation(named: Any) -> Step:
    """The step of an activation function, which a config names, or describes where it is no built-in one."""
    name = named if isinstance(named, str) else str(named["config"] if named else "linear")
    return Step("activation", name, value=_ACTIVATIONS.get(name))


def _check_chain(path: Path, configs: list) -> None:
    """Raise InputError unless each layer takes what the one before it gives."""
    for before, entry in zip([None, *configs], configs, strict=False):
        sources = set(_sources(entry.get("inbound_nodes")))
        if sources and (before is None or sources != {before["config"]["name"]}):
            raise InputError(
                f"{path}: {entry['config']['name']} takes {', '.join(sorted(sources))}: only networks in which each "
                "layer takes what the one before it gives are imported"
            )


def _sources(node: Any) -> Iterator[str]:
    """The layers from which a layer's inputs come."""
    if isinstance(node, dict):
        if "keras_history" in node:
            yield str(node["keras_history"][0])
        for child in node.values():
            yield from _sources(child)
    elif isinstance(node, list):
        for child in node:
            yield from _sources(child)


def _without_containers(folder: str) -> str:
    """A layer's name from its place in a file: layers/sequential/layers/dense is sequential/dense."""
    return "/".join(part for part in folder.split("/") if part != "layers") or folder


def _snake(kind: str) -> str:
    """A class's name as Keras's to_snake_case writes it: BatchNormalization is batch_normalization, Conv2D conv2d."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
