"""Are the pixels that units use scattered, or a connected cluster? Rows 3.4 and 3.6, once judged by eye."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis.locality import Locality, locality
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation import ensembles, maps
from jaxinterp.studies.instance_variation.ensembles import L1, NAME, ONE_DIGIT, PERMUTED, against, layers_of
from jaxinterp.studies.instance_variation.maps import USED, VIEWS, WEIGHTS, WORDS
from jaxinterp.studies.judge import Calibrated, Claim, Ratio, above, estimate
from jaxinterp.studies.study import NETWORKS, EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

LOCALITY, LOCALITY_SHUFFLED = "locality", "locality-shuffled"
SHUFFLED = "pixels shuffled"
PERMUTED_ARM, L1_ARM, ONE_DIGIT_ARM = "permuted pixels", "L1", "one digit"
ONE_DIGIT_UNTRAINED = "one digit, untrained"
_ARMS = {
    TRAINED: (NAME, TRAINED),
    UNTRAINED: (NAME, UNTRAINED),
    PERMUTED_ARM: (PERMUTED, TRAINED),
    L1_ARM: (L1, TRAINED),
    ONE_DIGIT_ARM: (ONE_DIGIT, TRAINED),
    ONE_DIGIT_UNTRAINED: (ONE_DIGIT, UNTRAINED),
}

# Within a factor of two of random weights: more than half of their effective pixels.
SCATTERED = 0.5
# More than half of what the control leaves open: then most of it is in one cluster, or like its neighbours.
LOCAL = 0.5

_EXPLAINED = {
    WEIGHTS: "Maps: weights, from deeper layers the product of the kernels.",
    USED: "Maps: mean gradient over the test images × sd of the pixel.",
}
_LOCAL = {
    "cluster": (
        "largest",
        "one connected cluster: share of the core in the largest",
        "the share of a map's core, the fewest pixels that hold half of its squares, that lies in its largest cluster",
        ("core", "components", "spread"),
    ),
    "smooth": ("moran", "smooth from pixel to pixel: Moran's I", "Moran's I of a map", ("spread",)),
}

Arms = Mapping[str, xr.DataArray]


class Localities(NamedTuple):
    """Every measure of `analysis.locality` of every unit's maps; NaN for units that a layer does not have."""

    locality: Float[Array, "views layers measures units"]


class ShuffledLocalities(NamedTuple):
    """The same, of maps whose pixels were shuffled: every network in an order of its own, the same for all its units.

    Networks whose maps are not finite are NaN.
    """

    locality: Float[np.ndarray, "seeds views layers measures units"]


def measure(network: Network, images: Float[Array, "examples pixels"]) -> Localities:
    """How local the maps of every unit of one network are."""
    return Localities(_of_layers([maps.of_layer(network, images, layer=x).maps for x in layers_of(network.model)]))


def measure_shuffled(inputs: Mapping[str, Inputs]) -> ShuffledLocalities:
    """The same of the study's own trained networks, with their maps' pixels shuffled."""
    run = inputs[NAME]
    key, _ = jax.random.split(run.key(1))
    layers = [layer.maps for layer in run.once(maps.of_networks)[TRAINED].values()]

    def of_network(one):
        key, own = one
        return _of_layers([jax.random.permutation(key, layer, axis=-1) for layer in own])

    lifted = jax.jit(lambda keys, layers: jax.lax.map(of_network, (keys, layers)))
    return ShuffledLocalities(np.asarray(lifted(jax.random.split(key, run.seeds), layers)))


def by_arm(results: Results) -> Arms:
    """Locality by arm: of trained networks, of their controls, and of the other recipes that were trained."""
    values = results[LOCALITY].locality
    arms = {
        name: values.sel(recipes=recipe, conditions=condition)
        for name, (recipe, condition) in _ARMS.items()
        if recipe in values.recipes
    }
    controls = {SHUFFLED: results[LOCALITY_SHUFFLED].locality}
    return {name: (arms | controls)[name] for name in (TRAINED, UNTRAINED, SHUFFLED, *list(arms)[2:])}


def scatter_claims(results: Results) -> list[Claim]:
    """Row 3.4: the maps are scattered."""
    arms, layers = by_arm(results), _layers(results)
    claims = [_scattered(_at(arms, layer, view), layer, view) for layer in layers for view in VIEWS]
    if ONE_DIGIT_ARM not in arms:
        return claims
    accuracy = float(results[NETWORKS].accuracy.sel(recipes=ONE_DIGIT, splits="test").mean())
    return claims + [_one_digit(_at(arms, layer, USED), _at(arms, layer, WEIGHTS), layer, accuracy) for layer in layers]


def cluster_claims(results: Results) -> list[Claim]:
    """Row 3.6: the maps are connected clusters, and smooth."""
    arms = by_arm(results)
    return [
        _local(_at(arms, layer, view), kind, layer, view)
        for layer in _layers(results)
        for view in VIEWS
        for kind in _LOCAL
    ]


def _scattered(arms: Arms, layer: str, view: str) -> Claim:
    return Claim(
        row="3.4",
        name=f"{layer} {view}",
        text=f"{layer}: the pixels that units use are scattered, by {WORDS[view]}: effective number of pixels",
        **against(_of(arms, "participation"), TRAINED, UNTRAINED, hidden=(ONE_DIGIT_UNTRAINED,)),
        score=Ratio(),
        rule=above(SCATTERED),
        quantity="the effective number of pixels",
        published="“scattered”",
        note=f"{_EXPLAINED[view]} {_further(arms, 'gini', 'spread')}",
    )


def _one_digit(used: Arms, weights: Arms, layer: str, accuracy: float) -> Claim:
    values, by_weights = (_of(arms, "participation") for arms in (used, weights))
    ratio = estimate(Ratio().values(by_weights[ONE_DIGIT_ARM], by_weights[ONE_DIGIT_UNTRAINED])).mean
    return Claim(
        row="3.4",
        name=f"one digit {layer}",
        text=f"{layer}: in networks for one digit, too, the pixels that units use are scattered: effective number",
        measured=values[ONE_DIGIT_ARM],
        controls={UNTRAINED: values[ONE_DIGIT_UNTRAINED]},
        shown={"ten digits": values[TRAINED]},
        score=Ratio(),
        rule=above(SCATTERED),
        quantity="the effective number of pixels",
        published="“scattered”",
        note=f"{_EXPLAINED[USED]} By weights the score is {format_number(ratio)}. "
        f"Test accuracy {format_number(accuracy, 3)}.",
        recipes=(ONE_DIGIT,),
    )


def _local(arms: Arms, kind: str, layer: str, view: str) -> Claim:
    measure, text, quantity, further = _LOCAL[kind]
    return Claim(
        row="3.6",
        name=f"{kind} {layer} {view}",
        text=f"{layer}: maps of what units use are {text}, by {WORDS[view]}",
        **against(_of(arms, measure), TRAINED, UNTRAINED, SHUFFLED, hidden=(ONE_DIGIT_UNTRAINED,)),
        score=Calibrated(),
        rule=above(LOCAL),
        quantity=quantity,
        published="judged by eye: no",
        note=f"{_EXPLAINED[view]} {_further(arms, *further)}",
    )


def _layers(results: Results) -> list[str]:
    return [str(layer) for layer in results[LOCALITY].layers.to_numpy()]


def _at(arms: Arms, layer: str, view: str) -> Arms:
    return {name: values.sel(layers=layer, views=view) for name, values in arms.items()}


def _of(arms: Arms, measure: str) -> Arms:
    return {name: values.sel(measures=measure) for name, values in arms.items()}


def _further(arms: Arms, *measures: str) -> str:
    """Means of further measures, of trained and untrained networks, in words."""

    def mean(arm: str, name: str) -> str:
        return f"{estimate(arms[arm].sel(measures=name)).mean:.3g}"

    return f"Trained ({UNTRAINED}): {', '.join(f'{x} {mean(TRAINED, x)} ({mean(UNTRAINED, x)})' for x in measures)}."


def _of_layers(
    layers: Sequence[Float[Array, "views _ pixels"]],
) -> Float[Array, "views layers measures units"]:
    """Every measure of every map, padded with NaN to the widest layer."""
    together = jnp.concatenate(layers, axis=1)  # one program for all layers
    values = jnp.stack(locality(together.reshape(-1, together.shape[-1]))).reshape(-1, *together.shape[:2])
    ends = np.cumsum([layer.shape[1] for layer in layers])[:-1]
    parts, widest = jnp.split(values, ends, axis=2), max(layer.shape[1] for layer in layers)
    padding = [((0, 0), (0, 0), (0, widest - part.shape[2])) for part in parts]
    padded = [jnp.pad(part, pad, constant_values=jnp.nan) for part, pad in zip(parts, padding, strict=True)]
    return jnp.moveaxis(jnp.stack(padded), 2, 0)


def _images(inputs: Inputs) -> tuple:
    return (ensembles.first_images(inputs).images,)


def _coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {"views": VIEWS, "layers": layers_of(inputs.model), "measures": Locality._fields}


MEASUREMENTS = (
    Measurement(
        LOCALITY,
        measure,
        _images,
        _coords,
        conditions=(UNTRAINED, TRAINED),
        recipes=(NAME, PERMUTED, L1, ONE_DIGIT),
        chunk=1,
    ),
    EnsembleMeasurement(LOCALITY_SHUFFLED, measure_shuffled, lambda inputs: _coords(inputs[NAME])),
)
