"""Whom does a study ask? A complete run, with its folder and the data that its networks were trained on."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxinterp import controls, ensemble
from jaxinterp.data import Dataset, Splits
from jaxinterp.networks import Network
from jaxinterp.store import Run


class Subject(NamedTuple):
    """One run that a study asks."""

    path: Path
    run: Run
    splits: Splits

    @property
    def diverged(self) -> np.ndarray:
        """Which seeds diverged: they are left out of every estimate, as NaN."""
        return np.asarray(self.run.history.diverged) > 0

    def untrained(self) -> Network:
        """The run's networks with their initial weights, seed by seed."""
        config, pixels = self.run.config.train, self.splits.test.images.shape[-1]
        return controls.untrained(ensemble.keys(config.base_seed, config.seeds), self.run.networks.model, pixels)


def halves(data: Dataset) -> tuple[Dataset, Dataset]:
    """Every other image to choose by, and the others to score on."""
    return data.take(np.s_[0::2]), data.take(np.s_[1::2])


def blanked(record, diverged: np.ndarray):
    """A pytree of arrays that lead with seeds, as float64, NaN for the seeds that diverged."""

    def blank(leaf):
        values = np.array(leaf, np.float64)
        values[diverged] = np.nan
        return values

    return jax.tree.map(blank, record)


def blanked_pairs(values, left_out: np.ndarray) -> np.ndarray:
    """A matrix over pairs of networks, or several, as float64, NaN for every pair with a network that is left out."""
    values = np.array(values, np.float64)
    values[..., left_out, :] = np.nan
    values[..., left_out] = np.nan
    return values
