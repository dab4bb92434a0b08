"""Are the pixels that units use scattered, or a connected cluster? Rows 3.4 and 3.6, once judged by eye.

How many pixels a map uses, its participation ratio, does not depend on where they are. So what is judged depends on the
places: it is compared with the same map whose pixels are shuffled, and with what real digits reach.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis.locality import Locality, locality, of_layers, shuffled
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation import ensembles, maps
from jaxinterp.studies.instance_variation.ensembles import L1, NAME, ONE_DIGIT, PERMUTED, against, layers_of
from jaxinterp.studies.instance_variation.maps import OVER_LIT, USED, VIEWS, WEIGHTS, WORDS
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Ratio, estimate
from jaxinterp.studies.study import NETWORKS, EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

LOCALITY, LOCALITY_SHUFFLED, LOCALITY_OF_IMAGES = "locality", "locality-shuffled", "locality-of-images"
SHUFFLED = "pixels shuffled"
ONE_DIGIT_ARM = "one digit"
ONE_DIGIT_UNTRAINED, ONE_DIGIT_SHUFFLED = f"{ONE_DIGIT_ARM}, {UNTRAINED}", f"{ONE_DIGIT_ARM}, {SHUFFLED}"
_ARMS = {
    TRAINED: (NAME, TRAINED),
    UNTRAINED: (NAME, UNTRAINED),
    SHUFFLED: (NAME, SHUFFLED),
    "permuted pixels": (PERMUTED, TRAINED),
    "L1": (L1, TRAINED),
    ONE_DIGIT_ARM: (ONE_DIGIT, TRAINED),
    ONE_DIGIT_UNTRAINED: (ONE_DIGIT, UNTRAINED),
    ONE_DIGIT_SHUFFLED: (ONE_DIGIT, SHUFFLED),
}
REAL, AVERAGE = PICTURES = ("real digits", "average digits")
# What reaches as much as can be expected. A real digit's brightest pixels, its core, fall into parts where its ink is
# saturated, although its strokes are connected; an average one's do not. Averages are smoother than any digit.
CEILINGS = {"largest": AVERAGE, "moran": REAL}

# Within a factor of two of the same map with its pixels in random places.
SCATTERED = 0.5

_EXPLAINED = {
    WEIGHTS: f"Maps: weights, from deeper layers the product of the kernels, {OVER_LIT}, 0 elsewhere.",
    USED: f"Maps: mean gradient over the test images × sd of the pixel, {OVER_LIT}, 0 elsewhere.",
}
_LOCAL = {
    "cluster": (
        "largest",
        "one connected cluster, as digits are: share of the core in the largest, relative to that of average digits",
        "the share of a map's core, the fewest pixels that hold half of its squares, that lies in its largest cluster, "
        "relative to that of average digits",
        ("core", "components", "spread"),
    ),
    "smooth": (
        "moran",
        "smooth from pixel to pixel, as digits are: Moran's I, relative to that of real digits",
        "Moran's I of a map, relative to that of real digits",
        ("spread",),
    ),
}

Arms = Mapping[str, xr.DataArray]


class Localities(NamedTuple):
    """Every measure of `analysis.locality` of every unit's maps; NaN for units that a layer does not have."""

    locality: Float[Array, "views layers measures units"]


class LocalityOfImages(NamedTuple):
    """The same of test images and of the mean image of every class, as maps; means over images, and over classes."""

    locality: Float[Array, "pictures measures"]


def measure(network: Network, images: Float[Array, "examples pixels"]) -> Localities:
    """How local the maps of every unit of one network are, with pixels that are not lit at 0."""
    return Localities(of_layers(_maps(network, images)))


def measure_shuffled(network: Network, key, images: Float[Array, "examples pixels"]) -> Localities:
    """The same with the lit pixels in an order of the network's own, the same for all its units."""
    order = shuffled(key, maps.lit(images))
    return Localities(of_layers([layer[..., order] for layer in _maps(network, images)]))


def _maps(network: Network, images: Float[Array, "examples pixels"]) -> list[Float[Array, "views _ pixels"]]:
    seen = maps.lit(images)
    return [seen * maps.of_layer(network, images, layer=layer).maps for layer in layers_of(network.model)]


def measure_images(inputs: Mapping[str, Inputs]) -> LocalityOfImages:
    """What real digits reach: no map of what tells digits apart can be expected to be smoother or more connected."""
    data, classes = ensembles.first_images(inputs[NAME]), inputs[NAME].model.outputs
    pictures = data.images, metrics.by_class(data.images.T, data.labels, classes=classes).T
    return LocalityOfImages(jnp.stack([jnp.nanmean(jnp.stack(locality(own)), axis=1) for own in pictures]))


def by_arm(results: Results) -> Arms:
    """Locality by arm: of trained networks, of their controls, and of the other recipes that were trained."""
    values, moved = results[LOCALITY].locality, results[LOCALITY_SHUFFLED].locality
    return {
        name: (moved if condition == SHUFFLED else values.sel(conditions=condition)).sel(recipes=recipe)
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
    """Row 3.6: the maps are connected clusters, and smooth, as far as digits are."""
    layers = results[LOCALITY].layers.to_numpy().tolist()
    return [_local(results, kind, layer, view) for layer in layers for view in VIEWS for kind in _LOCAL]


def _scattered(arms: Arms, layer: str, view: str) -> Claim:
    return against(
        _at(arms, layer, view, "components"),
        SHUFFLED,
        row="3.4",
        name=f"{layer} {view}",
        text=f"{layer}: the pixels that units use are scattered, by {WORDS[view]}: separate parts of a map's core",
        score=Ratio(),
        rule=above(SCATTERED),
        quantity="the number of separate parts of a map's core, the fewest pixels that hold half of its squares,",
        published="“scattered”",
        note=f"{_EXPLAINED[view]} Shuffled: the same map with these pixels in random places. "
        f"{_further(arms, layer, view, 'participation', 'core', 'spread')}",
    )


def _one_digit(arms: Arms, layer: str, accuracy: float) -> Claim:
    of_recipe = {
        ONE_DIGIT_ARM: arms[ONE_DIGIT_ARM],
        SHUFFLED: arms[ONE_DIGIT_SHUFFLED],
        UNTRAINED: arms[ONE_DIGIT_UNTRAINED],
        "ten digits": arms[TRAINED],
    }
    used, by_weights = (_at(of_recipe, layer, view, "components") for view in (USED, WEIGHTS))
    ratio = estimate(by_weights[ONE_DIGIT_ARM]).mean / estimate(by_weights[SHUFFLED]).mean
    return against(
        used,
        SHUFFLED,
        row="3.4",
        name=f"one digit {layer}",
        text=f"{layer}: in networks for one digit, too, the pixels that units use are scattered: separate parts of a "
        "map's core",
        score=Ratio(),
        rule=above(SCATTERED),
        quantity="the number of separate parts of a map's core",
        published="“scattered”",
        note=f"{_EXPLAINED[USED]} By weights the score is {format_number(ratio)}. "
        f"Test accuracy {format_number(accuracy, 3)}.",
        recipes=(ONE_DIGIT,),
    )


def _local(results: Results, kind: str, layer: str, view: str) -> Claim:
    measure, text, quantity, further = _LOCAL[kind]
    arms, reached = by_arm(results), results[LOCALITY_OF_IMAGES].locality.sel(measures=measure, drop=True)
    most = reached.sel(pictures=CEILINGS[measure], drop=True)
    real, average = (format_number(float(reached.sel(pictures=name)), 2) for name in PICTURES)
    return against(
        {name: values / most for name, values in _at(arms, layer, view, measure).items()},
        UNTRAINED,
        SHUFFLED,
        row="3.6",
        name=f"{kind} {layer} {view}",
        text=f"{layer}: maps of what units use are {text}, by {WORDS[view]}",
        quantity=quantity,
        published="judged by eye: no",
        note=f"{_EXPLAINED[view]} Real digits reach {real}, average digits {average}. "
        f"{_further(arms, layer, view, measure, *further)}",
    )


def _at(arms: Arms, layer: str, view: str, measure: str) -> Arms:
    """One measure by arm; the controls of networks for one digit are compared with these alone."""
    where = {"layers": layer, "views": view, "measures": measure}
    others = (ONE_DIGIT_UNTRAINED, ONE_DIGIT_SHUFFLED)
    return {name: values.sel(where) for name, values in arms.items() if name not in others}


def _further(arms: Arms, layer: str, view: str, *measures: str) -> str:
    """Means of further measures, of trained and untrained networks, in words."""

    def mean(arm: str, measure: str) -> str:
        return f"{estimate(_at(arms, layer, view, measure)[arm]).mean:.3g}"

    return f"Trained ({UNTRAINED}): {', '.join(f'{x} {mean(TRAINED, x)} ({mean(UNTRAINED, x)})' for x in measures)}."


def _coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {"views": VIEWS, "layers": layers_of(inputs.model), "measures": Locality._fields}


def _coords_of_images(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    return {"pictures": PICTURES, "measures": Locality._fields}


def _images(inputs: Inputs) -> tuple[maps.Images]:
    return (ensembles.first_images(inputs).images,)


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
    Measurement(LOCALITY_SHUFFLED, measure_shuffled, _images, _coords, recipes=(NAME, ONE_DIGIT), key=1, chunk=1),
    EnsembleMeasurement(LOCALITY_OF_IMAGES, measure_images, _coords_of_images),
)
