"""Which digits are easy and which are hard? Accuracy and confusions by class, and the most confident failures."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics, stats
from jaxinterp.analysis import ablation, responses
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.stats import SIGNED
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import ALIKE, NAME
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results

PUBLISHED = xr.DataArray(
    [0.983, 0.979, 0.951, 0.922, 0.949, 0.943, 0.955, 0.946, 0.926, 0.924], {"classes": list("0123456789")}
)
FAILURES = 20
PERMUTATIONS = 200


class Confusion(NamedTuple):
    """Share of each class's test images that is given each prediction; rows sum to 1."""

    share: Float[Array, "classes predictions"]


class Failures(NamedTuple):
    """The most confident failures of one network (`Inputs.example`), NaN where it has fewer.

    failed_by: share of the other networks that fail on the image too.
    """

    image: Float[np.ndarray, "failures pixels"]
    label: Float[np.ndarray, " failures"]
    prediction: Float[np.ndarray, " failures"]
    failed_by: Float[np.ndarray, " failures"]


def confusion(network: Network, data: Dataset) -> Confusion:
    """Which class is mistaken for which?"""
    return Confusion(ablation.baseline(network, data, measure=confusion_of))


def confusion_of(logits: Array, labels: Array) -> Float[Array, "classes predictions"]:
    """Share of each class's images that is given each prediction."""
    return responses.confusion(metrics.predictions("cross_entropy", logits), labels, classes=logits.shape[-1])


def correct_share(confusions: xr.DataArray) -> xr.DataArray:
    """The diagonal of confusion matrices: accuracy by class."""
    return confusions.sel(predictions=confusions.classes).drop_vars("predictions")


def failures(inputs: Mapping[str, Inputs]) -> Failures:
    """The failures of the first network that did not diverge, the widest margin first."""
    own = inputs[NAME]
    data, read = own.test, over_seeds(lambda network, images: network(images)[0], chunk=8)
    logits = np.asarray(jax.jit(read)(own.networks, data.images))
    index = np.asarray(responses.failures(logits[own.example], data.labels, k=FAILURES))
    others = ~own.diverged & (np.arange(own.seeds) != own.example)
    predictions = np.asarray(metrics.predictions("cross_entropy", logits[:, index]))
    fails = predictions[others] != data.labels[index]
    known = partial(np.where, index >= 0)
    return Failures(
        image=np.where(index[:, None] >= 0, data.images[index], np.nan),
        label=known(data.labels[index], np.nan),
        prediction=known(predictions[own.example], np.nan),
        failed_by=known(stats.known_mean(fails, 0), np.nan),
    )


MEASUREMENTS = (
    Measurement("confusion", confusion, lambda inputs: (inputs.test,), neurons.coords),
    EnsembleMeasurement("failures", failures),
)


def claims(results: Results) -> list[Claim]:
    """The write-up's order of digits; nothing for other classes, which it has no accuracies of."""
    accuracy = correct_share(results["confusion"].share)
    if not np.array_equal(accuracy.classes, PUBLISHED.classes):
        return []
    spearman = partial(stats.spearman_over, "classes", accuracy)
    orders = np.tile(PUBLISHED.to_numpy(), (accuracy.sizes["seeds"], PERMUTATIONS, 1))
    shuffled = np.random.default_rng(0).permuted(orders, axis=2)
    permuted = xr.DataArray(shuffled, dims=("seeds", "permutations", "classes"), coords=PUBLISHED.coords)
    ours, published = (
        ", ".join(f"{100 * value:.1f}" for value in values.to_numpy()) for values in (accuracy.mean("seeds"), PUBLISHED)
    )
    return [
        Claim(
            row="4.3",
            name="order",
            text="Digits are easy or hard in the write-up's order: rank correlation of class accuracies",
            published=published,
            bounds=SIGNED,
            quantity="Spearman's correlation over digits",
            measured=spearman(PUBLISHED),
            controls={"digits permuted": spearman(permuted)},
            rule=above(ALIKE),
            shown={
                "two of our networks": spearman(accuracy.rename(seeds="seeds_other")),
                "absolute difference from the published accuracy": abs(accuracy - PUBLISHED),
            },
            note=f"Ours, %: {ours}.",
        )
    ]
