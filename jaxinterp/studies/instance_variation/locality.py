"""Are the pixels that units use scattered, or a connected cluster? Rows 3.4 and 3.6, once judged by eye."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis.locality import Locality, of_layers
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation import ensembles, maps
from jaxinterp.studies.instance_variation.ensembles import L1, NAME, ONE_DIGIT, PERMUTED, against, layers_of
from jaxinterp.studies.instance_variation.maps import USED, VIEWS, WEIGHTS, WORDS
from jaxinterp.studies.judge import Claim, Ratio, above, estimate
from jaxinterp.studies.study import NETWORKS, EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

LOCALITY, LOCALITY_SHUFFLED = "locality", "locality-shuffled"
SHUFFLED = "pixels shuffled"
ONE_DIGIT_ARM, ONE_DIGIT_UNTRAINED = "one digit", "one digit, untrained"
_ARMS = {
    TRAINED: (NAME, TRAINED),
    UNTRAINED: (NAME, UNTRAINED),
    SHUFFLED: (NAME, SHUFFLED),
    "permuted pixels": (PERMUTED, TRAINED),
    "L1": (L1, TRAINED),
    ONE_DIGIT_ARM: (ONE_DIGIT, TRAINED),
    ONE_DIGIT_UNTRAINED: (ONE_DIGIT, UNTRAINED),
}

# Within a factor of two of random weights: more than half of their effective pixels.
SCATTERED = 0.5

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
    return Localities(of_layers([maps.of_layer(network, images, layer=x).maps for x in layers_of(network.model)]))


def measure_shuffled(inputs: Mapping[str, Inputs]) -> ShuffledLocalities:
    """The same of the study's own trained networks, with their maps' pixels shuffled."""
    run = inputs[NAME]
    key, _ = jax.random.split(run.key(1))
    layers = [layer.maps for layer in run.once(maps.of_networks)[TRAINED].values()]

    def of_network(one):
        key, own = one
        return of_layers([jax.random.permutation(key, layer, axis=-1) for layer in own])

    lifted = jax.jit(lambda keys, layers: jax.lax.map(of_network, (keys, layers)))
    return ShuffledLocalities(np.asarray(lifted(jax.random.split(key, run.seeds), layers)))


def by_arm(results: Results) -> Arms:
    """Locality by arm: of trained networks, of their controls, and of the other recipes that were trained."""
    values, shuffled = results[LOCALITY].locality, results[LOCALITY_SHUFFLED].locality
    return {
        name: shuffled if name == SHUFFLED else values.sel(recipes=recipe, conditions=condition)
        for name, (recipe, condition) in _ARMS.items()
        if recipe in values.recipes
    }


def scatter_claims(results: Results) -> list[Claim]:
    """Row 3.4: the maps are scattered."""
    arms, layers = by_arm(results), results[LOCALITY].layers.to_numpy().tolist()
    claims = [_scattered(arms, layer, view) for layer in layers for view in VIEWS]
    if ONE_DIGIT_ARM not in arms:
        return claims
    accuracy = float(results[NETWORKS].accuracy.sel(recipes=ONE_DIGIT, splits="test").mean())
    return claims + [_one_digit(arms, layer, accuracy) for layer in layers]


def cluster_claims(results: Results) -> list[Claim]:
    """Row 3.6: the maps are connected clusters, and smooth."""
    arms, layers = by_arm(results), results[LOCALITY].layers.to_numpy().tolist()
    return [_local(arms, kind, layer, view) for layer in layers for view in VIEWS for kind in _LOCAL]


def _scattered(arms: Arms, layer: str, view: str) -> Claim:
    return against(
        _at(arms, layer, view, "participation"),
        UNTRAINED,
        row="3.4",
        name=f"{layer} {view}",
        text=f"{layer}: the pixels that units use are scattered, by {WORDS[view]}: effective number of pixels",
        score=Ratio(),
        rule=above(SCATTERED),
        quantity="the effective number of pixels",
        published="“scattered”",
        note=f"{_EXPLAINED[view]} {_further(arms, layer, view, 'gini', 'spread')}",
    )


def _one_digit(arms: Arms, layer: str, accuracy: float) -> Claim:
    of_recipe = {ONE_DIGIT_ARM: arms[ONE_DIGIT_ARM], UNTRAINED: arms[ONE_DIGIT_UNTRAINED], "ten digits": arms[TRAINED]}
    used, by_weights = (_at(of_recipe, layer, view, "participation") for view in (USED, WEIGHTS))
    ratio = estimate(by_weights[ONE_DIGIT_ARM]).mean / estimate(by_weights[UNTRAINED]).mean
    return against(
        used,
        UNTRAINED,
        row="3.4",
        name=f"one digit {layer}",
        text=f"{layer}: in networks for one digit, too, the pixels that units use are scattered: effective number",
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
    return against(
        _at(arms, layer, view, measure),
        UNTRAINED,
        SHUFFLED,
        row="3.6",
        name=f"{kind} {layer} {view}",
        text=f"{layer}: maps of what units use are {text}, by {WORDS[view]}",
        quantity=quantity,
        published="judged by eye: no",
        note=f"{_EXPLAINED[view]} {_further(arms, layer, view, *further)}",
    )


def _at(arms: Arms, layer: str, view: str, measure: str) -> Arms:
    """One measure by arm; untrained networks for one digit are compared with their trained ones alone."""
    where = {"layers": layer, "views": view, "measures": measure}
    return {name: values.sel(where) for name, values in arms.items() if name != ONE_DIGIT_UNTRAINED}


def _further(arms: Arms, layer: str, view: str, *measures: str) -> str:
    """Means of further measures, of trained and untrained networks, in words."""

    def mean(arm: str, measure: str) -> str:
        return f"{estimate(_at(arms, layer, view, measure)[arm]).mean:.3g}"

    return f"Trained ({UNTRAINED}): {', '.join(f'{x} {mean(TRAINED, x)} ({mean(UNTRAINED, x)})' for x in measures)}."


def _coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {"views": VIEWS, "layers": layers_of(inputs.model), "measures": Locality._fields}


MEASUREMENTS = (
    Measurement(
        LOCALITY,
        measure,
        lambda inputs: (ensembles.first_images(inputs).images,),
        _coords,
        conditions=(UNTRAINED, TRAINED),
        recipes=(NAME, PERMUTED, L1, ONE_DIGIT),
        chunk=1,
    ),
    EnsembleMeasurement(LOCALITY_SHUFFLED, measure_shuffled, lambda inputs: _coords(inputs[NAME])),
)
