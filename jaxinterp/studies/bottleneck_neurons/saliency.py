"""Which pixels does a neuron depend on: do one-pixel probes show the same as its saliency on real images?"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import attribution, correlation
from jaxinterp.ensemble import take
from jaxinterp.networks import Network
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import ALIKE, IDENTICAL, NAME, SAME, layers
from jaxinterp.studies.inputs import SAMPLE, TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Calibrated, Claim, above
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_percent

INKED = 0.01  # share of the test images in which a pixel must be above 0 to count

_OTHERS = "saliency of other neurons"


class Saliency(NamedTuple):
    """Pearson's correlation over inked pixels of a neuron's probe with its saliency, and with that of other neurons;
    means over the neurons of each layer. agree: share of neurons whose probe and saliency are equal at a pixel.
    """

    correlation: Float[Array, " layers"]
    correlation_other: Float[Array, " layers"]
    agree: Float[Array, "layers pixels"]


class Maps(NamedTuple):
    """Saliency and probes of the last hidden layer of one network (`neurons.example`)."""

    saliency: Float[np.ndarray, "units pixels"]
    probe: Float[np.ndarray, "units pixels"]


def saliency(network: Network, images: Array | np.ndarray, inked: Bool[Array | np.ndarray, " pixels"]) -> Saliency:
    """How well do probes agree with saliency, layer by layer?"""
    by_layer = [_compared(*_maps(network, layer, images), inked) for layer in layers(network.model)]
    return Saliency(*map(jnp.stack, zip(*by_layer, strict=True)))


def _maps(network: Network, layer: str, images: Array | np.ndarray):
    """Mean gradient of each pre-activation by the pixels, and its one-pixel probe: both "units pixels"."""
    site = f"{layer}/pre"
    return (
        attribution.gradients(network, images, site=site),
        attribution.probes(network, images.shape[-1], site=site),
    )


def _compared(saliency: Float[Array, "units pixels"], probe: Float[Array, "units pixels"], inked) -> tuple[Array, ...]:
    table = correlation.pairwise(probe, saliency, inked)
    own = jnp.eye(len(table), dtype=bool)
    equal = jnp.abs(probe - saliency) <= SAME * jnp.sqrt(jnp.mean(saliency**2))
    return jnp.nanmean(table, where=own), jnp.nanmean(table, where=~own), jnp.mean(equal, axis=0)


def maps(inputs: Mapping[str, Inputs]) -> Maps:
    """The maps of the first network that did not diverge."""
    own = inputs[NAME]
    network = take(own.networks, int(np.argmin(own.diverged)))
    read = jax.jit(lambda network, images: _maps(network, layers(network.model)[-1], images))
    return Maps(*map(np.asarray, read(network, own.sample.images)))


def claims(results: Results) -> list[Claim]:
    """Probes are saliency in the first layer, and show it in the last."""
    first, *deeper = map(str, results["saliency"].layers.to_numpy())
    claims = [_first_layer(results, first, deeper[-1] if deeper else None)]
    return [*claims, _last_layer(results, deeper[-1])] if deeper else claims


def _first_layer(results: Results, first: str, last: str | None) -> Claim:
    agree = results["saliency"].agree.sel(conditions=TRAINED)
    return Claim(
        row="4.8",
        name="first layer",
        text=f"{first}: a neuron's one-pixel probes equal its saliency: share of (neuron, pixel)",
        quantity="share of (neuron, pixel)",
        measured=agree.sel(layers=first),
        controls={} if last is None else {last: agree.sel(layers=last)},
        rule=above(IDENTICAL),
        note=f"Equal: to {SAME:g} of the map's root mean square.",
    )


def _last_layer(results: Results, last: str) -> Claim:
    found = results["saliency"].sel(layers=last)
    before, after = (found.sel(conditions=condition) for condition in (UNTRAINED, TRAINED))
    return Claim(
        row="4.8",
        name="probes",
        text=f"{last}: one-pixel probes predict a neuron's saliency on real images: correlation over pixels",
        quantity="correlation",
        measured=after.correlation,
        controls={_OTHERS: after.correlation_other},
        score=Calibrated(),
        rule=above(ALIKE),
        shown={UNTRAINED: before.correlation, f"{UNTRAINED}, {_OTHERS}": before.correlation_other},
        note=(
            f"Pearson's correlation over pixels that are above 0 in at least {format_percent(INKED)} of the test "
            f"images, mean over neurons. Saliency: mean gradient over at most {SAMPLE} test images."
        ),
    )


def _shared(inputs: Inputs) -> tuple:
    return inputs.sample.images, np.mean(inputs.splits.test.images > 0, axis=0) >= INKED


MEASUREMENTS = (
    Measurement("saliency", saliency, _shared, neurons.coords, (UNTRAINED, TRAINED)),
    EnsembleMeasurement("maps", maps),
)
