"""What must a run have for a study to be about its networks? Layers of neurons, outputs, classes and square images."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jaxinterp.data import Dataset, size_text
from jaxinterp.networks import MLP, convolves


@dataclass(frozen=True)
class Needs:
    """What a study needs of a run's networks and test images; what all of its measurements need, at least.

    layers: the least number of hidden layers; exact: whether more are too many. outputs: the least number.
    classes: each must have a test image in either half (`Inputs.choosing`, `Inputs.scoring`). square: whether images
    must be as high as wide; least_side: the least number of rows, if they must.
    """

    layers: int = 1
    exact: bool = False
    outputs: int = 1
    classes: tuple[int, ...] = ()
    square: bool = False
    least_side: int = 1

    def missing(self, model: MLP, test: Dataset) -> list[str]:
        """What a run lacks, in words; nothing if the study can be about it."""
        return list(self._missing(model, test))

    def _missing(self, model: MLP, test: Dataset) -> Iterator[str]:
        layers, (rows, columns, channels) = len(model.layers), test.shape
        if layers < self.layers or (self.exact and layers > self.layers):
            exactly, more = ("exactly ", "") if self.exact else ("", " or more")
            yield f"{exactly}{_counted(self.layers, 'hidden layer')}{more}, not {layers}"
        if model.outputs < self.outputs:
            yield f"{_counted(self.outputs, 'output')} or more, not {model.outputs}"
        for label in self.classes:
            if not all(np.any(test.labels[half::2] == label) for half in range(2)):
                yield f"test images of class {label}, some in either half of them"
        if convolves(model):
            yield "networks without convolutions"
        if self.square and (rows != columns or channels > 1 or rows < self.least_side):
            least = f" of {self.least_side} × {self.least_side} pixels or more" if self.least_side > 1 else ""
            yield f"square images{least} and one channel, not {size_text(test.shape)}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
