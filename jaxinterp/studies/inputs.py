"""What does a measurement run on? One recipe's complete run: its networks at every stage, its folder and its data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import Bool, Float

from jaxinterp import controls, data, ensemble, store
from jaxinterp.config import RunConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.networks import MLP, Network
from jaxinterp.store import Run
from jaxinterp.train import SPLITS, kept_accuracy

UNTRAINED, SNAPSHOTS, TRAINED = "untrained", "snapshots", "trained"
SAMPLE = 1000

Value = TypeVar("Value")


@dataclass(frozen=True)
class Inputs:
    """One recipe's networks and data, shared by all measurements of a study."""

    recipe: str
    path: Path
    run: Run
    splits: Splits
    _computed: dict[Callable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

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
    def test_accuracy(self) -> Float[np.ndarray, " seeds"]:
        """Test accuracy of the kept weights; NaN for networks that diverged."""
        return np.where(self.diverged, np.nan, kept_accuracy(self.run.history)[:, SPLITS.index("test")])

    @property
    def example(self) -> int:
        """The seed whose network is shown where one is: the first that did not diverge."""
        return int(np.argmin(self.diverged))

    @cached_property
    def untrained(self) -> Network:
        """The same networks with their initial weights, seed by seed."""
        train, pixels = self.config.train, self.splits.test.images.shape[-1]
        return controls.untrained(ensemble.keys(train.base_seed, train.seeds), self.model, pixels)

    @property
    def snapshots(self) -> tuple[str, ...]:
        """Names of the stages between first and last epoch whose weights were kept, such as "epoch 5"."""
        train = self.config.train
        between = sorted(epoch for epoch in train.snapshots if 0 < epoch < train.epochs)
        return tuple(f"epoch {epoch}" for epoch in between if (self.path / "snapshots" / str(epoch)).is_dir())

    def conditions(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The conditions that these names stand for: "snapshots" is every stage that the run kept."""
        return tuple(c for name in names for c in (self.snapshots if name == SNAPSHOTS else (name,)))

    def ensemble(self, condition: str) -> Network:
        """The networks in a condition: "untrained", "trained", or a snapshot such as "epoch 5"."""
        if condition == TRAINED:
            return self.networks
        if condition == UNTRAINED:
            return self.untrained
        return store.load(self.path, epoch=int(condition.removeprefix("epoch "))).networks

    @cached_property
    def choosing(self) -> Dataset:
        """Every other test image: whatever is picked out of many is picked by these."""
        return self.splits.test.take(np.s_[0::2])

    @cached_property
    def scoring(self) -> Dataset:
        """The remaining test images: what was picked is measured on these."""
        return self.splits.test.take(np.s_[1::2])

    @cached_property
    def sample(self) -> Dataset:
        """At most 1,000 test images, evenly spaced, for what would be too much work on all of them."""
        test = self.splits.test
        return test.take(np.linspace(0, len(test.labels) - 1, min(SAMPLE, len(test.labels))).astype(int))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs' classes."""
        return tuple(map(str, self.config.data.classes or range(self.model.outputs)))

    def key(self, part: int):
        """A random key of this run for one part of a study."""
        return jax.random.fold_in(jax.random.key(self.config.train.base_seed), part)

    def once(self, fn: Callable[["Inputs"], Value]) -> Value:
        """fn(self), computed once however many measurements ask for it."""
        if fn not in self._computed:
            self._computed[fn] = fn(self)
        return self._computed[fn]


def load(recipe: str, path: Path) -> Inputs:
    """The inputs of a complete run. Raises InputError where there is none, or where its data are missing."""
    run = store.load(path)
    return Inputs(recipe, path, run, data.load(run.config.data))
