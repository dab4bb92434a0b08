"""Which tensors of a file belong together? One group for each linear layer and for each norm."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxinterp.choices import NORMS
from jaxinterp.errors import InputError
from jaxinterp.foreign import names
from jaxinterp.foreign.files import Tensors, as_float32
from jaxinterp.foreign.names import Layer

NORM_PARTS = ("scale", "shift", "mean", "var")
STATISTICS = {"mean", "var"}
# What a tensor can be by its number of axes: one number for each unit, or the kernel of a dense or convolutional layer.
KINDS = {1: "vector", 2: "matrix", 4: "convolution"}
_LISTED = 12  # names in a message


class Group(NamedTuple):
    """The tensors of one dense or convolutional layer or norm, by what they are: weight and bias, or NORM_PARTS."""

    layer: Layer
    tensors: dict[str, str]

    @property
    def title(self) -> str:
        """Its name for a reader: that of one of its tensors."""
        parts = ("weight", "scale", *self.tensors)
        return next(self.tensors[part] for part in parts if part in self.tensors)


class Layers(NamedTuple):
    """A file's layers, dense and convolutional, and norms, in the file's order, and their values as float32.

    inside: whether each norm's tensors bear the name of the linear layer that it follows.
    """

    linear: list[Group]
    norms: list[Group]
    values: dict[str, np.ndarray]
    inside: bool


def group(tensors: Tensors, norm: str | None = None) -> Layers:
    """The layers of a file. norm: "batch", "layer" or "none" where it is known, for tensors that have no names.

    Raises InputError for tensors that are no floating-point numbers, or that are not understood.
    """
    path = tensors.path
    arrays = {name: array for name, array in tensors.arrays.items() if not _is_counter(name, array)}
    if not arrays:
        raise InputError(f"{path} has no arrays: export the network's weights")
    values = {name: as_float32(path, name, array) for name, array in arrays.items()}
    unknown = [name for name in values if not names.split(name).word]
    if not unknown:
        groups = _by_name(path, values)
    elif len(unknown) == len(values) and (tensors.ordered or _are_numbered(unknown)):
        groups = _by_order(path, values, norm)
    else:
        known = "weight, kernel, bias, scale, gamma, beta, mean, var, …"
        raise InputError(f"{path}: {listed(unknown)} not understood: name each tensor for what it is ({known})")
    return _sorted_out(path, groups, values)


def shapes(values: dict[str, np.ndarray]) -> str:
    """Names and shapes, for messages."""
    return listed([f"{name} {value.shape}" for name, value in values.items()])


def listed(parts: Sequence[str]) -> str:
    """A list for messages; of a long one, its beginning."""
    more = [f"and {len(parts) - _LISTED} more"] if len(parts) > _LISTED else []
    return ", ".join([*parts[:_LISTED], *more])


def _is_counter(name: str, array: np.ndarray) -> bool:
    unnamed = not names.split(name).word and array.ndim == 0 and jnp.issubdtype(array.dtype, np.integer)
    return names.is_counter(name) or unnamed


def _by_name(path: Path, values) -> dict[Layer, dict[str, str]]:
    groups: dict[Layer, dict[str, str]] = {}
    for name in values:
        layer, word = names.split(name)
        tensors = groups.setdefault(layer, {})
        _put(path, tensors, names.ROLES[word], name)
    return groups


def _by_order(path: Path, values, norm: str | None) -> dict[Layer, dict[str, str]]:
    """Groups of tensors without names: each matrix begins a layer, and the vectors after it are its own."""
    order = list(values)
    if _are_numbered(order):
        order.sort(key=lambda name: names.numbers(names.words(name)))
    matrices = [name for name in order if KINDS.get(values[name].ndim) in ("matrix", "convolution")]
    vectors = [name for name in order if KINDS.get(values[name].ndim) == "vector"]
    if len(matrices) + len(vectors) < len(order) or not matrices or order[0] != matrices[0]:
        raise InputError(
            f"{path}: arrays without names must be matrices, each followed by its vectors; it has {shapes(values)}"
        )
    if order == matrices + vectors and len(matrices) == len(vectors):  # all kernels, then all biases
        order = [name for pair in zip(matrices, vectors, strict=True) for name in pair]
    starts = [order.index(name) for name in matrices]
    runs = [order[start:end] for start, end in zip(starts, [*starts[1:], len(order)], strict=True)]
    return {
        (str(number),): dict(zip(("weight", *_roles(path, run, norm)), run, strict=True))
        for number, run in enumerate(runs)
    }


def _are_numbered(arrays: list[str]) -> bool:
    """Whether names differ in their numbers alone."""
    return len({names.text(names.words(name)) for name in arrays}) == 1


def _roles(path: Path, run: list[str], norm: str | None) -> tuple[str, ...]:
    """What the vectors after a matrix are."""
    candidates = names.UNNAMED.get(len(run) - 1, ())
    statistics = norm in NORMS and NORMS[norm].over_units is None
    fitting = [roles for roles in candidates if norm not in NORMS or bool(STATISTICS & set(roles)) == statistics]
    fitting = fitting or list(candidates)  # a norm that the file contradicts is refused later
    if not fitting:
        raise InputError(f"{path}: {len(run) - 1} vectors after {run[0]} are not understood: name the tensors")
    if len(fitting) > 1:
        raise InputError(f"{path} does not say what {listed(run[1:])} are: give --model.norm")
    return fitting[0]


def _sorted_out(path: Path, groups: dict[Layer, dict[str, str]], values: dict[str, np.ndarray]) -> Layers:
    linear, norms, inside = [], [], []
    for layer, tensors in groups.items():
        if "weight" in tensors and KINDS.get(values[tensors["weight"]].ndim) != "vector":
            linear.append(Group(layer, {role: name for role, name in tensors.items() if role in ("weight", "bias")}))
            inner = {role: tensors[role] for role in NORM_PARTS if role in tensors}
            if inner:
                inside.append(Group(layer, inner))
            continue
        if set(tensors) == {"bias"}:
            raise InputError(f"{path}: {tensors['bias']} is the bias of no matrix; it has {shapes(values)}")
        parts: dict[str, str] = {}
        for role, name in tensors.items():
            _put(path, parts, {"weight": "scale", "bias": "shift"}.get(role, role), name)
        norms.append(Group(layer, parts))
    if not linear:
        raise InputError(f"{path} has no matrix of a linear layer; it has {shapes(values)}")
    if inside and norms:
        raise InputError(f"{path}: {norms[0].title} belongs to no layer; it has {shapes(values)}")
    matrices = {group.tensors["weight"] for group in linear}
    shaped = {name: _shaped(path, name, value, name in matrices) for name, value in values.items()}
    return Layers(linear, norms or inside, shaped, bool(inside))


def _shaped(path: Path, name: str, value: np.ndarray, is_matrix: bool) -> np.ndarray:
    """The value, and for a vector that is stored as a row or a column its one axis."""
    if is_matrix and (KINDS.get(value.ndim) not in ("matrix", "convolution") or not value.size):
        raise InputError(
            f"{path}: {name} has the shape {value.shape}: only dense layers, of matrices, and convolutions of images "
            "are imported"
        )
    if is_matrix:
        return value
    if not value.ndim or max(value.shape) != value.size:
        raise InputError(f"{path}: {name} has the shape {value.shape}, and should have one number for each unit")
    return value.reshape(-1)


def _put(path: Path, tensors: dict[str, str], role: str, name: str) -> None:
    if role in tensors:
        raise InputError(f"{path}: {tensors[role]} and {name} are the same part of one layer: keep one of them")
    tensors[role] = name
