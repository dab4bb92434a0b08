"""How active are units, over training and by class, and how many are dead? What are the images' own statistics?"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import responses
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import NAME, layers
from jaxinterp.studies.inputs import SNAPSHOTS, TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, Difference, above
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

PARTS = ("pre", "post")
STATISTICS = ("mean", "sd", "share at 0")
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
    names, classes = layers(network.model), network.model.outputs
    live = [responses.liveness(on_all[f"{layer}/post"]) for layer in names]

    def histograms(layer, edges):
        """Shares "parts classes bins", means over the layer's units."""
        values = [on_sample[f"{layer}/{part}"] for part in PARTS]
        shares = [responses.histograms(value, sample.labels, classes=classes, edges=edges) for value in values]
        return jnp.mean(jnp.stack(shares), axis=2)

    by_class = jnp.stack([histograms(layer, own) for layer, own in zip(names, edges, strict=True)])
    weight = jnp.bincount(sample.labels, length=classes) / len(sample.labels)
    return Activity(
        histogram=jnp.einsum("lpcb,c->lpb", jnp.where(weight[:, None] > 0, by_class, 0), weight),
        class_histogram=by_class[:, PARTS.index("pre")],
        **{part: _padded([getattr(layer, part) for layer in live]) for part in responses.Liveness._fields},
    )


def _padded(layers: list[Array]) -> Float[Array, "layers units"]:
    most = max(map(len, layers))
    return jnp.stack([jnp.pad(1.0 * values, (0, most - len(values)), constant_values=jnp.nan) for values in layers])


def bins(inputs: Mapping[str, Inputs]) -> Bins:
    """The bins of all networks and conditions."""
    edges = inputs[NAME].once(bin_edges)
    return Bins((edges[:, 1:] + edges[:, :-1]) / 2)


def bin_edges(inputs: Inputs) -> Float[np.ndarray, "layers edges"]:
    """`BINS` equal bins per layer over the range of all trained networks; one of them begins at 0.

    The range is that of the middle 99.8 % of each network's pre-activations, and all ranges together.
    """
    ranges = np.asarray(jax.jit(over_seeds(_ranges, chunk=8))(inputs.networks, inputs.sample.images), np.float64)
    known = ranges[~inputs.diverged]
    if not len(known):
        known = np.broadcast_to([-1.0, 1.0], (1, *ranges.shape[1:]))
    low, high = np.minimum(known[..., 0].min(axis=0), 0), np.maximum(known[..., 1].max(axis=0), 1e-6)
    width = (high - low) / (BINS - 1)
    return width[:, None] * (np.arange(BINS + 1) - np.ceil(-low / width)[:, None])


def _ranges(network: Network, images: Array) -> Float[Array, "layers ends"]:
    activations = network(images)[1]
    ends = jnp.array([0.001, 0.999])
    return jnp.stack([jnp.quantile(activations[f"{layer}/pre"], ends) for layer in layers(network.model)])


def pixels(inputs: Mapping[str, Inputs]) -> Pixels:
    """Statistics of the training images, of all classes together and of each."""
    own = inputs[NAME]
    data, classes = own.splits.train, own.model.outputs
    mean, square = (np.mean(data.images**power, axis=1, dtype=np.float64) for power in (1, 2))
    moments = np.stack([mean, square, np.mean(data.images == 0, axis=1)])

    def statistics(members):
        mean, square, dark = moments[:, members].mean(axis=1) if members.any() else np.full(3, np.nan)
        return np.array([mean, np.sqrt(max(square - mean**2, 0)), dark])

    everything = statistics(np.ones(len(data.labels), bool))
    return Pixels(everything, np.stack([statistics(data.labels == label) for label in range(classes)]))


def claims(results: Results) -> list[Claim]:
    """Training leaves units dead, layer by layer."""
    return [_dead(results, str(layer)) for layer in results["activity"].layers.to_numpy()]


def _dead(results: Results, layer: str) -> Claim:
    own = results["activity"].sel(layers=layer)
    after = own.sel(conditions=TRAINED)
    rare, fires = (format_number(float(values.mean()), 3) for values in (after.rare, after.firing_rate))
    return Claim(
        row="4.1",
        name=f"dead {layer}",
        text=f"{layer}: training leaves units dead",
        quantity="share of dead units",
        measured=after.dead,
        controls={UNTRAINED: own.dead.sel(conditions=UNTRAINED)},
        score=Difference(),
        rule=above(DYING),
        note=(
            f"Dead: fires on no test image. Share of units that fire on some but on fewer than 0.1 %: {rare}. "
            f"Mean firing rate {fires}."
        ),
    )


MEASUREMENTS = (
    EnsembleMeasurement("pixels", pixels, lambda inputs: neurons.coords(inputs[NAME]) | {"statistics": STATISTICS}),
    EnsembleMeasurement("bins", bins, lambda inputs: neurons.coords(inputs[NAME])),
    Measurement(
        "activity",
        activity,
        lambda inputs: (inputs.splits.test.images, inputs.sample, inputs.once(bin_edges)),
        lambda inputs: neurons.coords(inputs) | {"parts": PARTS},
        (UNTRAINED, SNAPSHOTS, TRAINED),
    ),
)
