"""How does a network in memory, a PyTorch module or plain arrays, become one that analyses accept? Without a file."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxinterp import networks
from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.config import ModelConfig, Orientation
from jaxinterp.errors import InputError
from jaxinterp.foreign.files import Tensors
from jaxinterp.foreign.order import Known
from jaxinterp.foreign.steps import Described, Step, describe
from jaxinterp.foreign.weights import stack, weights_of
from jaxinterp.networks import Network

_ACTIVATIONS = {function.torch: name for name, function in ACTIVATIONS.items() if function.torch}
_NORMS = {norm.torch: name for name, norm in NORMS.items() if norm.torch}
_WRAPPERS = (
    "_orig_mod",
    "module",
)  # attributes of torch.compile's modules, which show those inside, and DataParallel's
_GELU = "GELU"  # whose argument says which of two functions it is
_WITHOUT_EFFECT = {"Flatten", "Dropout"}


def from_torch(*modules: Any, layers: tuple[str, ...] = (), **model: Any) -> Network:
    """PyTorch modules of one architecture, as an ensemble in their order.

    modules: each an nn.Module with the state_dict() of an MLP. An nn.Sequential tells its activation function and norm;
    for any other module, give them. layers: names of its layers in the order of computation, where names and shapes
    leave it open. model: fields of ModelConfig that the modules do not tell: activation, norm_position, norm_epsilon,
    input_mean, input_std. Raises InputError where the modules are no such networks, and where a field is missing or
    contradicts them.
    """
    tensors = [_of_module(_title("module", number, modules), module) for number, module in enumerate(modules)]
    return _ensemble(tensors, Known(layers=layers), model)


def from_arrays(
    *arrays: Mapping[str, Any] | Sequence[Any],
    layers: tuple[str, ...] = (),
    orientation: Orientation | None = None,
    **model: Any,
) -> Network:
    """Networks of one architecture from their arrays, as an ensemble in their order.

    arrays: of each network a mapping from names to arrays, which may be nested, or a sequence: every matrix followed by
    its vectors, or all matrices and then all biases. layers, orientation: as --layers and --orientation of `jaxinterp
    import`. model: fields of ModelConfig: activation, which a network with hidden layers needs, norm_position,
    norm_epsilon, input_mean, input_std. Raises InputError where the arrays make no network, or could make several.
    """
    tensors = [
        Tensors(_title("network", number, arrays), _flat(each), ordered=True) for number, each in enumerate(arrays)
    ]
    return _ensemble(tensors, Known(layers=layers, orientation=orientation), model)


def _ensemble(tensors: Sequence[Tensors], known: Known, model: Mapping[str, Any]) -> Network:
    fields = [field.name for field in dataclasses.fields(ModelConfig)]
    if unknown := [name for name in model if name not in fields]:
        raise InputError(f"a model has no {unknown[0]}; it has {', '.join(fields)}")
    known = known._replace(**{name: value for name, value in model.items() if name in Known._fields})
    weights = stack((each.path, weights_of(each, None, known)) for each in tensors)
    if weights.widths and "activation" not in {**model, **weights.told}:
        raise InputError(
            f"{tensors[0].path} does not tell its activation function: give activation=…, "
            f"one of {', '.join(ACTIVATIONS)}"
        )
    module = networks.build(ModelConfig(**{**model, **weights.fields}))
    return Network(module, jax.tree.map(jnp.asarray, weights.variables))


def _title(what: str, number: int, several: Sequence[Any]) -> Path:
    """What stands for one of several networks in messages, where a file's path would."""
    return Path(f"{what} {number}" if len(several) > 1 else f"the {what}")


def _flat(arrays: Mapping[str, Any] | Sequence[Any]) -> dict[str, np.ndarray]:
    if not isinstance(arrays, Mapping):
        return {f"arr_{number}": np.asarray(array) for number, array in enumerate(arrays)}
    flat: dict[str, np.ndarray] = {}
    for name, value in arrays.items():
        inner = {f"/{key}": array for key, array in _flat(value).items()} if isinstance(value, Mapping) else {"": value}
        flat |= {f"{name}{key}": np.asarray(array) for key, array in inner.items()}
    return flat


def _of_module(path: Path, module: Any) -> Tensors:
    """A module's tensors, and what it tells of itself."""
    # NumPy lacks bfloat16; as float64 every number stays what it is.
    state = {name: tensor.detach().cpu() for name, tensor in module.state_dict().items()}
    arrays = {
        name: (tensor.double() if tensor.is_floating_point() else tensor).numpy() for name, tensor in state.items()
    }
    prefix = ""
    while wrapper := _wrapper(module):
        module, prefix = getattr(module, wrapper), f"{prefix}{wrapper}."
    steps = _steps(module, prefix, list(arrays)) if _kind(module) == "Sequential" else None
    return Tensors(path, arrays, True, Described({}, ()) if steps is None else describe(path, steps))


def _wrapper(module: Any) -> str | None:
    """The attribute under which a wrapper of PyTorch's own keeps its module."""
    own = type(module).__module__.startswith("torch.")
    return next((name for name in _WRAPPERS if own and hasattr(module, name)), None)


def _kind(module: Any) -> str:
    """The name of a module's class where that is PyTorch's own, and computes what its name says."""
    kind = type(module)
    return kind.__name__.removeprefix("Parametrized") if kind.__module__.startswith("torch.nn.") else ""


def _steps(module: Any, prefix: str, names: Sequence[str]) -> list[Step] | None:
    """The steps of a Sequential, or of one module in it; None where it holds what is not PyTorch's own."""
    kind = _kind(module)
    if kind == "Sequential":
        # Not its named_children(), which leave out what occurs twice, as one activation function often does.
        parts = [_steps(child, f"{prefix}{name}.", names) for name, child in module._modules.items()]
        known = [part for part in parts if part is not None]
        return [step for part in known for step in part] if len(known) == len(parts) else None
    if kind == "Linear":
        return [Step("linear", f"{prefix}weight", f"{prefix}weight")]
    if kind in _NORMS:
        tensor = next((name for name in names if name.startswith(prefix)), "")
        return [Step("norm", f"{prefix}{kind}", tensor, (_NORMS[kind], float(module.eps)))]
    if kind in _WITHOUT_EFFECT:
        return []
    if kind == _GELU:
        kind = f"{kind}({module.approximate})"
    if kind in _ACTIVATIONS or type(module).__module__ == "torch.nn.modules.activation":
        return [Step("activation", kind, value=_ACTIVATIONS.get(kind))]
    return None
