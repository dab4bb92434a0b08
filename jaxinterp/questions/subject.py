"""What do all questions need of a run? Networks that did not diverge, classes, units named as in "hidden1:3,7"."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from jaxinterp.config import DataConfig
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.interventions import select
from jaxinterp.networks import MLP, Layer, layer_named, num_classes
from jaxinterp.store import Run
from jaxinterp.studies.inputs import Inputs
from jaxinterp.text import suggestion

ONE_NETWORK = "no interval: one network"
MEAN_OVER_MAP = "a channel's activation is the mean over its map"
ABLATED_MAP = "ablation replaces a channel at every position of its map: mean-ablation by the mean over images there"


class Group(NamedTuple):
    """Units of one layer."""

    layer: Layer
    units: tuple[int, ...]

    def __str__(self):
        return f"{self.layer.name}:{','.join(map(str, self.units))}"


def group(text: str, model: MLP) -> Group:
    """The units that a text such as "hidden1:3,7" names; a unit named twice counts once.

    Raises InputError for a text of another form, a layer or a unit that the model does not have.
    """
    name, colon, listed = text.partition(":")
    numbers = [number.strip() for number in listed.split(",")]
    if not colon or not all(number.isdecimal() for number in numbers):
        raise InputError(f"{text!r} names no units: write a layer and its units, such as hidden1:3,7")
    layer = layer_named(model, name)
    mask = select(tuple(map(int, numbers)), layer.units)
    return Group(layer, tuple(np.flatnonzero(mask).tolist()))


def known_seeds(run: Run) -> list[int]:
    """The seeds whose networks did not diverge. Raises InputError where there are none."""
    seeds = np.flatnonzero(np.asarray(run.history.diverged) == 0).tolist()
    if not seeds:
        raise InputError("all networks diverged, so there are none to look into")
    return seeds


def check_seeds(inputs: Inputs, seeds: Sequence[int]) -> None:
    """Raise InputError for a seed that the run does not have, or whose network diverged."""
    known = known_seeds(inputs.run)
    for seed in seeds:
        if seed not in known:
            why = "its network diverged" if 0 <= seed < inputs.seeds else f"the run has seeds 0 to {inputs.seeds - 1}"
            raise InputError(f"no seed {seed} in {inputs.path}: {why}")


def notes_on(inputs: Inputs) -> list[str]:
    """What cannot be said of a run: no interval for one network; which networks are left out."""
    known, notes = known_seeds(inputs.run), []
    if len(known) == 1:
        notes.append(ONE_NETWORK)
    if lost := sorted(set(range(inputs.seeds)) - set(known)):
        notes.append(f"left out, since they diverged: seeds {', '.join(map(str, lost))}")
    return notes


def notes_on_channels(layers: Iterable[Layer], *, ablated: bool = False) -> list[str]:
    """What the activation of a unit is, and what ablation replaces, where one of these layers has channels."""
    if not any(layer.feature_map for layer in layers):
        return []
    return [MEAN_OVER_MAP, ABLATED_MAP] if ablated else [MEAN_OVER_MAP]


def class_names(config: DataConfig, test: Dataset, classes: int) -> tuple[str, ...]:
    """What the labels from 0 on stand for, as text: the number where no name is known."""
    unnamed = config.positive is not None and not test.class_names
    names = (f"not {config.positive}", str(config.positive)) if unnamed else test.class_names
    return tuple(names[label] if label < len(names) else str(label) for label in range(classes))


def classes_of(inputs: Inputs) -> tuple[str, ...]:
    """The `class_names` of all labels that a run's networks distinguish."""
    return class_names(inputs.config.data, inputs.test, num_classes(inputs.model))


def label_of(text: str, inputs: Inputs) -> int:
    """The label of the class that is meant by its name or by its number; a name comes first where both fit.

    Raises InputError, in one line with the names, where there is no such class.
    """
    names = classes_of(inputs)
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    numbers = f"the network has classes 0 to {len(names) - 1}"
    if names == tuple(map(str, range(len(names)))):
        raise InputError(f"no class {text}: {numbers}")
    raise InputError(f"no class {text!r}{suggestion(text, names)}: {numbers}, which are {', '.join(names)}")
