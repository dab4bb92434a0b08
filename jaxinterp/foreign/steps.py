"""What does a list of a network's steps, such as a Keras config or an nn.Sequential, tell that its tensors do not?"""

import itertools
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jaxinterp.choices import ACTIVATIONS, LINEAR
from jaxinterp.errors import InputError

# What may follow the last linear layer: outputs are logits, and none of these changes which is the largest.
_OF_OUTPUTS = re.compile(r"(log_?)?softmax|sigmoid", re.IGNORECASE)


_LAYERS = ("linear", "convolution")


class Step(NamedTuple):
    """One step of a computation.

    name: for messages. tensor: one of its tensors, "" where it has none. value: of an activation function its name in
    choices.ACTIVATIONS, None where it is not among them; of a norm its name in choices.NORMS and its epsilon; of a
    convolution its stride and padding; of pooling its kind and size.
    """

    kind: Literal["linear", "convolution", "norm", "activation", "pooling", "flatten"]
    name: str
    tensor: str = ""
    value: Any = None


class Described(NamedTuple):
    """told: fields of ModelConfig and their values. layers: a tensor of each layer, in the order of computation."""

    told: dict[str, Any]
    layers: tuple[str, ...]


def describe(path: Path, steps: Sequence[Step]) -> Described:
    """What steps tell. Raises InputError where no multilayer perceptron and no convolutional network computes them."""
    blocks = _check_flattened(path, steps)
    steps = [step for step in steps if step.kind != "flatten"]
    starts = [index for index, step in enumerate(steps) if step.kind in _LAYERS]
    if not starts or starts[0] > 0:
        raise InputError(f"{path} does not begin with a linear layer or a convolution, as an imported network does")
    *hidden, last = [steps[start + 1 : end] for start, end in itertools.pairwise([*starts, len(steps)])]
    if blocks > len(hidden):
        raise InputError(f"{path} ends with a convolution: outputs must be those of a linear layer")
    for step in last:
        if step.kind == "norm" or not (step.value == LINEAR or _OF_OUTPUTS.fullmatch(step.name)):
            raise InputError(f"{path} ends with {step.name}: outputs must be those of a linear layer, or their softmax")
    told: dict[str, Any] = {}
    if hidden:
        told["activation"] = _only(path, "activation function", [_activation(path, after) for after in hidden])
    norms = [[step for step in after if step.kind == "norm"] for after in hidden]
    if any(norms):
        normed = hidden[:blocks] if blocks and not any(norms[blocks:]) else hidden
        if {len(norm) for norm in norms[: len(normed)]} != {1}:
            several = ", ".join(step.name for norm in norms for step in norm)
            raise InputError(
                f"{path} has the norms {several}: a network has one after each hidden layer, after each convolution, "
                "or none"
            )
        names, epsilons = zip(*(step.value for [step] in norms[: len(normed)]), strict=True)
        told["norm"] = _only(path, "kind of norm", names)
        told["norm_epsilon"] = _only(path, "epsilon of the norm", epsilons)
        told["norm_position"] = _only(path, "position of the norm", [_position(after) for after in normed])
    if blocks:
        told |= _of_blocks(path, [steps[start] for start in starts[:blocks]], hidden[:blocks])
    for after in hidden[blocks:]:
        if pooled := [step.name for step in after if step.kind == "pooling"]:
            raise InputError(f"{path} has {pooled[0]} after a linear layer: only feature maps are pooled")
    return Described(told, tuple(step.tensor for step in steps if step.tensor))


def _check_flattened(path: Path, steps: Sequence[Step]) -> int:
    """The number of convolutions, which come first, and whose maps are flattened before the first linear layer."""
    layers = [step for step in steps if step.kind in (*_LAYERS, "flatten")]
    kinds = [step.kind for step in layers]
    blocks = kinds.count("convolution")
    if blocks and (kinds[:blocks] != ["convolution"] * blocks or kinds[blocks : blocks + 1] not in ([], ["flatten"])):
        raise InputError(
            f"{path} computes {', '.join(step.name for step in layers)}: convolutions come first, then their maps are "
            "flattened, and then come linear layers"
        )
    return blocks


def _of_blocks(path: Path, convolutions: Sequence[Step], hidden: Sequence[Sequence[Step]]) -> dict[str, Any]:
    """Stride, padding and pooling of each block."""
    strides, paddings = zip(*(step.value for step in convolutions), strict=True)
    pooled = [_pooling(path, after) for after in hidden]
    told: dict[str, Any] = {"stride": strides, "padding": paddings}
    told["pool_size"] = tuple(1 if step is None else step.value[1] for step in pooled)
    if kinds := [step.value[0] for step in pooled if step is not None]:
        told["pool"] = _only(path, "kind of pooling", kinds)
    return told


def _pooling(path: Path, after: Sequence[Step]) -> Step | None:
    """The pooling after one convolution, which comes last in its block, or may."""
    steps = [step for step in after if step.value != LINEAR]
    kinds = [step.kind for step in steps]
    if "pooling" not in kinds:
        return None
    at = kinds.index("pooling")
    # A function that never falls keeps the largest value the largest.
    moved = steps[at].value[0] == "max" and all(
        step.kind == "activation" and ACTIVATIONS[step.value].least is None for step in steps[at + 1 :]
    )
    if kinds.count("pooling") > 1 or not (at == len(kinds) - 1 or moved):
        raise InputError(
            f"{path} computes {', '.join(step.name for step in steps)} after a convolution: pooling comes once and "
            "last, or a maximum before an activation function that never falls"
        )
    return steps[at]


def _activation(path: Path, after: Sequence[Step]) -> str:
    """The activation function among the steps after a hidden layer."""
    functions = [step for step in after if step.kind == "activation" and step.value != LINEAR]
    for step in functions:
        if step.value is None:
            raise InputError(f"{path} has the activation function {step.name}: only {', '.join(ACTIVATIONS)} are known")
    if len(functions) > 1:
        raise InputError(f"{path} has {functions[0].name} and {functions[1].name} after one layer: one is imported")
    return functions[0].value if functions else LINEAR


def _position(after: Sequence[Step]) -> str:
    kinds = [step.kind for step in after if step.value != LINEAR]
    return "after" if "activation" in kinds[: kinds.index("norm")] else "before"


def _only(path: Path, what: str, values: Sequence[Hashable]) -> Any:
    if len(set(values)) > 1:
        several = ", ".join(dict.fromkeys(map(str, values)))
        raise InputError(f"{path} has more than one {what} ({several}): all hidden layers must be alike")
    return values[0]
