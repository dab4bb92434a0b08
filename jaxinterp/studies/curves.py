"""How did networks of several recipes learn? Their accuracy after each epoch."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from jaxinterp.studies.inputs import Inputs
from jaxinterp.train import SPLITS


def accuracy(inputs: Mapping[str, Inputs], split: str) -> Float[np.ndarray, "recipes seeds epochs"]:
    """Accuracy on a split after each epoch; NaN where a network was no longer trained, diverged, or does not exist."""
    curves = [np.asarray(own.run.history.accuracy)[..., SPLITS.index(split)] for own in inputs.values()]
    found = np.full((len(curves), *np.max([curve.shape for curve in curves], axis=0)), np.nan)
    for table, curve, own in zip(found, curves, inputs.values(), strict=True):
        table[: len(curve), : curve.shape[1]] = np.where(own.diverged[:, None], np.nan, curve)
    return found
