"""What does a network compute, step by step? The words in which each kind of network describes itself.

A model (`mlp.MLP`, `cnn.CNN`) is a list of layers, and of steps from each of its sites to the next. All else asks these
two: what an analysis may know about a network is here.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jaxinterp.interventions import Site

INPUT: Site = "input"
LOGITS: Site = "logits"


class Layer(NamedTuple):
    """A layer of units with an activation function: neurons, or the channels of a convolution.

    sites: in the order of computation; the first is the input of the activation function and the second its output, and
    the next layer reads the last. feature_map: rows and columns that each channel has at the first two sites; None for
    neurons. norm: the name of the norm's parameters, if the layer has one.
    """

    name: str
    units: int
    sites: tuple[Site, ...]
    feature_map: tuple[int, int] | None = None
    norm: str | None = None

    @property
    def pre(self) -> Site:
        """The input of the activation function."""
        return self.sites[0]

    @property
    def post(self) -> Site:
        """The output of the activation function."""
        return self.sites[1]

    @property
    def last(self) -> Site:
        """What the next layer reads."""
        return self.sites[-1]


class Scaling(NamedTuple):
    """Pixels less a mean, over a standard deviation."""

    mean: float
    std: float


class Dense(NamedTuple):
    """A product with a kernel "inputs units", plus a bias: the parameters of this name."""

    name: str


class Convolution(NamedTuple):
    """A cross-correlation with a kernel "rows columns inputs channels", plus a bias: the parameters of this name.

    size: rows, and columns, of the kernel. padding: zeros around the image, on every side.
    """

    name: str
    size: int
    stride: int
    padding: int


class Norm(NamedTuple):
    """A norm of the units: one of choices.NORMS, with the parameters and statistics of this name."""

    name: str
    kind: str
    epsilon: float


class Activation(NamedTuple):
    """An activation function: one of choices.ACTIVATIONS."""

    kind: str


class Pooling(NamedTuple):
    """The maximum or the mean of each square of so many positions; squares that the edge would cut are left out."""

    kind: str
    size: int


class Unflattening(NamedTuple):
    """The pixels as an image "rows columns channels"."""

    shape: tuple[int, int, int]


class Flattening(NamedTuple):
    """Feature maps as one vector: row by row, column by column, channels last."""

    positions: int


Operation = Scaling | Dense | Unflattening | Convolution | Norm | Activation | Pooling | Flattening


class Step(NamedTuple):
    """What leads to a site from the site before it."""

    site: Site
    operations: tuple[Operation, ...]


def operations(steps: Iterable[Step]) -> Iterator[Operation]:
    """The operations of steps, one after another."""
    return (operation for step in steps for operation in step.operations)
