"""Which pixels does a neuron depend on: do one-pixel probes show the same as its saliency on real images?"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import attribution, correlation
from jaxinterp.ensemble import stack
from jaxinterp.networks import Layer, Network
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import ALIKE, IDENTICAL, SAME
from jaxinterp.studies.inputs import SAMPLE, TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Calibrated
from jaxinterp.studies.study import Measurement, Results
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
    """Saliency and probes of the last hidden layer of one network (`Inputs.example`)."""

    saliency: Float[Array, "units pixels"]
    probe: Float[Array, "units pixels"]


def saliency(network: Network, images: Array | np.ndarray, inked: Bool[Array | np.ndarray, " pixels"]) -> Saliency:
    """How well do probes agree with saliency, layer by layer?"""

    def of_layer(layer) -> Saliency:
        gradient, probe = _maps(network, images, layer)
        table = correlation.pairwise(probe, gradient, inked)
        own = jnp.eye(len(table), dtype=bool)
        equal = jnp.abs(probe - gradient) <= SAME * jnp.sqrt(jnp.mean(gradient**2))
        return Saliency(jnp.nanmean(table, where=own), jnp.nanmean(table, where=~own), jnp.mean(equal, axis=0))

    return stack(map(of_layer, network.model.layers))


def maps(network: Network, images: Array | np.ndarray) -> Maps:
    """The maps of the last hidden layer."""
    return _maps(network, images, network.model.layers[-1])


def _maps(network: Network, images: Array | np.ndarray, layer: Layer) -> Maps:
    """Mean gradient of each pre-activation by the pixels, and its one-pixel probe."""
    gradient = attribution.gradients(network, images, site=layer.pre)
    return Maps(gradient, attribution.probes(network, images.shape[-1], site=layer.pre))


def inked_images(inputs: Inputs) -> tuple[Array | np.ndarray, Bool[np.ndarray, " pixels"]]:
    """A sample of the test images, and which pixels count."""
    return inputs.sample.images, np.mean(inputs.test.images > 0, axis=0) >= INKED


MEASUREMENTS = (
    Measurement("saliency", saliency, inked_images, neurons.coords, (UNTRAINED, TRAINED)),
    Measurement("maps", maps, lambda inputs: (inputs.sample.images,), example=True),
)


def claims(results: Results) -> list[Claim]:
    """Probes are saliency in the first layer, and show it in the last."""
    before, after = (results["saliency"].sel(conditions=condition) for condition in (UNTRAINED, TRAINED))
    first, *deeper = map(str, after.layers.to_numpy())
    equal = Claim(
        row="4.8",
        name="first layer",
        text=f"{first}: a neuron's one-pixel probes equal its saliency: share of (neuron, pixel)",
        bounds=SHARE,
        quantity="share of (neuron, pixel)",
        measured=after.agree.sel(layers=first),
        controls={layer: after.agree.sel(layers=layer) for layer in deeper[-1:]},
        rule=above(IDENTICAL),
        note=f"Equal: to {SAME:g} of the map's root mean square.",
    )
    predicted = [
        Claim(
            row="4.8",
            name="probes",
            text=f"{last}: one-pixel probes predict a neuron's saliency on real images: correlation over pixels",
            bounds=SIGNED,
            quantity="correlation",
            measured=after.correlation.sel(layers=last),
            controls={_OTHERS: after.correlation_other.sel(layers=last)},
            score=Calibrated(),
            rule=above(ALIKE),
            shown={
                UNTRAINED: before.correlation.sel(layers=last),
                f"{UNTRAINED}, {_OTHERS}": before.correlation_other.sel(layers=last),
            },
            note=f"Pearson's correlation over pixels that are above 0 in at least {format_percent(INKED)} of the test "
            f"images, mean over neurons. Saliency: mean gradient over at most {SAMPLE} test images.",
        )
        for last in deeper[-1:]
    ]
    return [equal, *predicted]
