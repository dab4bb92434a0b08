"""How do a file's tensors become a Network? Layer by layer, with a zero for each bias that the file leaves out.

Networks of one architecture are then stacked, and become an ensemble.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxinterp import data, networks
from jaxinterp.choices import NORMS
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.foreign.files import Tensors, read_tensors
from jaxinterp.foreign.geometry import FIELDS, fit, same, text
from jaxinterp.foreign.layers import STATISTICS, Group, Layers, group, shapes
from jaxinterp.foreign.names import is_batch_norm
from jaxinterp.foreign.order import Chain, Known, chain, norms
from jaxinterp.foreign.weight_norm import fold
from jaxinterp.networks import CNN, MLP, Network

# The norms by what they leave in a file: running statistics, or weights alone.
_OVER_BATCH = next(name for name, norm in NORMS.items() if norm.over_units is None)
_OVER_UNITS = next(name for name, norm in NORMS.items() if norm.over_units is not None)

_NORM_VARIABLES = (  # collection, variable, and the file's part
    ("params", "scale", "scale"),
    ("params", "bias", "shift"),
    ("batch_stats", "mean", "mean"),
    ("batch_stats", "var", "var"),
)


# Fields of ModelConfig that a model and `Known` have.
_OF_MODEL = ("widths", "outputs", "norm", "channels", "kernel_size", "stride", "padding", "pool_size", "image_shape")
TOLD = ("activation", "norm_position", "norm_epsilon", *FIELDS, "pool")  # fields of ModelConfig that some files tell


class Weights(NamedTuple):
    """A file's network, or several of one architecture: the variables, and which tensor became which of them.

    convolutions: the fields of ModelConfig that blocks of convolutions have; empty for a multilayer perceptron. told:
    fields besides, of those in TOLD, that the file tells. fitted: guesses, of those that neither the file nor a user
    tells, and for which of common values only these fit. variables: as `networks.init` nests them, with a leading seeds
    axis. mapping: pairs (tensor in the file, variable with its shape and with what was done to it).
    """

    widths: tuple[int, ...]
    outputs: int
    norm: str
    convolutions: dict[str, tuple[int, ...]]
    told: dict[str, Any]
    fitted: dict[str, tuple[int, ...]]
    variables: dict[str, Any]
    mapping: list[tuple[str, str]]

    @property
    def fields(self) -> dict[str, Any]:
        """All fields of ModelConfig that are known."""
        return {
            "widths": self.widths,
            "outputs": self.outputs,
            "norm": self.norm,
            **self.convolutions,
            **self.told,
        }


class Imported(NamedTuple):
    """An ensemble of one network, and the mapping from tensors in the file to its variables."""

    networks: Network
    mapping: list[tuple[str, str]]


def import_weights(path: Path | str, model: MLP, pixels: int, known: Known | None = None) -> Imported:
    """Weights from a file as an ensemble of one network of the given model.

    known: what settles an order or orientation that the file leaves open. Raises InputError, naming the file and what
    to do, where the file is not such a network.
    """
    of_model = {name: getattr(model, name) for name in _OF_MODEL if hasattr(model, name)}
    known = (known or Known())._replace(**of_model)
    weights = read_weights(path, pixels, known)
    return Imported(Network(model, weights.variables), weights.mapping)


def read_weights(path: Path | str, pixels: int, known: Known | None = None) -> Weights:
    """The network in a file, for images of so many pixels.

    Raises InputError, naming the file and what to do, where the file's tensors make no network, where they make several
    and nothing decides which, and where they differ from what is known.
    """
    return weights_of(read_tensors(path), pixels, known or Known())


def read_ensemble(paths: Sequence[Path], pixels: int, known: Known | None = None) -> Weights:
    """The networks in several files of one architecture, in the files' order.

    Raises InputError as `read_weights` does, and where a file has another architecture than the first, or the same
    weights as another: an ensemble is of independent networks.
    """
    return stack((path, read_weights(path, pixels, known)) for path in paths)


def weights_of(tensors: Tensors, pixels: int | None, known: Known) -> Weights:
    """The network that tensors make, for images of so many pixels (None: of any number); see `read_weights`."""
    tensors = fold(tensors)
    told, order = tensors.described
    _check_told(tensors.path, told, known)
    known = known._replace(layers=known.layers or order, norm=told.get("norm", known.norm))
    layers = group(tensors, known.norm)
    chained = chain(tensors.path, layers, pixels, known, ordered=tensors.ordered)
    following = norms(tensors.path, layers, chained, known, ordered=tensors.ordered)
    _check_layers(tensors.path, chained, known)
    norm = _norm(tensors, layers, following, known)
    _check_norms(tensors.path, norm, following, chained)
    known = known._replace(**{name: told[name] for name in told if name in FIELDS})
    convolutions = _convolutions(tensors.path, chained, known) if chained.windows else {}
    shape: dict[str, Any] = {"image_shape": known.image_shape} if convolutions else {}
    model = networks.build(ModelConfig(chained.widths, chained.sizes[-1], norm=norm, **convolutions, **shape))
    epsilon = told.get("norm_epsilon", known.norm_epsilon)
    filled = _Variables(tensors, layers, ModelConfig.norm_epsilon if epsilon is None else epsilon)
    filled.fill(model, chained, following)
    told = {field: told[field] for field in TOLD if field in told}
    fitted = {name: value for name, value in convolutions.items() if name in FIELDS and getattr(known, name) is None}
    return Weights(
        chained.widths, chained.sizes[-1], norm, convolutions, told, fitted, filled.variables, filled.mapping
    )


def stack(named: Iterable[tuple[Path, Weights]]) -> Weights:
    """Networks of one architecture, each with its file, along the seeds axis; see `read_ensemble`.

    Its mapping is the first file's, followed by the pairs in which others differ, with their files' names.
    """
    several = list(named)
    if not several:
        raise InputError("there is no network to import: give at least one")
    (first, whole), *others = several
    seen = {_hash(whole): first}
    fields, mapping = whole.fields, list(whole.mapping)
    for path, weights in others:
        for field, value in weights.fields.items():
            if value != (wanted := fields.setdefault(field, value)):
                raise InputError(
                    f"{path} has {field} {text(value)}, and {first} has {text(wanted)}: import networks of one "
                    "architecture together"
                )
        if twin := seen.get(_hash(weights)):
            raise InputError(f"{path} holds the same weights as {twin}: an ensemble is of independent networks")
        seen[_hash(weights)] = path
        mapping += [
            (f"{path.name}: {source}", variable)
            for source, variable in weights.mapping
            if (source, variable) not in whole.mapping
        ]
    leaves = [whole.variables, *(weights.variables for _, weights in others)]
    variables = jax.tree.map(lambda *parts: np.concatenate(parts), *leaves)
    told = {field: value for _, weights in several for field, value in weights.told.items()}
    fitted = {field: value for field, value in whole.fitted.items() if field not in told}
    return whole._replace(told=told, fitted=fitted, variables=variables, mapping=mapping)


def _hash(weights: Weights) -> str:
    return data.hash_arrays(jax.tree.leaves(weights.variables))


class _Variables:
    """Variables as they are filled, and where they come from."""

    def __init__(self, tensors: Tensors, layers: Layers, epsilon: float):
        self.path, self.layers = tensors.path, layers
        # What a part that the file leaves out does not change; a norm that it leaves out changes nothing at all.
        self.missing = {"scale": 1.0, "bias": 0.0}
        self.identity = {"scale": math.sqrt(1 + epsilon), "bias": 0.0, "mean": 0.0, "var": 1.0}
        self.variables: dict[str, Any] = {}
        self.mapping: list[tuple[str, str]] = []

    def fill(self, model: MLP, chained: Chain, following: Sequence[Group]) -> None:
        """The variables of a model from layers in the order of computation, and from the norms that follow them."""
        maps = model.maps[-1] if isinstance(model, CNN) else (1, 1)
        for index, (name, *norm) in enumerate(networks.layer_parameters(model)):
            linear, units = chained.linear[index], chained.sizes[index]
            self._put_kernel(name, linear, chained, maps if index == len(chained.windows) else (1, 1))
            self._put("params", name, "bias", linear.tensors.get("bias"), units, self.missing)
            tensors = following[index].tensors if index < len(following) else {}
            # A layer norm without weights leaves nothing in a file.
            missing = self.identity if following and not tensors else self.missing
            for collection, variable, part in _NORM_VARIABLES if norm else ():
                if part not in STATISTICS or NORMS[model.norm].over_units is None:
                    self._put(collection, norm[0], variable, tensors.get(part), units, missing)

    def _put_kernel(self, layer: str, linear: Group, chained: Chain, maps: tuple[int, int]) -> None:
        source = linear.tensors["weight"]
        value, note = self.layers.values[source], ""
        if chained.orientation == "outputs-first":
            # PyTorch's outputs, inputs, rows, columns; and it flattens feature maps as channels, rows, columns.
            value, note = np.moveaxis(value, (0, 1), (-1, -2)), ", transposed"
            if maps != (1, 1):
                value = np.moveaxis(value.reshape(-1, *maps, value.shape[-1]), 0, 2).reshape(value.shape)
                note += ", reordered as rows, columns, channels"
        self._store("params", layer, "kernel", source, value, note)

    def _put(self, collection: str, layer: str, name: str, source: str | None, units: int, missing) -> None:
        if source is None:
            value = np.full(units, missing[name], np.float32)
            self._store(collection, layer, name, "not in the file", value, f", all {missing[name]:g}")
            return
        value = self.layers.values[source]
        if value.size != units:
            held = shapes({source: value})
            raise InputError(f"{self.path} has {held} for the {units} units of {layer}: give each unit one number")
        if name == "var" and value.min() < 0:
            raise InputError(f"{self.path}: {source} goes down to {value.min():g}, and variances are at least 0")
        self._store(collection, layer, name, source, value, "")

    def _store(self, collection, layer, name, source, value, note) -> None:
        self.variables.setdefault(collection, {}).setdefault(layer, {})[name] = np.ascontiguousarray(value)[None]
        self.mapping.append((source, f"{collection}/{layer}/{name} {value.shape}{note}"))


def _convolutions(path: Path, chained: Chain, known: Known) -> dict[str, Any]:
    """The fields of ModelConfig that the blocks of convolutions have."""
    if not known.image_shape:
        raise InputError(f"{path} has convolutions: give image_shape=(rows, columns, channels) of the images")
    tensors: dict[str, Any] = {"channels": chained.channels, "kernel_size": chained.windows}
    config = ModelConfig(image_shape=known.image_shape, **tensors)
    given = {name: getattr(known, name) for name in FIELDS}
    return {**tensors, **fit(path, config, chained.inputs // chained.channels[-1], given)}


def _check_layers(path: Path, chained: Chain, known: Known) -> None:
    """That there are as many layers as is known. Where there are, `chain` has made sure that their units fit."""
    of_file = {"channels": chained.channels, "kernel_size": chained.windows, "widths": chained.widths}
    for name, value in of_file.items():
        given = getattr(known, name)
        # Kernels' size says nothing of a network without convolutions.
        if given is not None and not same(given, value) and (name != "kernel_size" or value):
            option = f"--model.{name.replace('_', '-')}"
            raise InputError(
                f"{path} has {name} {text(value)}, and {option} says {text(given)}: leave the option out, or give these"
            )


def _check_norms(path: Path, norm: str, following: Sequence[Group], chained: Chain) -> None:
    """That norms after convolutions are batch norms, or flax's and Keras's layer norms, which standardise channels."""
    if norm == "none" or not chained.windows or NORMS[norm].over_units is None:
        return
    if chained.orientation == "outputs-first" or 0 < len(following) < len(chained.linear) - 1:
        raise InputError(
            f"{path} has norms other than batch norm after its convolutions, which PyTorch computes over positions, "
            "too: only batch norms are imported there"
        )


def _check_told(path: Path, told: Mapping[str, Any], known: Known) -> None:
    for field, value in told.items():
        if (given := getattr(known, field)) is not None and not same(given, value):
            option = f"--model.{field.replace('_', '-')}"
            raise InputError(
                f"{path} has {option} {text(value)}, and {option} says {text(given)}: leave the option out"
            )


def _norm(tensors: Tensors, layers: Layers, following: list[Group], known: Known) -> str:
    """The norm that the file holds, checked against what is known."""
    path = tensors.path
    with_statistics = [STATISTICS <= norm.tensors.keys() for norm in following]
    for norm, whole in zip(following, with_statistics, strict=True):
        if not whole and (STATISTICS & norm.tensors.keys() or any(with_statistics) or is_batch_norm(norm.layer)):
            raise InputError(
                f"{path} has no running mean and variance for the batch norm of {norm.title}: export them too"
            )
    norm = "none" if not following else _OVER_BATCH if any(with_statistics) else _OVER_UNITS
    if known.norm in NORMS and _leaves_like(known.norm, norm):
        return known.norm
    if known.norm not in (None, norm):
        raise InputError(
            f"{path} has the norm {norm}, by its tensors {shapes(layers.values)}, and --model.norm says {known.norm}: "
            "leave the option out"
        )
    return norm


def _leaves_like(known: str, norm: str) -> bool:
    """Whether a file with a known norm looks like this one. A norm over units without weights leaves nothing in it."""
    over_units = NORMS[known].over_units is not None
    return norm in (("none", _OVER_UNITS) if over_units else (_OVER_BATCH,))
