"""Does the first layer focus on small groups of pixels to find lines and edges? Row 4.11, of a CNN and of the MLP.

The channels of a first convolution see few pixels because they are built so; whether they find edges there is the
question. Neurons see all pixels: their weights are cut to a window of the same size, where they are largest. What later
layers make of it is asked of the CNN's neurons, which see the whole image as the MLP's do.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import attribution, edges, locality
from jaxinterp.networks import MLP, Layer, Network, pad_units
from jaxinterp.stats import SHARE
from jaxinterp.studies.bottleneck_neurons.neurons import ALIKE, CNN, NAME, WIDE
from jaxinterp.studies.bottleneck_neurons.saliency import INKED, inked_images
from jaxinterp.studies.inputs import SAMPLE, SNAPSHOTS, TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above, below
from jaxinterp.studies.scores import Calibrated, Difference, Ratio
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import format_number, format_percent, mean

SIDE = 5  # of the window that an MLP's weights are cut to: that of the CNN's first kernel
DRAWS = 20  # orders of a filter's pixels
SHUFFLED, CUTS = "its pixels shuffled", "weights of the MLP, cut to the same size"
FIRST = {CNN: "CNN", NAME: "MLP"}  # whose first layers are judged
MEASURES = ("participation", "largest")  # of `analysis.locality`
LECTURE = "“small groups of pixels to find lines and edges”"

_KEY, _LOOKS_KEY = 6, 7  # of the study's keys

Blank = Float[Array | np.ndarray, "height width channels"]


class FirstLayer(NamedTuple):
    """How much of each filter of the first layer is an oriented edge or line (`analysis.edges`).

    shuffled: the same as oriented with the filter's pixels in random orders, mean over orders.
    """

    oriented: Float[Array, " units"]
    energy: Float[Array, " units"]
    odd: Float[Array, " units"]
    shuffled: Float[Array, " units"]


class Filters(NamedTuple):
    """The filters of one network (`Inputs.example`): what each unit of the first layer reads of its window."""

    filter: Float[Array, "units window"]
    oriented: Float[Array, " units"]


class Looks(NamedTuple):
    """Measures of locality of what each neuron uses, its mean gradient by the pixels times each pixel's spread.

    Over inked pixels. shuffled: with these pixels in an order of the network's own.
    """

    looks: Float[Array, "layers measures units"]
    shuffled: Float[Array, "layers measures units"]


def first_layer(network: Network, key, blank: Blank) -> FirstLayer:
    """How oriented are the first layer's filters? blank: an image, for its shape; NaN where no window fits in."""
    filters = _filters(network, blank)
    if filters is None:
        return FirstLayer(*[jnp.full(network.model.layers[0].units, jnp.nan)] * len(FirstLayer._fields))
    found, orders = edges.edges(filters), edges.shuffled(key, filters, draws=DRAWS)
    shuffled = edges.edges(orders.reshape(-1, *filters.shape[1:])).oriented.reshape(DRAWS, -1)
    return FirstLayer(found.oriented, found.energy, found.odd, jnp.mean(shuffled, axis=0))


def example_filters(network: Network, blank: Blank) -> Filters:
    """The filters themselves."""
    filters = _filters(network, blank)
    if filters is None:
        units, window = network.model.layers[0].units, SIDE * SIDE * blank.shape[-1]
        return Filters(jnp.full((units, window), jnp.nan), jnp.full(units, jnp.nan))
    return Filters(jnp.reshape(filters, (len(filters), -1)), edges.edges(filters).oriented)


def _filters(network: Network, blank: Blank) -> edges.Filters | None:
    rows, columns, channels = blank.shape
    if min(rows, columns) < SIDE:
        return None
    return edges.first_filters(network, (rows, columns, channels), side=SIDE)


def looks(
    network: Network,
    key,
    images: Float[Array | np.ndarray, "examples pixels"],
    inked: Bool[Array | np.ndarray, " pixels"],
    blank: Blank,
) -> Looks:
    """How local is what the neurons of each layer use? Channels see a few pixels at each place, as they are built."""
    (height, width, channels), spread = blank.shape, jnp.std(images, axis=0)
    pixels = jnp.reshape(inked, blank.shape).any(axis=-1).ravel()
    order = locality.shuffled(key, pixels)

    def of_layer(layer: Layer) -> tuple[Array, Array]:
        maps = inked * spread * attribution.gradients(network, images, site=layer.pre)
        maps = locality.over_channels(maps, (height, width, channels))
        found = (locality.locality(own, (height, width)) for own in (maps, maps[:, order]))
        own, shuffled = (jnp.stack([getattr(each, name) for name in MEASURES], axis=1) for each in found)
        return own, shuffled

    found = [of_layer(layer) for layer in network.model.layers if layer.feature_map is None]
    own, shuffled = (jnp.moveaxis(pad_units(values), 1, 2) for values in zip(*found, strict=True))
    return Looks(own, shuffled)


def neuron_layers(model: MLP) -> tuple[str, ...]:
    """Names of the layers without feature maps."""
    return tuple(layer.name for layer in model.layers if layer.feature_map is None)


def _blank(inputs: Inputs) -> np.ndarray:
    return np.zeros(inputs.splits.test.shape, np.float32)


def _layer_coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {"layers": neuron_layers(inputs.model), "measures": MEASURES}


MEASUREMENTS = (
    Measurement(
        "first-layer",
        first_layer,
        lambda inputs: (_blank(inputs),),
        conditions=(UNTRAINED, SNAPSHOTS, TRAINED),
        recipes=(NAME, CNN, WIDE),
        key=_KEY,
    ),
    Measurement(
        "filters",
        example_filters,
        lambda inputs: (_blank(inputs),),
        conditions=(UNTRAINED, TRAINED),
        recipes=(NAME, CNN, WIDE),
        example=True,
    ),
    Measurement(
        "looks",
        looks,
        lambda inputs: (*inked_images(inputs), _blank(inputs)),
        _layer_coords,
        conditions=(UNTRAINED, TRAINED),
        recipes=(NAME, CNN),
        key=_LOOKS_KEY,
        chunk=1,
        slow=True,
    ),
)


def oriented(results: Results, recipe: str) -> dict[str, xr.DataArray]:
    """How oriented the first layer's filters of a recipe are, by condition and control; those that are judged first."""
    found = results["first-layer"]
    trained, untrained = (found.sel(recipes=recipe, conditions=condition) for condition in (TRAINED, UNTRAINED))
    values = {TRAINED: trained.oriented, UNTRAINED: untrained.oriented, SHUFFLED: trained.shuffled}
    if recipe != NAME:
        values[CUTS] = found.oriented.sel(recipes=NAME, conditions=TRAINED)
    return values


def reached(side: int = SIDE) -> float:
    """How oriented a sharp step is, mean over its orientations: what can be expected of a filter that is an edge."""
    return float(jnp.mean(edges.edges(edges.step_edges(side)).oriented))


def claims(results: Results) -> list[Claim]:
    """Row 4.11: filters are edges, and what neurons make of them is local; the latter if a CNN was trained."""
    trained = [recipe for recipe in FIRST if recipe in results["first-layer"].recipes]
    found = [claim for recipe in trained for claim in _edges(results, recipe)]
    return found + (_local(results) if CNN in trained and "looks" in results else [])


def _edges(results: Results, recipe: str) -> list[Claim]:
    own, kind = oriented(results, recipe), FIRST[recipe]
    found = results["first-layer"].sel(recipes=recipe, conditions=TRAINED)
    shown = {}
    if recipe == CNN and WIDE in results["first-layer"].recipes:
        shown["share, of the larger CNN"] = oriented(results, WIDE)[TRAINED]
    measured = own.pop(TRAINED)
    windows = "kernels" if recipe == CNN else f"weights, cut to {SIDE} × {SIDE} pixels where they are largest"
    common = {
        "row": "4.11",
        "published": LECTURE,
        "shown": shown,
        "recipes": (recipe,) if recipe == NAME else (recipe, NAME),
    }
    note = (
        f"Filters: {windows}. Explained by the best of {edges.ORIENTATIONS} quadrature pairs, less the pair at right "
        f"angles; {mean(found.energy)} without that. Of the energy, {mean(found.odd)} is due to edges, the rest to "
        f"lines. Shuffled: mean over {DRAWS} orders of the pixels."
    )
    quantity = "the share of a filter's variance that an edge or line explains, less that across it"
    edge = reached()
    return [
        Claim(
            name=f"edges {kind}",
            text=f"The {kind}'s first layer: training makes filters edges and lines, more than any control: share of a "
            "filter's variance that one orientation explains",
            measured=measured,
            controls=own,
            score=Difference(),
            rule=above(0.0),
            bounds=SHARE,
            quantity=quantity,
            note=note,
            **common,
        ),
        Claim(
            name=f"mostly edges {kind}",
            text=f"The {kind}'s first layer: filters are more like edges than like any control: how oriented they are, "
            "relative to a sharp edge",
            measured=measured / edge,
            controls={name: values / edge for name, values in own.items()},
            score=Calibrated(),
            rule=above(ALIKE),
            quantity=f"{quantity}, relative to that of a sharp edge",
            note=f"Of a sharp edge: {format_number(edge)}.",
            **common,
        ),
    ]


def local(results: Results, measure: str) -> dict[str, xr.DataArray]:
    """A measure of locality of the CNN's first neurons, and of their controls; those that are judged first."""
    found = results["looks"].sel(measures=measure)
    first = found.isel(layers=0, drop=True)
    own = first.sel(recipes=CNN)
    return {
        TRAINED: own.looks.sel(conditions=TRAINED),
        UNTRAINED: own.looks.sel(conditions=UNTRAINED),
        SHUFFLED: own.shuffled.sel(conditions=TRAINED),
        FIRST[NAME]: first.looks.sel(recipes=NAME, conditions=TRAINED),
    }


def _local(results: Results) -> list[Claim]:
    few, one = (local(results, measure) for measure in MEASURES)
    controls = [{name: values for name, values in own.items() if name != TRAINED} for own in (few, one)]
    controls[0].pop(SHUFFLED)  # it has as many
    note = (
        f"Maps: mean gradient over at most {SAMPLE} test images × sd of the pixel, over pixels above 0 in at least "
        f"{format_percent(INKED)} of the images."
    )
    return [
        Claim(
            row="4.11",
            name="few pixels",
            text="The CNN's neurons focus on small groups of pixels: effective number of pixels that a neuron uses",
            measured=few[TRAINED],
            controls=controls[0],
            published=LECTURE,
            score=Ratio(),
            rule=below(ALIKE),
            quantity="the effective number of pixels that a neuron uses (participation ratio), mean over neurons,",
            note=note,
            recipes=(CNN, NAME),
        ),
        Claim(
            row="4.11",
            name="one place",
            text="The CNN's neurons focus on one place: share of a map's core in its largest connected part",
            measured=one[TRAINED],
            controls=controls[1],
            published=LECTURE,
            score=Calibrated(),
            rule=above(ALIKE),
            bounds=SHARE,
            quantity="the share of a map's core, the fewest pixels with half of its squares, in its largest part",
            recipes=(CNN, NAME),
        ),
    ]
