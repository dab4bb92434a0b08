"""Which weights does PyTorch's weight norm stand for? Directions times lengths, folded before tensors are read."""

import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxinterp.errors import InputError
from jaxinterp.foreign.files import Tensors, as_float32

# As torch.nn.utils.weight_norm names lengths and directions, and as torch.nn.utils.parametrizations.weight_norm does.
_PART = re.compile(r"(?P<prefix>|.*\.)(weight_(?P<old>[gv])|parametrizations\.weight\.original(?P<new>[01]))")
_LENGTHS = ("g", "0")
# Spectral norm, orthogonal matrices, pruning: the weight is computed from these in ways that are not folded.
_OTHER = re.compile(r"(.*\.)?(parametrizations\..*|\w+_orig)")


class _Pair(NamedTuple):
    lengths: str
    directions: str


def fold(tensors: Tensors) -> Tensors:
    """The tensors with `weight` in the place of each pair of lengths and directions.

    Raises InputError for tensors of other parametrisations, which are no weights themselves.
    """
    pairs = _pairs(tensors)
    whole = {name: weight for weight, pair in pairs.items() for name in pair}
    arrays: dict[str, np.ndarray] = {}
    for name, array in tensors.arrays.items():
        if name in whole:
            pair = pairs[whole[name]]
            lengths, directions = (as_float32(tensors.path, part, tensors.arrays[part]) for part in pair)
            arrays[whole[name]] = _weight(lengths, directions)
        elif _OTHER.fullmatch(name):
            raise InputError(
                f"{tensors.path}: {name} belongs to a parametrisation other than weight norm: remove it before saving "
                "(torch.nn.utils.parametrize.remove_parametrizations)"
            )
        else:
            arrays[name] = array
    return tensors._replace(arrays=arrays)


def _pairs(tensors: Tensors) -> dict[str, _Pair]:
    """The pairs of lengths and directions by the name of the weight that they stand for."""
    parts: dict[str, dict[bool, str]] = {}
    for name in tensors.arrays:
        if part := _PART.fullmatch(name):
            is_lengths = (part["old"] or part["new"]) in _LENGTHS
            parts.setdefault(f"{part['prefix']}weight", {})[is_lengths] = name
    return {weight: _Pair(names[True], names[False]) for weight, names in parts.items() if len(names) == 2}


def _weight(lengths: Float[np.ndarray, "..."], directions: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Each direction at its length: one for each slice along the axes that the lengths have, or one for all."""
    within = tuple(axis for axis in range(directions.ndim) if lengths.ndim == 0 or lengths.shape[axis] == 1)
    exact = directions.astype(np.float64)
    with np.errstate(all="ignore"):  # a direction of length 0 gives NaN, which is refused later
        return (lengths * exact / np.sqrt(np.sum(exact**2, axis=within, keepdims=True))).astype(np.float32)
