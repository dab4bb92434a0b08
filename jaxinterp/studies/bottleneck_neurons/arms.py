"""How do networks with normalised inputs, LayerNorm or dropout, in every combination, differ? Measured for `factors`.

The write-up compared a few arms at the end of training, one network each. Arms that train faster have then fitted the
training images better, so they are also compared at equal training loss: the lowest that all arms of a seed reach.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import factorial, matching
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.studies import curves
from jaxinterp.studies.bottleneck_neurons import damage, neurons
from jaxinterp.studies.bottleneck_neurons.damage import lost
from jaxinterp.studies.bottleneck_neurons.neurons import NAME
from jaxinterp.studies.bottleneck_neurons.selectivity import chosen_auc
from jaxinterp.studies.inputs import SNAPSHOTS, TRAINED, UNTRAINED, Inputs, stage
from jaxinterp.studies.study import NETWORKS, EnsembleMeasurement, Measurement, Results

FACTORS = NORMALIZED, LAYER_NORM, DROPOUT = ("normalized", "layernorm", "dropout")
ALL = f"{NAME}-layernorm"  # the write-up's last network
# Which factors each arm has, in the order of FACTORS.
ARMS = {
    NAME: (0, 0, 0),
    f"{NAME}-normalized": (1, 0, 0),
    f"{NAME}-only-layernorm": (0, 1, 0),
    f"{NAME}-only-dropout": (0, 0, 1),
    f"{NAME}-normalized-layernorm": (1, 1, 0),
    f"{NAME}-normalized-dropout": (1, 0, 1),
    f"{NAME}-layernorm-dropout": (0, 1, 1),
    ALL: (1, 1, 1),
}
WORDS = {NORMALIZED: "normalised inputs", LAYER_NORM: "LayerNorm", DROPOUT: "dropout"}
TRAINING = 5000  # training images at most, evenly spaced
KINDS = ("zero", "mean", "resample")
END, EQUAL = WHEN = ("at the end", "at equal training loss")
QUANTITIES = ("accuracy", "gap", "selectivity", *(f"lost, {kind}" for kind in KINDS))

_KEY = 10  # of the study's keys


class Arm(NamedTuple):
    """One network, without dropout: loss and accuracy on training images, accuracy on test images, and its neurons.

    auc: of each class's most selective neuron of the last hidden layer; left: each class's accuracy without its most
    damaging neuron, and intact with all; both chosen on one half of the test images and scored on the other.
    """

    train_loss: Float[Array, ""]
    train_accuracy: Float[Array, ""]
    test_accuracy: Float[Array, ""]
    auc: Float[Array, " classes"]
    left: Float[Array, "kinds classes"]
    intact: Float[Array, " classes"]


class Curves(NamedTuple):
    """Test accuracy after each epoch."""

    test: Float[np.ndarray, "recipes seeds epochs"]


class Stability(NamedTuple):
    """Correlation of the matched units of the last hidden layers of two networks of an arm, trained and untrained."""

    matched: Float[np.ndarray, "recipes conditions seeds seeds"]


def arm(network: Network, key, train: Dataset, choosing: Dataset, scoring: Dataset) -> Arm:
    """How well does a network do, and how much do classes depend on single neurons?"""
    site, classes, kind = neurons.site(network.model), network.model.outputs, "cross_entropy"
    fitted = network(train.images)[0]
    (first, before), (second, after) = (network(half.images) for half in (choosing, scoring))
    right = [
        metrics.correct(kind, logits, half.labels).astype(logits.dtype)
        for logits, half in ((first, choosing), (second, scoring))
    ]
    return Arm(
        jnp.mean(metrics.losses(kind, fitted, train.labels)),
        jnp.mean(metrics.correct(kind, fitted, train.labels).astype(fitted.dtype)),
        jnp.mean(jnp.concatenate(right)),
        chosen_auc(before[site], after[site], choosing, scoring, classes=classes),
        damage.searched(network, choosing, scoring, key, site, kinds=KINDS).accuracy,
        metrics.by_class(right[1], scoring.labels, classes=classes),
    )


def learning_curves(inputs: Mapping[str, Inputs]) -> Curves:
    """Test accuracy of every arm."""
    return Curves(curves.accuracy(inputs, "test"))


def stability(inputs: Mapping[str, Inputs]) -> Stability:
    """Do two networks of an arm have the same neurons? NaN where there is no other arm to compare with."""
    conditions, longest = (UNTRAINED, TRAINED), max(own.seeds for own in inputs.values())
    found = np.full((len(inputs), len(conditions), longest, longest), np.nan)
    for table, own in zip(found, inputs.values(), strict=True):
        site, images = neurons.site(own.model), own.sample.images
        for part, condition in zip(table, conditions, strict=True):
            if len(inputs) > 1:
                matched = np.array(_matched(own.ensemble(condition), images, inputs[NAME].key(_KEY), site=site))
                matched[own.diverged], matched[:, own.diverged] = np.nan, np.nan
                part[: own.seeds, : own.seeds] = matched
    return Stability(found)


@partial(jax.jit, static_argnames="site")
def _matched(networks: Network, images, key, *, site: str) -> Float[Array, "seeds seeds"]:
    activations = over_seeds(lambda network, images: network(images)[1][site], chunk=8)(networks, images)
    return matching.matched_correlation(activations, key=key)


def _shared(inputs: Inputs) -> tuple[Dataset, Dataset, Dataset]:
    return inputs.splits.train.spaced(inputs.at_most(TRAINING)), inputs.choosing, inputs.scoring


MEASUREMENTS = (
    Measurement(
        "arms",
        arm,
        _shared,
        lambda inputs: neurons.coords(inputs) | {"kinds": KINDS},
        conditions=(UNTRAINED, SNAPSHOTS, TRAINED),
        recipes=tuple(ARMS),
        key=_KEY,
        slow=True,
    ),
    EnsembleMeasurement("arm-curves", learning_curves, lambda inputs: {"recipes": tuple(inputs)}, tuple(ARMS)),
    EnsembleMeasurement(
        "arm-stability",
        stability,
        lambda inputs: {"recipes": tuple(inputs), "conditions": (UNTRAINED, TRAINED)},
        tuple(ARMS),
    ),
)


def complete(results: Results) -> bool:
    """Whether every arm was trained and measured."""
    return "arms" in results and set(ARMS) <= set(results[NETWORKS].recipes.to_numpy())


def design(values: xr.DataArray) -> xr.DataArray:
    """Values over recipes as values over FACTORS."""
    index = pd.MultiIndex.from_tuples(list(ARMS.values()), names=FACTORS)
    own = values.sel(recipes=list(ARMS)).drop_vars("recipes")
    return own.assign_coords(xr.Coordinates.from_pandas_multiindex(index, "recipes")).unstack("recipes")


def quantity(results: Results, name: str, when: str) -> xr.DataArray:
    """One of QUANTITIES over recipes and seeds: at the end of training, or at equal training loss."""
    found = _in_order(results)
    if name.startswith("lost"):
        kind = name.removeprefix("lost, ")
        values = lost(found.left.sel(kinds=kind, drop=True), found.intact).mean("classes")
    else:
        values = {
            "accuracy": found.test_accuracy,
            "gap": found.train_accuracy - found.test_accuracy,
            "selectivity": found.auc.mean("classes"),
        }[name]
    if when == END:
        return values.sel(conditions=TRAINED, drop=True)
    return factorial.at_loss(values, found.train_loss, common_loss(results), along="conditions")


def _in_order(results: Results) -> xr.Dataset:
    found = results["arms"]
    return found.sel(conditions=sorted(found.conditions.to_numpy().tolist(), key=stage))


def common_loss(results: Results) -> xr.DataArray:
    """The lowest training loss that all arms of a seed reach."""
    return results["arms"].train_loss.min("conditions").max("recipes", skipna=False)


def effects_on(results: Results, name: str, when: str) -> dict[tuple[str, ...], xr.DataArray]:
    """The effect of each factor, and the interactions of several, on one of QUANTITIES, seed by seed."""
    values = design(quantity(results, name, when))
    return {own: factorial.effect(values, FACTORS, own) for own in factorial.effects_of(FACTORS)}


def epochs_needed(results: Results) -> xr.DataArray:
    """The first epoch after which an arm's test accuracy is that of the baseline of the same seed at its end.

    The last epoch, where there is none.
    """
    test = results["arm-curves"].test
    final = test.sel(recipes=NAME).isel(epochs=-1, drop=True)
    reached = test >= final
    epochs = xr.where(reached.any("epochs"), reached.argmax("epochs") + 1, test.sizes["epochs"])
    return epochs.where(test.notnull().all("epochs") & final.notnull())
