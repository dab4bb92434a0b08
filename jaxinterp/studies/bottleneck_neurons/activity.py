"""How active are units, over training and by class, and how many are dead? What are the images' own statistics?"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import responses, templates
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network, pad_units
from jaxinterp.stats import SHARE
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import NAME
from jaxinterp.studies.inputs import SNAPSHOTS, TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Difference
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

PARTS = ("pre", "post")
BINS = 60

DYING = 0.01  # one unit in a hundred: fewer than one per network in either layer of the write-up's


class Activity(NamedTuple):
    """Histograms hold shares of (unit, image); by class they are of the pre-activations. Of each unit: the share of the
    test images on which it fires (> 0), whether that is none (dead), whether it is some but under 0.1 % (rare). NaN
    beyond a layer's last unit.
    """

    histogram: Float[Array, "layers parts bins"]
    class_histogram: Float[Array, "layers classes bins"]
    firing_rate: Float[Array, "layers units"]
    dead: Float[Array, "layers units"]
    rare: Float[Array, "layers units"]


class Bins(NamedTuple):
    """Centres of the histograms' bins, in units of the activation."""

    centre: Float[np.ndarray, "layers bins"]


class Pixels(NamedTuple):
    """Mean, standard deviation and share of zeros of the training images' pixels, which are in [0, 1]."""

    everything: Float[np.ndarray, " statistics"]
    by_class: Float[np.ndarray, "classes statistics"]


def activity(network: Network, images: Array | np.ndarray, sample: Dataset, edges: Array | np.ndarray) -> Activity:
    """How often units fire on the images, and histograms over a layer's units and the sample's images."""
    on_all, on_sample = network(images)[1], network(sample.images)[1]
    layers, classes = network.model.layers, network.model.outputs
    live = [responses.liveness(on_all[layer.post]) for layer in layers]

    def histograms(layer, edges):
        """Shares "parts classes bins", means over the layer's units."""
        values = [on_sample[site] for site in (layer.pre, layer.post)]
        shares = [responses.histograms(value, sample.labels, classes=classes, edges=edges) for value in values]
        return jnp.mean(jnp.stack(shares), axis=2)

    by_class = jnp.stack([histograms(layer, own) for layer, own in zip(layers, edges, strict=True)])
    weight = jnp.bincount(sample.labels, length=classes) / len(sample.labels)
    return Activity(
        jnp.einsum("lpcb,c->lpb", jnp.where(weight[:, None] > 0, by_class, 0), weight),
        by_class[:, PARTS.index("pre")],
        *map(pad_units, zip(*live, strict=True)),
    )


def bin_edges(inputs: Inputs) -> Float[np.ndarray, "layers edges"]:
    """`BINS` equal bins per layer, for all conditions; one of them begins at 0.

    They cover the middle 99.8 % of each trained network's pre-activations.
    """

    def ends(network, images):
        activations, shares = network(images)[1], jnp.array([0.001, 0.999])
        return jnp.stack([jnp.quantile(activations[layer.pre], shares) for layer in network.model.layers])

    ranges = np.asarray(jax.jit(over_seeds(ends, chunk=8))(inputs.networks, inputs.sample.images), np.float64)
    return responses.bin_edges(ranges[~inputs.diverged], BINS)


def bins(inputs: Mapping[str, Inputs]) -> Bins:
    """The bins of all networks and conditions."""
    edges = inputs[NAME].once(bin_edges)
    return Bins((edges[:, 1:] + edges[:, :-1]) / 2)


def pixels(inputs: Mapping[str, Inputs]) -> Pixels:
    """Statistics of the training images, of all classes together and of each."""
    everything, *by_class = templates.pixel_statistics(inputs[NAME].splits.train, inputs[NAME].model.outputs)
    return Pixels(everything, np.stack(by_class))


MEASUREMENTS = (
    EnsembleMeasurement("pixels", pixels, lambda i: neurons.coords(i[NAME]) | {"statistics": templates.STATISTICS}),
    EnsembleMeasurement("bins", bins, lambda inputs: neurons.coords(inputs[NAME])),
    Measurement(
        "activity",
        activity,
        lambda inputs: (inputs.test.images, inputs.sample, inputs.once(bin_edges)),
        lambda inputs: neurons.coords(inputs) | {"parts": PARTS},
        (UNTRAINED, SNAPSHOTS, TRAINED),
    ),
)


def claims(results: Results) -> list[Claim]:
    """Training leaves units dead, layer by layer."""
    before, after = (results["activity"].sel(conditions=condition) for condition in (UNTRAINED, TRAINED))
    rare, fires = (values.mean(("seeds", "units")) for values in (after.rare, after.firing_rate))
    return [
        Claim(
            row="4.1",
            name=f"dead {layer}",
            text=f"{layer}: training leaves units dead",
            bounds=SHARE,
            quantity="share of dead units",
            measured=after.dead.sel(layers=layer),
            controls={UNTRAINED: before.dead.sel(layers=layer)},
            score=Difference(),
            rule=above(DYING),
            note="Dead: fires on no test image. Share of units that fire on some but on fewer than 0.1 %: "
            f"{format_number(float(rare.sel(layers=layer)), 3)}. "
            f"Mean firing rate {format_number(float(fires.sel(layers=layer)), 3)}.",
        )
        for layer in after.layers.to_numpy()
    ]
