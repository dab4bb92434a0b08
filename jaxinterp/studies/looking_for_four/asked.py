"""Whom does study `looking-for-four` ask, and with what? Networks and the same before training, images, templates."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import attribution
from jaxinterp.data import Dataset, image_shape
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network
from jaxinterp.studies.looking_for_four.record import CONDITIONS, TARGET, TRAINED
from jaxinterp.studies.subjects import Subject, blanked

SAMPLE = 1000  # test images of mean gradients, of the half to choose by
LIT = 0.01  # share of the training images in which a pixel must not be 0 to count as one that the networks see
_SEEDS = 2  # at once: one for each of two cores

Maps = Float[Array | np.ndarray, "*seeds units pixels"]


class Seen(NamedTuple):
    """A network, or an ensemble, and what the neurons of each hidden layer look at.

    weights: pushed back to the pixels with batch norms folded in. used: the mean gradient × what each pixel varies, its
    sd.
    """

    network: Network
    weights: tuple[Maps, ...]
    used: tuple[Maps, ...]


class Asked(NamedTuple):
    """seen: the ensemble in every condition. choosing and scoring: halves of the test images. templates: of the
    training images.
    """

    subject: Subject
    seen: dict[str, Seen]
    choosing: Dataset
    scoring: Dataset
    templates: Float[np.ndarray, "kinds turns classes pixels"]
    lit: Bool[np.ndarray, " pixels"]

    @property
    def example(self) -> int:
        """The network that is shown where one is: the first that did not diverge."""
        return int(np.argmin(self.subject.diverged))

    def trained(self, fn: Callable, *shared) -> Any:
        """fn(Seen, *shared) of every trained network; diverged ones are NaN."""
        return blanked(_lifted(fn)(self.seen[TRAINED], *shared), self.subject.diverged)

    def compared(self, fn: Callable, *shared) -> Any:
        """fn of every network in every condition, which make an axis behind seeds."""
        compiled = _lifted(fn)
        found = [blanked(compiled(self.seen[name], *shared), self.subject.diverged) for name in CONDITIONS]
        return jax.tree.map(lambda *parts: np.stack(parts, axis=1), *found)


def ask(subject: Subject) -> Asked:
    """The study's own networks. Raises InputError for networks without a hidden layer or class 4, or no 4s."""
    run, model = subject.run, subject.run.networks.model
    if not model.widths or model.outputs <= TARGET:
        raise InputError(
            f"looking-for-four needs a hidden layer and {TARGET + 1} outputs or more, got widths {model.widths} and "
            f"{model.outputs} outputs"
        )
    train, test = subject.splits.train, subject.splits.test
    order = np.asarray(jax.random.permutation(jax.random.key(run.config.train.base_seed), len(test.labels)))
    half = len(order) // 2
    if not all(np.any(test.labels[part] == TARGET) for part in (order[:half], order[half:])):
        raise InputError(f"looking-for-four needs test images of class {TARGET}, some in either half of them")
    choosing = test.take(order[:half])
    look = _lifted(see)
    ensembles = zip(CONDITIONS, (run.networks, subject.untrained()), strict=True)
    return Asked(
        subject,
        {name: look(networks, choosing.images[:SAMPLE]) for name, networks in ensembles},
        choosing,
        test.take(order[half:]),
        turned(templates(train, model.outputs)),
        np.mean(train.images > 0, axis=0) >= LIT,
    )


def templates(data: Dataset, classes: int) -> Float[np.ndarray, "kinds classes pixels"]:
    """What each class's images look like on average, and that less the mean of all other images; 0 for a class of none.

    Means are over all images alike, so that a larger class counts for more of the rest.
    """
    members = np.equal(data.labels[:, None], np.arange(classes)).astype(np.float64)
    count, total = members.sum(axis=0)[:, None], members.T @ data.images
    own = total / np.maximum(count, 1)
    rest = (total.sum(axis=0) - total) / np.maximum(count.sum() - count, 1)
    return np.where(count > 0, np.stack([own, own - rest]), 0).astype(np.float32)


def turned(maps: Float[np.ndarray, "kinds classes pixels"]) -> Float[np.ndarray, "kinds turns classes pixels"]:
    """Every square map as it is, and the seven other ways it can be turned and mirrored, in the order of `TURNS`."""
    side, _ = image_shape(maps.shape[-1])
    grid = maps.reshape(*maps.shape[:-1], side, side)
    across = np.swapaxes(grid, -1, -2)
    made = (
        grid,
        grid[..., ::-1],
        grid[..., ::-1, :],
        grid[..., ::-1, ::-1],
        across,
        across[..., ::-1, :],
        across[..., ::-1],
        across[..., ::-1, ::-1],
    )
    return np.stack([turn.reshape(maps.shape) for turn in made], axis=1)


def layers(model: MLP) -> tuple[str, ...]:
    """The hidden layers of a network's model."""
    return tuple(f"hidden{layer}" for layer in range(len(model.widths)))


def see(network: Network, sample: Float[Array | np.ndarray, "examples pixels"]) -> Seen:
    """One network, with what its neurons look at; mean gradients are over the sample."""
    sites, spread = [f"{layer}/pre" for layer in layers(network.model)], jnp.std(sample, axis=0)
    return Seen(
        network,
        tuple(attribution.weights(network, site=site) for site in sites),
        tuple(attribution.gradients(network, sample, site=site) * spread for site in sites),
    )


def _lifted(fn: Callable) -> Callable:
    """fn(one, *shared) of everything that leads with seeds, such as a network with its maps."""
    return jax.jit(lambda every, *shared: jax.lax.map(lambda one: fn(one, *shared), every, batch_size=_SEEDS))
