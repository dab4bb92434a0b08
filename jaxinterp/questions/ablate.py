"""What does a group of units do? Accuracy without it, beside that without random and without matched groups."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp import ensemble, metrics, stats
from jaxinterp.analysis import ablation
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.interventions import select
from jaxinterp.networks import Network, num_classes
from jaxinterp.questions import subject
from jaxinterp.questions.subject import Group
from jaxinterp.stats import SHARE, SIGNED, Bounds, Estimate
from jaxinterp.studies.inputs import Inputs

DRAWS = 20  # of each kind of control group
ALL = "all"
CONTROLS = ("random", "matched")
_KEY = 11  # number of this question's random draws, of a run
_ABLATED = 4  # groups at once: their scores stay in cache


class Accuracies(NamedTuple):
    """Accuracy of the unchanged network, without the group, without each control group and without each of its units.

    Over all test images first, then over those of each class, NaN for a class without any.
    """

    before: Float[Array | np.ndarray, " classes"]
    without: Float[Array | np.ndarray, " classes"]
    controls: Float[Array | np.ndarray, "controls draws classes"]
    singles: Float[Array | np.ndarray, "units classes"]


class Ablation(NamedTuple):
    """A group's ablation in every network that did not diverge.

    classes: "all", then the names of the classes, along the arrays' axis of that name. seeds: along theirs. notes: what
    cannot be said.
    """

    group: Group
    kind: str
    seeds: tuple[int, ...]
    classes: tuple[str, ...]
    accuracies: Accuracies
    notes: tuple[str, ...]

    @property
    def damage(self) -> Float[np.ndarray, "seeds classes"]:
        """Accuracy lost without the group."""
        return np.asarray(self.accuracies.before - self.accuracies.without)

    @property
    def control_damage(self) -> Float[np.ndarray, "controls seeds classes"]:
        """Accuracy lost without a group of as many units, mean over draws: random ones, and ones of like activation."""
        drops = np.asarray(self.accuracies.before[:, None, None] - self.accuracies.controls)
        return np.moveaxis(drops.mean(axis=2), 1, 0)

    @property
    def sum_of_singles(self) -> Float[np.ndarray, "seeds classes"]:
        """Sum over the group's units of the accuracy lost without that unit alone."""
        return np.asarray(self.accuracies.before[:, None] - self.accuracies.singles).sum(axis=1)

    @property
    def as_damaging(self) -> Float[np.ndarray, "controls seeds classes"]:
        """Share of the control groups whose loss costs at least as much accuracy as the group's."""
        known = ~np.isnan(self.accuracies.without)
        least = self.accuracies.controls <= self.accuracies.without[:, None, None] + 1e-6  # equal but for rounding
        return np.moveaxis(np.where(known[:, None], least.mean(axis=2), np.nan), 1, 0)


class Row(NamedTuple):
    """Estimates over networks for one class, or for all images."""

    name: str
    before: Estimate
    without: Estimate
    damage: Estimate
    random: Estimate
    matched: Estimate
    singles: Estimate


def answer(inputs: Inputs, units: str, *, kind: str = "mean") -> Ablation:
    """Accuracy of every network without these units, in all test images and in those of each class.

    units: such as "hidden1:3,7". kind: see `analysis.ablation`; "-" stands for a space. Control groups have as many
    units of the same layer, and may contain some of the group: random ones, and ones that are also matched in mean
    activation (`ablation.matched_groups`). Resample-ablation draws the same images for all groups of a network. Raises
    InputError for units that the network does not have, an unknown kind, and where all networks diverged.
    """
    group, kind = subject.group(units, inputs.model), kind.replace("-", " ")
    if kind not in ablation.KINDS:
        raise InputError(f"no ablation {kind!r}; there are {', '.join(ablation.KINDS)}")
    seeds = subject.known_seeds(inputs.run)
    mask = select(group.units, group.layer.units)
    of_network = partial(_of_network, group=group, kind=kind, loss=inputs.config.train.loss)
    program = jax.jit(ensemble.over_seeds(of_network, chunk=1, keyed=True))
    networks, keys = ensemble.take(inputs.networks, seeds), inputs.network_keys(_KEY)[np.array(seeds)]
    found = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), program(networks, keys, inputs.test, mask))
    notes = subject.notes_on(inputs)
    if len(group.units) == group.layer.units:
        notes.append(f"no controls: the group is all of {group.layer.name}, and so is every other of as many units")
    notes += subject.notes_on_channels([group.layer], ablated=True)
    return Ablation(group, kind, tuple(seeds), (ALL, *subject.classes_of(inputs)), found, tuple(notes))


def rows(found: Ablation) -> list[Row]:
    """Means over networks with their intervals: all images first, then each class."""

    def of(place: int) -> Row:
        accuracies = (values[:, place] for values in (found.accuracies.before, found.accuracies.without))
        losses = (found.damage, *found.control_damage, found.sum_of_singles)
        most = len(found.group.units)
        bounds = (SIGNED, SIGNED, SIGNED, Bounds(-most, most))
        return Row(
            found.classes[place],
            *(stats.over_seeds_estimate(values, bounds=SHARE) for values in accuracies),
            *(
                stats.over_seeds_estimate(values[:, place], bounds=own)
                for values, own in zip(losses, bounds, strict=True)
            ),
        )

    return [of(place) for place in range(len(found.classes))]


def _of_network(
    network: Network,
    key,
    data: Dataset,
    mask: Bool[Array | np.ndarray, " units"],
    *,
    group: Group,
    kind: str,
    loss: str,
) -> Accuracies:
    labels, classes = jnp.asarray(data.labels), num_classes(network.model)

    def accuracy(logits, labels):
        right = metrics.correct(loss, logits, labels)
        return jnp.append(jnp.mean(right), metrics.by_class(right, labels, classes=classes))

    control_key, fill_key = jax.random.split(key)
    activity = jnp.mean(network.units(data.images)[group.layer.post], axis=0)
    controls = ablation.control_groups(control_key, mask[None], activity, draws=DRAWS)[:, 0].reshape(-1, len(mask))
    masks = jnp.concatenate([jnp.asarray(mask)[None], controls, jnp.eye(len(mask), dtype=bool)[np.array(group.units)]])
    without = ablation.groups(
        network, data, masks, site=group.layer.post, kind=kind, key=fill_key, measure=accuracy, chunk=_ABLATED
    )
    own, controlled, singles = jnp.split(without, [1, 1 + len(CONTROLS) * DRAWS])
    before = ablation.baseline(network, data.replace(labels=labels), measure=accuracy)
    return Accuracies(before, own[0], controlled.reshape(len(CONTROLS), DRAWS, -1), singles)
