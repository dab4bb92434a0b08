"""Does the network need the neuron that looks most like a 4? Row 5.6: accuracy on 4s without single neurons."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import ablation, correlation
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, Given, above
from jaxinterp.studies.looking_for_four import maps, matches
from jaxinterp.studies.looking_for_four.maps import FOUR, MOST, SPLIT, TARGET, USED, VIEW_NAMES
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import format_number

KINDS = ("zero", "mean", "resample")
RANDOM = "a neuron at random"

_UNITS = 16  # ablated at once


class Losses(NamedTuple):
    """What the target's accuracy loses without a neuron; baseline: the accuracy with all of them.

    match: without the neuron that looks most like the target by what it uses. random: mean over the layer's neurons.
    most_damaging: without the one that costs most on the other half of the images.
    """

    match: Float[Array, "kinds layers"]
    random: Float[Array, "kinds layers"]
    most_damaging: Float[Array, "kinds layers"]
    baseline: Float[Array, ""]


class Half(NamedTuple):
    """One half of the test images, and those of the target among them."""

    every: Dataset
    fours: Float[Array | np.ndarray, "examples pixels"]


def half(data: Dataset) -> Half:
    """The half with its images of the target."""
    return Half(data, data.images[data.labels == TARGET])


def losses(network: Network, key, images, every: matches.Templates, inked, choosing: Half, scoring: Half) -> Losses:
    """What is lost on the scoring half of the images without each neuron in turn."""
    template = maps.upright(every)[TARGET]
    before = [_accuracy(network(own.fours)[0]) for own in (choosing, scoring)]

    def of_layer(layer, used):
        chosen, scored = (
            start - _accuracy_without(network, own, f"{layer}/post", key)
            for start, own in zip(before, (choosing, scoring), strict=True)
        )
        most_damaging = jnp.take_along_axis(scored, jnp.argmax(chosen, axis=1)[:, None], axis=1)[:, 0]
        return (
            scored[:, matches.highest(correlation.pairwise(used, template, inked))],
            jnp.mean(scored, axis=1),
            most_damaging,
        )

    by_layer = [of_layer(*own) for own in zip(maps.layers(network.model), maps.used(network, images), strict=True)]
    return Losses(*(jnp.stack(values, axis=1) for values in zip(*by_layer, strict=True)), baseline=before[1])


def _accuracy(logits: Float[Array, "examples classes"]) -> Float[Array, ""]:
    labels = jnp.full(logits.shape[0], TARGET)
    return jnp.mean(metrics.correct("cross_entropy", logits, labels).astype(logits.dtype))


def _accuracy_without(network: Network, own: Half, site: Site, key) -> Float[Array, "kinds units"]:
    """On the target's images, without each unit in turn; what replaces its activations comes from all images."""
    everywhere, here = (network(images)[1][site] for images in (own.every.images, own.fours))
    classes, units = network.model.outputs, here.shape[1]
    fills = [ablation.fill(kind, everywhere, own.every.labels, classes=classes, key=key) for kind in KINDS]
    run = ablation.unit_mover(network, own.fours, site=site, measure=_accuracy)
    changes = jnp.concatenate([(fill[: here.shape[0]] - here).T for fill in fills])
    edits = jnp.tile(jnp.arange(units), len(KINDS)), changes
    return jax.lax.map(lambda edit: run(*edit), edits, batch_size=_UNITS).reshape(-1, units)


def _shared(inputs: Inputs) -> tuple:
    return matches.keys(inputs)[1], *maps.shared(inputs), half(inputs.choosing), half(inputs.scoring)


def _coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {"layers": maps.layers(inputs.model), "kinds": KINDS}


MEASUREMENTS = (Measurement("ablations", losses, _shared, _coords, chunk=2),)


def claims(results: Results) -> list[Claim]:
    """Row 5.6, whether the network fails without the neuron, layer by layer and ablation by ablation."""
    found = results["ablations"]
    return [_needed(found.sel(layers=layer, kinds=kind)) for layer in found.layers.to_numpy() for kind in KINDS]


def _needed(found: xr.Dataset) -> Claim:
    layer, kind = found.layers.item(), found.kinds.item()
    return Claim(
        row="5.6",
        name=f"needed {layer} {kind}",
        text=f"{layer}: without the neuron that looks most like a {FOUR} the network fails on {FOUR}s: accuracy lost "
        f"under {kind}-ablation",
        measured=found.match,
        controls={RANDOM: found.random},
        score=Given(found.match / found.baseline),
        rule=above(MOST),
        quantity=f"share of the accuracy on {FOUR}s that is lost",
        shown={f"the most damaging neuron, {SPLIT}": found.most_damaging},
        note=f"Looks most like: by {VIEW_NAMES[USED]}. Accuracy on {FOUR}s with all neurons: "
        f"{format_number(float(found.baseline.mean()), 3)}.",
    )
