"""How do weights that were trained elsewhere become a Network? From a PyTorch state_dict in .safetensors, or an .npz.

The kernel of each layer is the first unused matrix that has the layer's shape, in the order of the tensors' names. Its
bias, and the parameters of its norm, are recognised by shape and name, such as "fc1.bias" for "fc1.weight". PyTorch
stores a linear layer as (outputs, inputs), so matrices are transposed where needed.
"""

import re
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from safetensors.numpy import load_file

from jaxinterp import networks
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network


class Imported(NamedTuple):
    """An ensemble of one network, and the mapping from tensors in the file to its variables."""

    networks: Network
    mapping: list[tuple[str, str]]


def read_tensors(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays of a .safetensors or .npz file by name. Raises InputError for any other file, such as a pickle."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no file {path}")
    if path.suffix not in (".safetensors", ".npz"):
        raise InputError(
            f"{path.name} refused, because pickles can run code: give a .safetensors file "
            "(safetensors.torch.save_file(model.state_dict(), …)) or an .npz file (numpy.savez)"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception as error:  # the two readers raise many kinds of errors, about bytes
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} is not a readable {path.suffix} file of plain arrays: {first}") from error


def import_weights(path: Path | str, model: MLP, pixels: int) -> Imported:
    """Weights from a file as an ensemble of one network. Raises InputError for a missing and for an unused tensor."""
    unused = {name: value for name, value in read_tensors(path).items() if not name.endswith("num_batches_tracked")}
    wanted = jax.eval_shape(lambda key: networks.init(key, model, pixels).variables, jax.random.key(0))
    variables: dict = {collection: {} for collection in wanted}
    mapping = []

    def put(collection: str, layer: str, name: str, source: str) -> None:
        value = np.asarray(unused.pop(source), np.float32)
        shape = wanted[collection][layer][name].shape
        if name == "kernel" and not _is_kernel(source, value.shape, shape):
            value = value.T
        variables[collection].setdefault(layer, {})[name] = value[None]
        mapping.append((source, f"{collection}/{layer}/{name} {shape}"))

    for layer in (*model.layers, "output"):
        shape = wanted["params"][layer]["kernel"].shape
        kernel = _first(
            unused, lambda name, value, shape=shape: value.ndim == 2 and value.shape in (shape, shape[::-1])
        )
        if kernel is None:
            raise InputError(f"{path} has no matrix of shape {shape[::-1]} for layer {layer}; it has {_shapes(unused)}")
        put("params", layer, "kernel", kernel)
        put("params", layer, "bias", _sibling(path, unused, kernel, ("bias", "b"), shape[1:], layer))
        norm = layer.replace("hidden", "norm")
        if norm != layer and norm in wanted["params"]:
            _put_norm(path, unused, put, norm, shape[1:], wanted)
    if unused:
        raise InputError(f"{path} has tensors that the model does not use: {_shapes(unused)}")
    return Imported(Network(model, variables), mapping)


def _put_norm(path, unused, put, norm, shape, wanted) -> None:
    def is_scale(name, value):
        return value.shape == shape and re.search(r"(weight|scale|gamma)$", name)

    scale = _first(unused, is_scale)
    if scale is None:
        raise InputError(f"{path} has no scale of shape {shape} for {norm}; it has {_shapes(unused)}")
    put("params", norm, "scale", scale)
    put("params", norm, "bias", _sibling(path, unused, scale, ("bias", "beta"), shape, norm))
    if norm in wanted.get("batch_stats", {}):
        put("batch_stats", norm, "mean", _sibling(path, unused, scale, ("running_mean", "mean"), shape, norm))
        put("batch_stats", norm, "var", _sibling(path, unused, scale, ("running_var", "var"), shape, norm))


def _is_kernel(name: str, shape, wanted) -> bool:
    """Whether a matrix is inputs × outputs already. For a square one its name decides."""
    return shape == wanted and (wanted[0] != wanted[1] or name.endswith("kernel"))


def _first(tensors, accept) -> str | None:
    """The first accepted name, in an order that compares numbers as numbers."""
    natural = sorted(tensors, key=lambda name: [int(part) if part.isdigit() else part for part in _parts(name)])
    return next((name for name in natural if accept(name, tensors[name])), None)


def _parts(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def _sibling(path, tensors, name: str, endings, shape, layer: str) -> str:
    """The tensor whose name differs only in its last part."""
    stem = re.sub(r"[^./_]*$", "", name)
    for ending in endings:
        if stem + ending in tensors and tensors[stem + ending].shape == shape:
            return stem + ending
    raise InputError(f"{path} has no {stem}{endings[0]} of shape {shape} for {layer}; it has {_shapes(tensors)}")


def _shapes(tensors) -> str:
    return ", ".join(f"{name} {value.shape}" for name, value in tensors.items()) or "nothing more"
