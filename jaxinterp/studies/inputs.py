"""What does a measurement run on? One recipe's complete run: its networks at every stage, its folder and its data.

Every measurement can also be made on each of `PARTS` parts of the test images alone. The differences between the parts
show how much the result would change with other test images.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp import controls, ensemble, metrics, store
from jaxinterp.config import RunConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.networks import MLP, Network
from jaxinterp.store import Run
from jaxinterp.train import SPLITS, kept_accuracy

UNTRAINED, SNAPSHOTS, TRAINED = "untrained", "snapshots", "trained"
SAMPLE = 1000
PARTS = 10
_LEAST = 1000  # test images; fewer are not divided, and neither is a class of fewer than two images a part

_STUDIES = 2**32 - 2  # folded into keys of studies: no seed, and no part of a study, has this number

Value = TypeVar("Value")


def stage(condition: str) -> float:
    """Where a condition stands in the order of training: its epoch, −1 before training and ∞ after it."""
    ends = {UNTRAINED: -1.0, TRAINED: np.inf}
    return ends[condition] if condition in ends else float(condition.removeprefix("epoch "))


@dataclass(frozen=True)
class Inputs:
    """One recipe's networks and data, shared by all measurements of a study.

    whole: None, or the inputs of which these are one part: the same networks with some of the test images, in `rows`.
    """

    recipe: str
    path: Path
    run: Run
    splits: Splits
    whole: "Inputs | None" = None
    rows: Int[np.ndarray, " examples"] | None = None
    _computed: dict[Callable, tuple[Any, bool]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _stages: dict[str, Network] = field(default_factory=dict, init=False, repr=False, compare=False)
    _read: list[None] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def config(self) -> RunConfig:
        """What the run depends on."""
        return self.run.config

    @property
    def networks(self) -> Network:
        """The trained ensemble."""
        return self.run.networks

    @property
    def model(self) -> MLP:
        """The architecture of every network."""
        return self.run.networks.model

    @property
    def seeds(self) -> int:
        """Number of networks."""
        return ensemble.size(self.run.networks)

    @property
    def diverged(self) -> Bool[np.ndarray, " seeds"]:
        """Which networks diverged: every estimate leaves them out."""
        return np.asarray(self.run.history.diverged) > 0

    @property
    def accuracy(self) -> Float[np.ndarray, "seeds splits"]:
        """Accuracy of the kept weights; NaN for networks that diverged."""
        found = np.array(kept_accuracy(self.run.history), np.float64)
        test = self.test
        if self.whole is not None:
            of_part = _accuracy(self.networks, test, loss=self.config.train.loss)
            found[:, SPLITS.index("test")] = np.where(self.diverged, np.nan, of_part)
        return found

    @property
    def test_accuracy(self) -> Float[np.ndarray, " seeds"]:
        """Test accuracy of the kept weights; NaN for networks that diverged."""
        return self.accuracy[:, SPLITS.index("test")]

    @property
    def example(self) -> int:
        """The seed whose network is shown where one is: the first that did not diverge."""
        return int(np.argmin(self.diverged))

    @cached_property
    def untrained(self) -> Network:
        """The same networks with their initial weights, seed by seed."""
        if self.whole is not None:
            return self.whole.untrained
        train, pixels = self.config.train, self.splits.test.images.shape[-1]
        return controls.untrained(ensemble.keys(train.base_seed, train.seeds), self.model, pixels)

    @property
    def snapshots(self) -> tuple[str, ...]:
        """Names of the stages between first and last epoch whose weights were kept, such as "epoch 5"."""
        train, folder = self.config.train, self.path / "snapshots"
        between = [store.epoch_name(epoch) for epoch in sorted(train.snapshots) if 0 < epoch < train.epochs]
        return tuple(f"epoch {name}" for name in between if (folder / name).is_dir())

    def conditions(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The conditions that these names stand for: "snapshots" is every stage that the run kept."""
        return tuple(c for name in names for c in (self.snapshots if name == SNAPSHOTS else (name,)))

    def ensemble(self, condition: str) -> Network:
        """The networks in a condition: "untrained", "trained", or a snapshot such as "epoch 5"."""
        if condition == TRAINED:
            return self.networks
        if condition == UNTRAINED:
            return self.untrained
        if self.whole is not None:
            return self.whole.ensemble(condition)
        if condition not in self._stages:
            self._stages[condition] = store.load(self.path, epoch=float(condition.removeprefix("epoch "))).networks
        return self._stages[condition]

    @property
    def test(self) -> Dataset:
        """The test images."""
        if self._divided:
            self._read.append(None)
        return self.splits.test if self.rows is None else self.splits.test.take(self.rows)

    @property
    def choosing(self) -> Dataset:
        """Every other test image: whatever is picked out of many is picked by these."""
        return self.test.take(np.s_[0::2])

    @property
    def scoring(self) -> Dataset:
        """The remaining test images: what was picked is measured on these."""
        return self.test.take(np.s_[1::2])

    @property
    def sample(self) -> Dataset:
        """At most 1,000 test images, evenly spaced, for what would be too much work on all of them."""
        return self.test.spaced(self.at_most(SAMPLE))

    def at_most(self, number: int) -> int:
        """How many test images stand for a number of them: as many, or a part of that in a part."""
        return number if self.whole is None else max(number // PARTS, 1)

    @cached_property
    def parts(self) -> tuple["Inputs", ...]:
        """These inputs with each of `PARTS` disjoint parts of the test images; none where these are too few.

        Every part has as many images of each class, and its classes in the same order, so that what is compiled for one
        part serves all.
        """
        if not self._divided:
            return ()
        labels = np.asarray(self.splits.test.labels)
        places = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        sizes = [len(own) // PARTS for own in places]
        order = np.argsort(np.concatenate([(np.arange(size) + 0.5) / size for size in sizes]), kind="stable")

        def rows(part: int) -> np.ndarray:
            own = [place[part::PARTS][:size] for place, size in zip(places, sizes, strict=True)]
            return np.concatenate(own)[order]

        return tuple(Inputs(self.recipe, self.path, self.run, self.splits, self, rows(part)) for part in range(PARTS))

    @cached_property
    def _divided(self) -> bool:
        """Whether the test images are a sample that is large enough for parts."""
        labels = np.asarray(self.splits.test.labels)
        return len(labels) >= _LEAST and bool(np.unique(labels, return_counts=True)[1].min() >= 2 * PARTS)

    @property
    def labels(self) -> tuple[str, ...]:
        """The source's labels of the outputs' classes, as text."""
        return tuple(map(str, self.config.data.classes or range(self.model.outputs)))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs' classes: the source's labels where it has no names."""
        data, test = self.config.data, self.splits.test
        if not test.class_names:
            return self.labels
        if data.positive is not None:
            return test.class_names
        kept = [label - data.label_offset for label in data.classes]
        return tuple(map(test.name, kept or range(self.model.outputs)))

    def key(self, part: int):
        """A random key of this run for one part of a study, which no network was trained with.

        The key of network i is that of base_seed folded with i, and so is the i-th of a split
        (findings/jax_split_equals_fold_in.sh).
        """
        own = jax.random.fold_in(jax.random.key(self.config.train.base_seed), _STUDIES)
        return jax.random.fold_in(own, part)

    def network_keys(self, part: int):
        """A random key for each network, for one part of a study; none of them is in a split of that part's own key."""
        own = jax.random.fold_in(self.key(part), _STUDIES)
        return jax.vmap(lambda seed: jax.random.fold_in(own, seed))(jnp.arange(self.seeds))

    def once(self, fn: Callable[["Inputs"], Value]) -> Value:
        """fn(self), computed once however many measurements ask for it; for all parts unless it reads test images."""
        if fn in self._computed:
            value, reads_test = self._computed[fn]
        elif self.whole is not None and not self.whole._reads_test(fn):
            return self.whole.once(fn)
        else:
            before = self.reads
            value = fn(self)
            reads_test = self.reads > before
            self._computed[fn] = value, reads_test
        if reads_test:
            self._read.append(None)
        return value

    @property
    def reads(self) -> int:
        """How often test images have been read, if they can be divided into parts."""
        return len(self._read)

    def _reads_test(self, fn: Callable[["Inputs"], Any]) -> bool:
        self.once(fn)
        return self._computed[fn][1]


@partial(jax.jit, static_argnames="loss")
def _accuracy(networks: Network, test: Dataset, *, loss: str) -> Float[Array, " seeds"]:
    def of_network(network: Network) -> Array:
        return jnp.mean(metrics.correct(loss, network(test.images)[0], test.labels))

    return ensemble.over_seeds(of_network, chunk=8)(networks)


def load(recipe: str, path: Path, others: Iterable[Inputs] = ()) -> Inputs:
    """The inputs of a complete run, which share the images of others with the same data.

    Raises InputError where there is no such run, or where its data are missing.
    """
    run = store.load(path)
    shared = [own.splits for own in others if own.config.data == run.config.data]
    return Inputs(recipe, path, run, store.data_of(path, run.config, *shared[:1]))
