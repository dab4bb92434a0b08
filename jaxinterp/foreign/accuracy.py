"""Does an imported network still work? Its test accuracy, that of chance, and options that would raise it clearly."""

import dataclasses
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxinterp import ensemble, metrics, networks
from jaxinterp.choices import ACTIVATIONS
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.text import format_percent

# How training code commonly prepares pixels in [0, 1]: what it subtracts, and then divides by.
NORMALISATIONS: dict[str, tuple[float, float]] = {
    "pixels in [0, 1]": (0.0, 1.0),
    "MNIST's mean and standard deviation": (0.1307, 0.3081),
    "pixels in [−1, 1]": (0.5, 0.5),
    "pixels in [−½, ½]": (0.5, 1.0),
    "bytes from 0 to 255": (0.0, 1 / 255),
    "Fashion-MNIST's mean and standard deviation": (0.2860, 0.3530),
    "KMNIST's mean and standard deviation": (0.1918, 0.3483),
    "EMNIST's mean and standard deviation": (0.1736, 0.3317),
}
NEAR_CHANCE = 0.25  # a network that gets no more than this part of the way from chance to 1 has learnt nothing
_SURE = 3.0  # standard errors by which other options must do better to be worth a hint
_EXAMPLES = 10_000  # test images at most for each set of options


class Check(NamedTuple):
    """Test accuracy of an imported network and of the most frequent label; NaN without test images.

    hint: options under which the network would do clearly better, in a sentence; "" where there are none.
    """

    accuracy: float
    chance: float
    hint: str

    @property
    def near_chance(self) -> bool:
        """Whether the network does little better than chance, so that its weights are hardly what they should be."""
        return not self.accuracy > self.chance + NEAR_CHANCE * (1 - self.chance)

    @property
    def sentence(self) -> str:
        """Accuracy and that of chance."""
        return f"test accuracy {format_percent(self.accuracy, 1)}, chance {format_percent(self.chance, 1)}"


def check(network: Network, config: ModelConfig, test: Dataset, loss: str) -> Check:
    """Test an ensemble of one network of this config, as it is and under the other options that a file does not hold.

    These are the usual normalisations, the activation functions and the norm's position, one changed at a time.
    """
    if not len(test.labels):
        return Check(math.nan, math.nan, "")
    labels = np.asarray(test.labels)
    chance = float(np.bincount(labels).max() / len(labels))
    accuracy = _accuracy(network, config, test, loss)
    some = test.take(slice(_EXAMPLES))
    here = _accuracy(network, config, some, loss)
    reached = {option: _accuracy(network, other, some, loss) for option, other in _alternatives(config)}
    option = max(reached, key=lambda option: reached[option])
    better = reached[option] - here > _SURE * math.sqrt(max(here * (1 - here), 1e-9) / len(some.labels))
    hint = f"it would reach {format_percent(reached[option], 1)} with {option}" if better else ""
    return Check(accuracy, chance, hint)


def _alternatives(config: ModelConfig) -> Iterator[tuple[str, ModelConfig]]:
    for about, (mean, std) in NORMALISATIONS.items():
        option = f"--model.input-mean {mean:.6g} --model.input-std {std:.6g} ({about})"
        yield option, dataclasses.replace(config, input_mean=mean, input_std=std)
    for activation in ACTIVATIONS if config.widths else ():
        yield f"--model.activation {activation}", dataclasses.replace(config, activation=activation)
    if config.norm != "none":
        for position in ("before", "after"):
            yield f"--model.norm-position {position}", dataclasses.replace(config, norm_position=position)


def _accuracy(network: Network, config: ModelConfig, test: Dataset, loss: str) -> float:
    logits, _ = ensemble.take(Network(networks.build(config), network.variables), 0)(test.images)
    return float(np.mean(metrics.correct(loss, logits, test.labels)))
