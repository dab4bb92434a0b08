"""How does a network in memory, a PyTorch module or plain arrays, become one that analyses accept? Without a file."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxinterp import networks
from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.config import ModelConfig, Orientation, PoolKind
from jaxinterp.errors import InputError, InputWarning
from jaxinterp.foreign.files import Tensors
from jaxinterp.foreign.order import Known
from jaxinterp.foreign.steps import Described, Step, describe
from jaxinterp.foreign.weights import stack, weights_of
from jaxinterp.networks import Network

_ACTIVATIONS = {function.torch: name for name, function in ACTIVATIONS.items() if function.torch}
_NORMS = {kind: name for name, norm in NORMS.items() for kind in norm.torch}
_WRAPPERS = (
    "_orig_mod",
    "module",
)  # attributes of torch.compile's modules, which show those inside, and DataParallel's
_GELU = "GELU"  # whose argument says which of two functions it is
_WITHOUT_EFFECT = {"Dropout", "Dropout1d", "Dropout2d"}
_POOLS = {"MaxPool2d": "max", "AvgPool2d": "mean"}
# Values of a module's attributes with which it computes what is imported.
_PLAIN = {
    "Conv2d": {"dilation": 1, "groups": 1, "padding_mode": "zeros"},
    "MaxPool2d": {"padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False},
    "AvgPool2d": {"padding": 0, "ceil_mode": False, "divisor_override": None},
    "Flatten": {"start_dim": 1, "end_dim": -1},
}
_OF_IMAGES = ("torch.nn.modules.conv", "torch.nn.modules.pooling")


def from_torch(*modules: Any, layers: tuple[str, ...] = (), **model: Any) -> Network:
    """PyTorch modules of one architecture, as an ensemble in their order.

    modules: each an nn.Module with the state_dict() of a multilayer perceptron or of a convolutional network. An
    nn.Sequential tells its activation function, norm, strides, padding and pooling; for any other module, give them.
    layers: names of its layers in the order of computation, where names and shapes leave it open. model: fields of
    ModelConfig that the modules do not tell: activation, norm_position, norm_epsilon, input_mean, input_std; with
    convolutions image_shape (rows, columns, channels), and stride, padding, pool and pool_size. Raises InputError where
    the modules are no such networks, and where a field is missing or contradicts them; warns as `from_arrays` does.
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
    norm_epsilon, input_mean, input_std; with convolutions image_shape (rows, columns, channels), and stride, padding,
    pool and pool_size. Raises InputError where the arrays make no network, or could make several, and warns with
    InputWarning of strides, padding and pooling that nobody gave and that are taken since no common others fit.
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
    if (weights.widths or weights.convolutions) and "activation" not in {**model, **weights.told}:
        raise InputError(
            f"{tensors[0].path} does not tell its activation function: give activation=…, "
            f"one of {', '.join(ACTIVATIONS)}"
        )
    if max(weights.convolutions.get("pool_size", (1,))) > 1 and "pool" not in {**model, **weights.told}:
        raise InputError(
            f"{tensors[0].path} does not tell its kind of pooling: give pool=…, one of {', '.join(get_args(PoolKind))}"
        )
    if weights.fitted:
        guess = ", ".join(f"{name}={value}" for name, value in weights.fitted.items())
        message = (
            f"{tensors[0].path} does not tell {guess}: a guess, of common values the only ones that fit; give them"
        )
        warnings.warn(message, InputWarning, stacklevel=3)
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
    steps = _steps(path, module, prefix, list(arrays)) if _kind(module) == "Sequential" else None
    return Tensors(path, arrays, True, Described({}, ()) if steps is None else describe(path, steps))


def _wrapper(module: Any) -> str | None:
    """The attribute under which a wrapper of PyTorch's own keeps its module."""
    own = type(module).__module__.startswith("torch.")
    return next((name for name in _WRAPPERS if own and hasattr(module, name)), None)


def _kind(module: Any) -> str:
    """The name of a module's class where that is PyTorch's own, and computes what its name says."""
    kind = type(module)
    return kind.__name__.removeprefix("Parametrized") if kind.__module__.startswith("torch.nn.") else ""


def _steps(path: Path, module: Any, prefix: str, names: Sequence[str]) -> list[Step] | None:
    """The steps of a Sequential, or of one module in it; None where it holds what is not PyTorch's own.

    Raises InputError for convolutions and pooling that are not imported.
    """
    kind = _kind(module)
    if kind == "Sequential":
        # Not its named_children(), which leave out what occurs twice, as one activation function often does.
        parts = [_steps(path, child, f"{prefix}{name}.", names) for name, child in module._modules.items()]
        known = [part for part in parts if part is not None]
        return [step for part in known for step in part] if len(known) == len(parts) else None
    if kind == "Linear":
        return [Step("linear", f"{prefix}weight", f"{prefix}weight")]
    if kind in _PLAIN or type(module).__module__ in _OF_IMAGES:
        return [_of_maps(path, kind, module, prefix)]
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


def _of_maps(path: Path, kind: str, module: Any, prefix: str) -> Step:
    """The step of a convolution, pooling or flattening."""
    name = f"{prefix}{kind}"
    if kind not in _PLAIN:
        raise InputError(
            f"{path} has {name}: of convolutions and pooling, only Conv2d, MaxPool2d and AvgPool2d are known"
        )
    for option, plain in _PLAIN[kind].items():
        if (value := getattr(module, option)) not in (plain, (plain, plain)):
            raise InputError(f"{path} has {name} with {option}={value}: only {option}={plain} is imported")
    if kind == "Flatten":
        return Step("flatten", name)
    size, stride = (_side(path, name, option, getattr(module, option)) for option in ("kernel_size", "stride"))
    if kind == "Conv2d":
        padding = module.padding
        if isinstance(padding, str):
            padding = 0 if padding == "valid" else size // 2 if size % 2 else padding
        return Step("convolution", name, f"{prefix}weight", (stride, _side(path, name, "padding", padding)))
    if stride != size:
        raise InputError(f"{path} has {name} with stride={stride}: only its kernel_size, {size}, is imported")
    return Step("pooling", name, value=(_POOLS[kind], size))


def _side(path: Path, name: str, option: str, value: Any) -> int:
    """The one number of a setting for rows and columns."""
    sides = set(value) if isinstance(value, tuple) else {value}
    if len(sides) > 1 or not all(isinstance(side, int) for side in sides):
        raise InputError(f"{path} has {name} with {option}={value!r}: only the same number for all sides is imported")
    return sides.pop()
