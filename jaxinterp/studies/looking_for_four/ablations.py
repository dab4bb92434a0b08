"""Does the network need the neuron that looks most like a 4? Row 5.6: accuracy on 4s without single neurons."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import ablation, correlation, top_units
from jaxinterp.data import Dataset
from jaxinterp.ensemble import stack
from jaxinterp.networks import Network, names
from jaxinterp.stats import SIGNED
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.looking_for_four import maps, matches
from jaxinterp.studies.looking_for_four.maps import FOUR, MOST, SPLIT, TARGET, USED, VIEW_NAMES
from jaxinterp.studies.scores import Given
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import mean

KINDS = ("zero", "mean", "resample")


class Losses(NamedTuple):
    """What the target's accuracy loses without a neuron; baseline: the accuracy with all of them.

    match: without the neuron that looks most like the target by what it uses. random: mean over the layer's neurons.
    most_damaging: without the one that costs most on the other half of the images.
    """

    match: Float[Array, "kinds layers"]
    random: Float[Array, "kinds layers"]
    most_damaging: Float[Array, "kinds layers"]
    baseline: Float[Array, ""]


Half = tuple[Dataset, maps.Images]
"""One half of the test images, and those of the target among them."""


def losses(
    network: Network, key, images, every: maps.Templates, inked: maps.Inked, choosing: Half, scoring: Half
) -> Losses:
    """What is lost on the scoring half of the images without each neuron in turn."""
    template, halves = maps.upright(every)[TARGET], (choosing, scoring)
    before = [_accuracy(network(fours)[0]) for _, fours in halves]

    def of_layer(layer, used):
        without = (_accuracy_without(network, own, layer.post, key) for own in halves)
        chosen, scored = (start - left for start, left in zip(before, without, strict=True))
        most_damaging = jnp.take_along_axis(scored, jnp.argmax(chosen, axis=1)[:, None], axis=1)[:, 0]
        match = top_units.highest(correlation.pairwise(used, template, inked))
        return scored[:, match], jnp.mean(scored, axis=1), most_damaging

    by_layer = map(of_layer, network.model.layers, maps.used(network, images))
    return Losses(*stack(by_layer, axis=1), baseline=before[1])


def _accuracy(logits: Float[Array, "examples classes"]) -> Float[Array, ""]:
    labels = jnp.full(logits.shape[0], TARGET)
    return jnp.mean(metrics.correct("cross_entropy", logits, labels).astype(logits.dtype))


def _accuracy_without(network: Network, half: Half, site, key) -> Float[Array, "kinds units"]:
    """On the target's images, without each unit in turn; what replaces its activations comes from all images."""
    (every, fours), classes = half, network.model.outputs
    activations = network(every.images)[1][site]
    fills = [ablation.fill(kind, activations, every.labels, classes=classes, key=key) for kind in KINDS]
    of_fours = jnp.stack(fills)[:, : len(fours)]
    return ablation.replaced_units(network, fours, of_fours, site=site, measure=_accuracy, chunk=16)


def _shared(inputs: Inputs) -> tuple:
    halves = ((half, maps.fours(half)) for half in (inputs.choosing, inputs.scoring))
    return matches.keys(inputs)[1], *maps.shared(inputs), *halves


MEASUREMENTS = (
    Measurement("ablations", losses, _shared, lambda own: {"layers": names(own.model), "kinds": KINDS}, chunk=2),
)


def claims(results: Results) -> list[Claim]:
    """Row 5.6, whether the network fails without the neuron, layer by layer and ablation by ablation."""
    every = results["ablations"]
    return [
        Claim(
            row="5.6",
            name=f"needed {layer} {kind}",
            text=f"{layer}: without the neuron that looks most like a {FOUR} the network fails on {FOUR}s: accuracy "
            f"lost under {kind}-ablation",
            measured=found.match,
            controls={"a neuron at random": found.random},
            score=Given(found.match / found.baseline, None),
            rule=above(MOST),
            bounds=SIGNED,
            quantity=f"share of the accuracy on {FOUR}s that is lost",
            shown={f"the most damaging neuron, {SPLIT}": found.most_damaging},
            note=f"Looks most like: by {VIEW_NAMES[USED]}. Accuracy on {FOUR}s with all neurons: "
            f"{mean(found.baseline)}.",
        )
        for layer in every.layers.to_numpy()
        for kind in KINDS
        for found in [every.sel(layers=layer, kinds=kind)]
    ]
