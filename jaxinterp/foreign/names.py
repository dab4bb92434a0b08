"""What does a tensor's name say? Which part of which layer it is, by tables of the words that libraries use."""

import re
from typing import NamedTuple

# What a tensor is, by a word of its name. A weight of one axis is a norm's scale, and the bias next to it its shift.
ROLES: dict[str, str] = {
    **dict.fromkeys(("weight", "weights", "w", "kernel", "coef", "coefs"), "weight"),
    **dict.fromkeys(("bias", "biases", "b", "intercept", "intercepts"), "bias"),
    **dict.fromkeys(("scale", "gamma"), "scale"),
    **dict.fromkeys(("shift", "beta", "offset"), "shift"),
    "mean": "mean",
    **dict.fromkeys(("var", "variance"), "var"),
}
FILLERS = {"running", "moving"}  # before mean and var
COLLECTIONS = re.compile(r"(?<![^\W_])(params|batch_stats)(?![^\W_])", re.IGNORECASE)  # flax's, before layers' names
WRAPPERS = re.compile(r"(?<![^.])(module|_orig_mod)\.")  # DataParallel's and torch.compile's, around what they wrap
ENDINGS = re.compile(r"(:\d+|[./](value|raw_value))$")  # Keras's and flax's
COUNTERS = ("num_batches_tracked",)  # at the end of names of what is not a weight
# Words for layers at either end of a network, in the names of layers that are not numbered.
FIRST, LAST = {"in", "input", "first"}, {"out", "output", "head", "logits", "classifier", "final", "last"}
# Libraries whose word for a matrix settles how it lies: "kernel" is flax's and Keras's, "coefs" scikit-learn's.
INPUTS_FIRST = {"kernel", "coefs"}
OUTPUTS_FIRST = {"weight"}  # PyTorch's
# The vectors after a matrix, where tensors have no names but an order, by their number.
UNNAMED: dict[int, tuple[tuple[str, ...], ...]] = {
    0: ((),),
    1: (("bias",),),
    2: (("scale", "shift"), ("mean", "var")),
    3: (("bias", "scale", "shift"), ("bias", "mean", "var")),
    4: (("scale", "shift", "mean", "var"),),
    5: (("bias", "scale", "shift", "mean", "var"),),
}

Layer = tuple[str, ...]  # the words of a layer's name, lower case, numbers as words of their own


class Part(NamedTuple):
    """What a name says: the layer, and the word for what the tensor is in it, "" where there is none."""

    layer: Layer
    word: str


def split(name: str) -> Part:
    """The parts of a tensor's name: its last word that is in ROLES, and the other words.

    "fc1.weight" is the weight of layer ("fc", "1"), "W1" that of ("1",), "batch_stats/BatchNorm_0/mean" the mean of
    ("batchnorm", "0").
    """
    parts = words(name)
    index = max((index for index, word in enumerate(parts) if word in ROLES), default=None)
    if index is None:
        return Part(parts, "")
    rest = (*parts[:index], *parts[index + 1 :])
    return Part(tuple(word for word in rest if word not in FILLERS), parts[index])


def words(name: str) -> Layer:
    """The words of a name without flax's collections, PyTorch's wrappers, and the endings that Keras and flax add."""
    name = ENDINGS.sub("", WRAPPERS.sub("", COLLECTIONS.sub("", name)))
    return tuple(re.findall(r"[^\W\d_]+|\d+", name.lower()))


def is_counter(name: str) -> bool:
    """Whether a name is that of a counter of training steps."""
    return name.endswith(COUNTERS)


def numbers(layer: Layer) -> tuple[tuple[int, str], ...]:
    """The numbers in a layer's name, in a form that compares as they do however many digits they have.

    A name without any comes before those with numbers, as Keras's "dense" does.
    """
    digits = [word.lstrip("0") for word in layer if word.isdecimal()]
    return tuple((len(word), word) for word in digits)


def text(layer: Layer) -> Layer:
    """A layer's name without its numbers."""
    return tuple(word for word in layer if not word.isdecimal())


def comes_before(layer: Layer, other: Layer) -> bool:
    """Whether names say that a layer comes before another: by its number, or as words for the first and the last do."""
    if text(layer) == text(other):
        return numbers(layer) < numbers(other)
    return (_has(FIRST, layer) and not _has(FIRST, other)) or (_has(LAST, other) and not _has(LAST, layer))


def is_batch_norm(layer: Layer) -> bool:
    """Whether a layer is called a batch norm."""
    return "bn" in layer or "batchnorm" in "".join(layer)


def _has(ends: set[str], layer: Layer) -> bool:
    return bool(ends & set(layer))
