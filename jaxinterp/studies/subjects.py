"""Whom does a study ask? A complete run, with its folder and the data that its networks were trained on."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxinterp.data import Splits
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


def blanked(record, diverged: np.ndarray):
    """A pytree of arrays that lead with seeds, as float64, NaN for the seeds that diverged."""

    def blank(leaf):
        values = np.array(leaf, np.float64)
        values[diverged] = np.nan
        return values

    return jax.tree.map(blank, record)
