"""Inputs of a recipe at toy size: its config shrunk, trained by the real path, and stored in a folder."""

import dataclasses
from pathlib import Path

import numpy as np

from jaxinterp import data, jobs, recipes
from jaxinterp.data import Dataset, Splits
from jaxinterp.networks import Network, build
from jaxinterp.store import Run
from jaxinterp.studies.inputs import Inputs, load
from jaxinterp.train import History


def toy_config(recipe, *, seeds=3, epochs=2, source=None, **model):
    """A recipe's config with few seeds and epochs, another data source where one is given, and another model."""
    config = recipes.config(recipe, seeds=seeds, epochs=epochs)
    own = dataclasses.replace(config.data, **({} if source is None else {"source": source}), train_size=300)
    return dataclasses.replace(config, data=own, model=dataclasses.replace(config.model, **model))


def train(recipe, folder: Path, **options) -> Inputs:
    """A recipe trained at toy size into a folder, as `toy_config` shrinks it."""
    config = toy_config(recipe, **options)
    jobs.train_run(folder, config)
    return load(recipe, folder)


class Unread(Inputs):
    """Inputs whose run kept every snapshot that its config names."""

    @property
    def snapshots(self) -> tuple[str, ...]:
        """Names of the stages between first and last epoch."""
        train = self.config.train
        return tuple(f"epoch {epoch:g}" for epoch in sorted(train.snapshots) if 0 < epoch < train.epochs)


def unread(recipe, *, seeds=3) -> Inputs:
    """Inputs that have a config and a model and nothing else: enough for the labels of axes."""
    config = recipes.config(recipe, seeds=seeds)
    nothing = Dataset(np.zeros((0, 784), np.float32), np.zeros(0, np.int32))
    splits = Splits(nothing, nothing, nothing)
    config = jobs.with_shape(config, splits)
    run = Run(config, Network(build(config.model), None), None)
    return Unread(recipe, Path(recipe), run, splits)


def from_networks(recipe, config, networks: Network, history: History) -> Inputs:
    """Inputs of networks that were never stored."""
    return Inputs(recipe, Path(recipe), Run(config, networks, history), data.load(config.data))
