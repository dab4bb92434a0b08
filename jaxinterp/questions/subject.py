"""What do all questions need of a run? The networks that did not diverge, and units named as in "hidden1:3,7"."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxinterp.errors import InputError
from jaxinterp.interventions import select
from jaxinterp.networks import MLP, Layer, layer_named
from jaxinterp.store import Run
from jaxinterp.studies.inputs import Inputs

ONE_NETWORK = "no interval: one network"
CHANNELS = "a channel's activation: the mean over its map"


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
