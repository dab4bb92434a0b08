"""Which neurons are alive? What all topics share: the recipes, the bars, and means over live neurons."""

from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import responses
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.study import NETWORKS, Measurement, Results

NAME = "llm-labels"
SIX, TWELVE, XOR = NAME, f"{NAME}-12", f"{NAME}-xor"
RECIPES = {SIX: 40, TWELVE: 40, XOR: 40}
WIDTHS = (SIX, TWELVE)
CONDITIONS = (UNTRAINED, TRAINED)
SITE, INPUT_SITE = "hidden0/post", "hidden0/pre"  # of the write-up's one hidden layer

MOST = 0.5  # what is said of the network must be true of more networks, neurons or starts than not
EVERY = 0.9  # what is said of every one may fail for one in ten
ALIKE = 0.5  # half of what the control leaves open

Images = Float[Array | np.ndarray, "examples pixels"]


class Dead(NamedTuple):
    """1 for a neuron that is active on no image of the split, 0 for a live one."""

    test: Float[Array, " units"]
    train: Float[Array, " units"]


def dead(network: Network, test: Images, train: Float[Array | np.ndarray, "train pixels"]) -> Dead:
    """Which neurons are never active."""
    return Dead(*(responses.liveness(network(images)[1][SITE]).dead.astype("float32") for images in (test, train)))


of_both_widths = partial(Measurement, conditions=CONDITIONS, recipes=WIDTHS, chunk=20)

MEASUREMENTS = (of_both_widths("liveness", dead, lambda inputs: (inputs.test.images, inputs.splits.train.images)),)


def dead_on(results: Results, split: str) -> xr.DataArray:
    """1 for neurons that are active on no image of a split: "recipes conditions seeds units"."""
    return results["liveness"][split]


def live(results: Results) -> xr.DataArray:
    """1 for a neuron that is active on some test image, 0 for a dead one: "recipes conditions seeds units"."""
    return 1 - dead_on(results, "test")


def alive(results: Results, recipe: str) -> xr.DataArray:
    """How many neurons of each trained network are alive."""
    return live(results).sel(recipes=recipe, conditions=TRAINED).sum("units", min_count=1)


def width(results: Results, recipe: str) -> int:
    """How many hidden neurons a network has."""
    return int(live(results).sel(recipes=recipe).notnull().any(("conditions", "seeds")).sum())


def over_live(results: Results, values: xr.DataArray, recipe: str = SIX, condition: str = TRAINED) -> xr.DataArray:
    """A network's mean over its live neurons; values: of its units, and of all recipes and conditions or of these."""
    return _mean_where(live(results), values, recipe, condition, condition)


def over_dead(results: Results, values: xr.DataArray, recipe: str = SIX, condition: str = TRAINED) -> xr.DataArray:
    """A network's mean over the neurons that are dead after training; values: as for `over_live`."""
    return _mean_where(dead_on(results, "test"), values, recipe, condition, TRAINED)


def selected(values: xr.DataArray, recipe: str = SIX, condition: str = TRAINED) -> xr.DataArray:
    """Values of a recipe and a condition, as far as they have these dimensions."""
    chosen = {"recipes": recipe, "conditions": condition}
    return values.sel({dim: label for dim, label in chosen.items() if dim in values.dims})


def accuracy(results: Results, recipe: str) -> xr.DataArray:
    """Test accuracy of each network; of as many as these two recipes have."""
    seeds = slice(results["liveness"].sizes["seeds"])
    return results[NETWORKS].accuracy.sel(recipes=recipe, splits="test").isel(seeds=seeds)


def _mean_where(kept: xr.DataArray, values: xr.DataArray, recipe: str, condition: str, kept_in: str) -> xr.DataArray:
    """Mean over the units that are kept; those of one recipe alone may have fewer seeds and units than kept has."""
    values, kept = selected(values, recipe, condition), selected(kept, recipe, kept_in)
    kept = kept.isel({dim: slice(values.sizes[dim]) for dim in ("seeds", "units")})
    return values.where(kept == 1).mean("units")
