"""What can be set for a run? Data, model and training, as frozen dataclasses that are stored as JSON."""

import dataclasses
import json
import math
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from typing_extensions import Doc

from jaxinterp.choices import ACTIVATIONS, DATASETS, NORMS, OPTIMIZERS, used_by
from jaxinterp.errors import InputError

__all__ = [
    "Activation", "BiasInitializer", "DataConfig", "Initializer", "Loss", "ModelConfig", "Norm", "NormPosition",
    "Optimizer", "Orientation", "PoolKind", "RunConfig", "TrainConfig", "check_positive", "check_types",
    "difference", "from_json", "in_float32", "to_json", "type_name",
]  # fmt: skip

if TYPE_CHECKING:  # these names come from tables, which a type checker does not evaluate
    Activation = str
    Norm = str
    Optimizer = str
else:
    Activation = Literal[tuple(ACTIVATIONS)]
    Norm = Literal["none", *NORMS]
    Optimizer = Literal[tuple(OPTIMIZERS)]
Initializer = Literal["torch", "xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "lecun_normal"]
BiasInitializer = Literal["default", "torch"]
NormPosition = Literal["before", "after"]
PoolKind = Literal["max", "mean"]
Orientation = Literal["inputs-first", "outputs-first"]  # of imported matrices
Loss = Literal["cross_entropy", "binary_cross_entropy", "squared_error"]

# Help that names entries of the tables; all other help is the text under a field.
_SOURCE = f"""{", ".join(f"{name} ({entry.about})" for name, entry in DATASETS.items())}, a folder of IDX files, a .npz
file, or tfds:NAME (prepared beforehand)"""


def _users(field: str) -> str:
    """The optimisers that use a field."""
    return " and ".join(name for name in OPTIMIZERS if field in used_by(name))


@dataclass(frozen=True)
class DataConfig:
    """Which images a run uses, and how they are changed before training."""

    source: Annotated[str, Doc(_SOURCE)] = "mnist"
    classes: tuple[int, ...] = ()
    """keep only these classes, with their labels unchanged; empty keeps all"""
    positive: int | None = None
    """label the images of this class 1 and all others 0, for a network with one output"""
    label_offset: int = 0
    """subtract this from all labels, so that they start at 0: 1 for EMNIST's letters, whose labels go from 1 to 26;
    classes and positive are labels before this"""
    transpose: bool = False
    """swap rows and columns of every image: EMNIST's IDX files need it"""
    crop: int | None = None
    """keep only the central crop × crop pixels"""
    resize: int | None = None
    """resize to resize × resize pixels, after cropping"""
    train_size: int | None = None
    """number of training images, drawn at random; all by default"""
    validation_share: float = 0.0
    """fraction of the training images held out for validation"""
    permute_pixels: bool = False
    """control: apply one fixed permutation to the pixels of every image"""
    shuffle_labels: bool = False
    """control: shuffle the training labels"""
    data_seed: int = 0
    """random seed of all draws of data: validation and training images, permutations, and images that are generated"""


@dataclass(frozen=True)
class ModelConfig:
    """The architecture of one network: blocks of convolutions, if any, and hidden layers."""

    widths: tuple[int, ...] = (32, 16)
    """number of units in each hidden layer"""
    outputs: int = 10
    """number of logits"""
    activation: Activation = "relu"
    """function that is applied to the value of every hidden unit"""
    initializer: Initializer = "lecun_normal"
    """torch draws weights and biases uniformly from ±1/√fan_in; the others draw weights and set biases to 0"""
    initializer_gain: float = 1.0
    """factor on the initial weights, like gain in PyTorch's xavier_uniform_"""
    bias_initializer: BiasInitializer = "default"
    """default: the initializer sets the biases, too; torch: they are drawn uniformly from ±1/√fan_in in any case"""
    norm: Norm = "none"
    """normalisation of every block and hidden layer, if any"""
    norm_position: NormPosition = "before"
    """whether the norm comes before or after the activation function"""
    norm_epsilon: float = 1e-5
    """constant added to the variance; 1e-5 is PyTorch's default, Keras uses 0.001"""
    norm_momentum: float = 0.9
    """share of the old running mean and variance that batch norm keeps at each batch; 0.9 is PyTorch's default (which
    calls it 0.1); with Keras's 0.99, the initial values are forgotten only after several hundred batches"""
    dropout: tuple[float, ...] = ()
    """dropout rate after each block and hidden layer, one number for each; empty for none"""
    input_mean: float = 0.0
    """the network subtracts this from the pixels"""
    input_std: float = 1.0
    """the network then divides the pixels by this"""
    channels: tuple[int, ...] = ()
    """number of channels in each block of convolutions before the hidden layers; empty for a multilayer perceptron"""
    kernel_size: tuple[int, ...] = (3,)
    """side of each block's square window, in pixels; one number, or one for each block"""
    stride: tuple[int, ...] = (1,)
    """distance between windows, in pixels; one number, or one for each block"""
    padding: tuple[int, ...] = (0,)
    """width of the zeros on every side of the image or map, in pixels; one number, or one for each block"""
    pool: PoolKind = "max"
    """whether pooling takes the largest or the mean value"""
    pool_size: tuple[int, ...] = (2,)
    """side of the squares that are pooled after each block, 1 for none; one number, or one for each block"""
    image_shape: tuple[int, ...] = ()
    """rows, columns and channels of the images that convolutions read; empty for those of the data"""


@dataclass(frozen=True)
class TrainConfig:
    """How the networks are trained."""

    seeds: int = 32
    """number of networks; network i is the same whatever this number is"""
    base_seed: int = 0
    """number from which the random keys of all networks are derived"""
    epochs: int = 10
    """number of passes through the training images"""
    batch_size: int = 64
    """number of images in each step of training"""
    optimizer: Optimizer = "adam"
    """rule that turns gradients into steps"""
    learning_rate: float = 0.001
    """factor on every step of training"""
    momentum: Annotated[float, Doc(f"momentum coefficient, used by --train.optimizer {_users('momentum')} alone")] = 0.9
    optimizer_epsilon: Annotated[
        float,
        Doc(
            f"constant that {_users('optimizer_epsilon')} add to the root of the mean squared gradient; 1e-8 is "
            "PyTorch's default, Keras uses 1e-7"
        ),
    ] = 1e-8
    weight_decay: Annotated[
        float, Doc(f"decoupled for {_users('weight_decay')}; added to the gradient for the others")
    ] = 0.0
    l1: float = 0.0
    """weight of the L1 penalty on all kernels"""
    label_noise: float = 0.0
    """fraction of training labels replaced by the label of a random training image"""
    loss: Loss = "cross_entropy"
    """what training minimises: cross_entropy of logits of classes, binary_cross_entropy of one logit, or squared_error
    of outputs that are values"""
    data_order: Literal["independent", "shared"] = "independent"
    """independent: each network sees the training images in its own random order. shared: all networks train on the
    same batches; for speed, and for comparisons in which only the initial weights may differ. Networks that share an
    order fluctuate together, so that intervals over networks are too narrow"""
    patience: int | None = None
    """stop a network after this many epochs without a lower validation loss, and keep its weights from the best epoch;
    needs validation images"""
    snapshots: tuple[int | float, ...] = ()
    """epochs after which the weights are saved; 0 is before training, 0.25 after a quarter of the first epoch's
    batches"""
    chunk: int | None = None
    """number of networks that a device trains at the same time; it changes speed and memory, and results by rounding
    alone; by default chosen from the model's size"""


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run depends on."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    recipe: str = ""
    """name of the recipe that this run started from, if any"""


def to_json(config: RunConfig) -> str:
    """The config as readable JSON."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(text: str) -> RunConfig:
    """The config that `to_json` wrote.

    Raises InputError for text that is not such JSON, for an unknown field and for a value of the wrong type.
    """
    parts = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig}
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the config is not valid JSON: {error}") from error
    if not isinstance(values, dict) or not all(isinstance(values.get(name), dict) for name in parts):
        raise InputError(f"the config must be a JSON object with the objects {', '.join(parts)}")
    norm = NORMS.get(str(values["model"].get("norm")))
    if norm is not None and norm.over_units is None:  # one with running statistics
        values["model"].setdefault("norm_momentum", 0.99)  # as it was before it could be chosen
    if str(values["data"].get("source")).startswith("tfds:emnist/"):
        values["data"].setdefault("transpose", True)  # as its images lay before they were put upright
    return _build(RunConfig, values | {name: _build(part, values[name]) for name, part in parts.items()})


def difference(before: RunConfig, now: RunConfig) -> str | None:
    """The first field whose value changed, with both values, in words; None if there is none."""

    def flat(config: RunConfig) -> dict[str, Any]:
        parts = {name: getattr(config, name) for name in ("data", "model", "train")}
        return {f"{name}.{field}": value for name, part in parts.items() for field, value in vars(part).items()}

    old, new = flat(before), flat(now)
    changed = [name for name in new if old[name] != new[name]]
    return f"{changed[0]} was {old[changed[0]]} and is now {new[changed[0]]}" if changed else None


def _build(kind, values: dict):
    known = [field.name for field in dataclasses.fields(kind)]
    if unknown := [name for name in values if name not in known]:
        raise InputError(f"{kind.__name__} has no field {unknown[0]!r}; it has {', '.join(known)}")
    hints = typing.get_type_hints(kind)
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    for name, value in values.items():
        if not _is(value, hints[name]):
            raise InputError(_refusal(kind, name, value, hints[name]))
    return kind(**values)


def check_types(part: DataConfig | ModelConfig | TrainConfig) -> None:
    """Raise InputError where the value of a field has another type than the field, or is not one of its choices."""
    for name, hint in typing.get_type_hints(type(part)).items():
        if not _is(getattr(part, name), hint):
            raise InputError(_refusal(type(part), name, getattr(part, name), hint))


def in_float32(value: float | int) -> float:
    """The value that a network computes with; infinite for one that is too large, 0 for one that is too small."""
    try:
        with np.errstate(all="ignore"):
            return float(np.float32(value))
    except OverflowError:  # an integer that no float holds
        return math.inf if value > 0 else -math.inf


def check_positive(name: str, value: float | int) -> None:
    """Raise InputError, naming the value, unless it is positive and fits the 32 bits that it is computed with."""
    if not 0 < value < math.inf:
        raise InputError(f"{name} must be positive, got {value}")
    if not 0 < in_float32(value) < math.inf or (isinstance(value, int) and value >= 2**31):
        raise InputError(f"{name} must fit 32 bits, got {value}")


def _refusal(kind: type, name: str, value: Any, hint: Any) -> str:
    return f"{kind.__name__}.{name} must be {type_name(hint)}, got {value!r}"


def type_name(hint) -> str:
    """A config field's type as messages write it."""
    if typing.get_origin(hint) is Literal:
        return f"one of {', '.join(typing.get_args(hint))}"
    return hint.__name__ if type(hint) is type else str(hint).replace("typing.", "")


def _is(value, hint) -> bool:
    """Whether a value has the type of a config field."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and all(_is(part, arguments[0]) for part in value)
    if arguments:
        return any(_is(value, part) for part in arguments)
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
