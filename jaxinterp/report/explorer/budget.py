"""How many networks fit into a page? Those that did not diverge, from the first on, until their arrays are too many."""

import zlib

import jax
import numpy as np

from jaxinterp.analysis.units import KINDS
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import convolves, num_classes
from jaxinterp.questions.units import EXEMPLARS, check
from jaxinterp.report.explorer.embedding import EMBEDDED
from jaxinterp.report.explorer.measures import MEASURES
from jaxinterp.store import Run

# Bytes of a payload: as text it is a third larger, and a page of 15 MB has room for figures beside it.
LIMIT = 9_000_000
TO_TRY = 10  # images of each class to load
POINTS = 500  # images that are points of every layer's embedding
_SAMPLED = 500
_LABELLED = 150  # bytes of a unit's labels


def held(run: Run, test: Dataset, limit: int) -> tuple[list[int], str]:
    """The seeds that a page of `limit` bytes holds, and a sentence where these are not all that did not diverge.

    Raises InputError where there is nothing to explore: no network that did not diverge, not even one that fits, no
    hidden layer, or fewer than four test images.
    """
    seeds = check(run, test)
    sizes = size(run, test, np.arange(1, len(seeds) + 1))
    fitting = int(np.sum(sizes <= limit))
    if not fitting:
        raise InputError(
            f"one network takes {sizes[0] / 1e6:.1f} MB, more than the {limit / 1e6:g} MB to explore it in"
        )
    if fitting == len(seeds):
        return seeds, ""
    networks = "network" if fitting == 1 else "networks"
    return seeds[:fitting], f"The page holds {fitting} {networks} of {len(seeds)}: more would make it too large."


def size(run: Run, test: Dataset, seeds: np.ndarray) -> np.ndarray:
    """About how many bytes a payload of so many networks has: images are compressed, all else counts in full."""
    model, (examples, pixels) = run.networks.model, test.images.shape
    units, classes = sum(layer.units for layer in model.layers), num_classes(model)
    weights = sum(leaf[0].size for leaf in jax.tree.leaves(run.networks.variables))
    numbers = (2 + len(KINDS)) * classes + 3 * EXEMPLARS + 2 * len(MEASURES) + 8
    sample = as_bytes(test.images[:_SAMPLED])
    image = len(zlib.compress(sample.tobytes())) / len(sample)
    shown = np.minimum(examples, seeds * units * EXEMPLARS + TO_TRY * classes + POINTS) * image
    points = 4 * len(model.layers) * (min(POINTS, examples) + 4 * len(EMBEDDED))
    # Labels of rules, their scores and baselines; of the last layer, units in sets, Shapley values and pairs.
    named = units * (_LABELLED + 4 * 8) + 4 * classes * (4 * model.layers[-1].units + 20)
    # Of each unit its maximiser, and of a channel also its patch, and its map, which weights do not give.
    pictures = 3 if convolves(model) else 1
    of_network = 4 * weights + units * (pictures * pixels + 4 * numbers) + named + points
    return seeds * of_network + 8 * seeds**2 * units + shown


def as_bytes(images) -> np.ndarray:
    """Images in [0, 1] as 0 to 255."""
    return np.round(255 * np.nan_to_num(np.asarray(images))).astype(np.uint8)
