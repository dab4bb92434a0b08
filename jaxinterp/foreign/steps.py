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


class Step(NamedTuple):
    """One step of a computation.

    name: for messages. tensor: one of its tensors, "" where it has none. value: of an activation function its name in
    choices.ACTIVATIONS, None where it is not among them; of a norm its name in choices.NORMS and its epsilon.
    """

    kind: Literal["linear", "norm", "activation"]
    name: str
    tensor: str = ""
    value: Any = None


class Described(NamedTuple):
    """told: fields of ModelConfig and their values. layers: a tensor of each layer, in the order of computation."""

    told: dict[str, Any]
    layers: tuple[str, ...]


def describe(path: Path, steps: Sequence[Step]) -> Described:
    """What steps tell. Raises InputError where no MLP computes them."""
    starts = [index for index, step in enumerate(steps) if step.kind == "linear"]
    if not starts or starts[0] > 0:
        raise InputError(f"{path} does not begin with a linear layer, as an imported network does")
    *hidden, last = [steps[start + 1 : end] for start, end in itertools.pairwise([*starts, len(steps)])]
    for step in last:
        if step.kind == "norm" or not (step.value == LINEAR or _OF_OUTPUTS.fullmatch(step.name)):
            raise InputError(f"{path} ends with {step.name}: outputs must be those of a linear layer, or their softmax")
    told: dict[str, Any] = {}
    if hidden:
        told["activation"] = _only(path, "activation function", [_activation(path, after) for after in hidden])
    norms = [[step for step in after if step.kind == "norm"] for after in hidden]
    if any(norms):
        if {len(norm) for norm in norms} != {1}:
            several = ", ".join(step.name for norm in norms for step in norm)
            raise InputError(f"{path} has the norms {several}: a network has one after each hidden layer, or none")
        names, epsilons = zip(*(step.value for [step] in norms), strict=True)
        told["norm"] = _only(path, "kind of norm", names)
        told["norm_epsilon"] = _only(path, "epsilon of the norm", epsilons)
        told["norm_position"] = _only(path, "position of the norm", [_position(after) for after in hidden])
    return Described(told, tuple(step.tensor for step in steps if step.tensor))


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
