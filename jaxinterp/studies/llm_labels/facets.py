"""How many different things does a unit respond to? Row 2.8, which the write-up wanted and did not do.

A facet is an image that activates a unit through other sources than the other facets, and that cannot be blended with
one of them (see `analysis.facets`). A neuron of the first layer is linear in the pixels, and has one. The method is
checked on units whose number of facets is known (`analysis.planted_facets`).
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import attribution, facets, planted_facets
from jaxinterp.networks import INPUT, LOGITS, Network
from jaxinterp.stats import SHARE, indicator
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.llm_labels.neurons import (
    CONDITIONS,
    EVERY,
    INPUT_SITE,
    MOST,
    NAME,
    SITE,
    SIX,
    Images,
    over_live,
    width,
)
from jaxinterp.studies.scores import Calibrated, Difference
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results

DIRECTIONS = 10
BEST = 40  # images of each unit that are searched for clusters
RESTARTS, STEPS = 8, 64  # of the search: with half as many starts one planted unit in twenty is undercounted
OF_LAYER, OF_PIXELS = "random directions of the hidden layer", "random directions of the pixels"
KEY, KEY_OF_PLANTED = 8, 10

_claim = partial(Claim, row="2.8")

Sample = Float[Array | np.ndarray, "sample pixels"]


class Counts(NamedTuple):
    """Numbers of facets, of synthetic images, and of clusters, of the best test images.

    random: of random directions, of the hidden layer in place of outputs, and of the pixels in place of neurons. layer:
    of large orthogonal activation vectors; participation: see `facets.LayerFacets`.
    """

    outputs: Float[Array, " classes"]
    random: Float[Array, " directions"]
    neurons: Float[Array, " units"]
    layer: Float[Array, ""]
    participation: Float[Array, ""]
    clusters_of_neurons: Float[Array, " units"]
    clusters_of_random: Float[Array, " directions"]
    clusters_of_outputs: Float[Array, " classes"]


def counts(network: Network, key, images: Images, sample: Sample) -> Counts:
    """Facets and clusters of every unit, and of random directions in their place. sample: possible starts.

    Compiling takes longer than searching, so units and directions share one search.
    """
    outputs, neurons, layer, clusters, of_outputs, hidden, pixels = jax.random.split(key, 7)
    classes, units = network.model.outputs, network.model.layers[0].units
    made = _maximisers(outputs, network, sample, LOGITS, _and_random(hidden, network, SITE, LOGITS)).number
    real = _clusters(clusters, network, images, INPUT_SITE, _and_random(pixels, network, INPUT, INPUT_SITE))
    whole = facets.of_layer(layer, network, images, site=SITE, k=units, restarts=RESTARTS, steps=STEPS)
    return Counts(
        outputs=made[:classes].astype(float),
        random=made[classes:].astype(float),
        neurons=_maximisers(neurons, network, sample, INPUT_SITE).number.astype(float),
        layer=whole.number.astype(float),
        participation=whole.participation,
        clusters_of_neurons=real[:units],
        clusters_of_random=real[units:],
        clusters_of_outputs=_clusters(of_outputs, network, images, LOGITS),
    )


def of_outputs(network: Network, key, sample: Sample) -> facets.Facets:
    """The facets of a network's outputs that `counts` counts, with this key."""
    return _maximisers(jax.random.split(key, 7)[0], network, sample, LOGITS)


def planted(inputs: Mapping[str, Inputs]) -> planted_facets.Counts:
    """Count the facets of every planted unit."""
    return planted_facets.count_all(inputs[NAME].key(KEY_OF_PLANTED), restarts=RESTARTS, steps=STEPS)


def _and_random(key, network: Network, source, site) -> Float[Array, "units sources"]:
    """The weights of a site's units, and random directions of the sources behind them."""
    own = attribution.virtual_weights(network, source=source, site=site)
    return jnp.concatenate([own, jax.random.normal(key, (DIRECTIONS, own.shape[1]))])


def _maximisers(key, network: Network, sample: Sample, site, directions=None) -> facets.Facets:
    options = {"site": site, "directions": directions, "restarts": RESTARTS, "steps": STEPS}
    return facets.by_maximisers(key, network, sample, **options)


def _clusters(key, network: Network, images: Images, site, directions=None) -> Float[Array, " units"]:
    top = min(BEST, len(images))
    return facets.by_exemplars(key, network, images, site=site, directions=directions, top=top).number.astype(float)


MEASUREMENTS = (
    Measurement(
        "facets",
        counts,
        lambda inputs: (inputs.test.images, inputs.sample.images),
        lambda inputs: {"classes": inputs.classes},
        CONDITIONS,
        key=KEY,
        chunk=2,
    ),
    EnsembleMeasurement("planted facets", planted, lambda _: {"kinds": tuple(planted_facets.KINDS)}),
)


def counted_rightly(results: Results) -> xr.DataArray:
    """1 for planted units whose facets are counted correctly: "kinds draws"."""
    found = results["planted facets"]
    return indicator(found.found == found.true, found.found)


def claims(results: Results) -> list[Claim]:
    """Row 2.8."""
    found = results["facets"]
    after, before = (found.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    clusters, live = _several(found.clusters_of_neurons), partial(over_live, results)
    return [
        _method(results),
        _claim(
            name="neurons",
            text="A neuron of the first layer has one facet, like anything linear in the pixels",
            bounds=SHARE,
            quantity="share of neurons",
            measured=indicator(after.neurons == 1, after.neurons),
            controls={"outputs": indicator(after.outputs == 1, after.outputs)},
            rule=above(EVERY),
            note="A check of the method, not a finding about the networks: before its ReLU such a neuron is linear, "
            "and a linear unit must yield one facet, trained or not.",
        ),
        _claim(
            name="outputs",
            text="An output responds to several things: it has two facets or more",
            bounds=SHARE,
            quantity="share of outputs",
            measured=_several(after.outputs),
            controls={OF_LAYER: _several(after.random), UNTRAINED: _several(before.outputs)},
            rule=above(MOST),
            score=Calibrated(),
            shown={"facets per output": after.outputs, "facets per random direction": after.random},
            note=f"A facet: an image in [0, 1] of at least {facets.SHARE:.2g} of the best gain over the blank image; "
            "no blend of two reaches as much, and the contributions of hidden neurons to them have a cosine of at most "
            f"{facets.ORTHOGONAL:g}.",
        ),
        _layer(after, before, width(results, SIX)),
        _claim(
            name="images",
            text="The images that activate a neuron most are of several kinds: their contributions cluster",
            bounds=SHARE,
            quantity="share of live neurons with two clusters or more",
            measured=live(clusters),
            controls={UNTRAINED: live(clusters, SIX, UNTRAINED), OF_PIXELS: _several(after.clusters_of_random)},
            rule=above(MOST),
            score=Calibrated(),
            shown={"outputs": _several(after.clusters_of_outputs), "clusters per output": after.clusters_of_outputs},
            note=f"The best {BEST} test images; clusters by spherical k-means, counted where their mean silhouette is "
            f"above {facets.STRUCTURE:g} and that of Gaussian contributions of the same mean and covariance, at 5 %.",
        ),
    ]


def _method(results: Results) -> Claim:
    right, true = counted_rightly(results), results["planted facets"].true
    samples, samples_of_one = (
        values.stack(samples=("kinds", "draws"), create_index=False) for values in (right, indicator(true == 1, true))
    )
    return _claim(
        name="method",
        text="The facets of a unit can be counted: the number found is the number planted",
        bounds=SHARE,
        quantity="share of planted units",
        measured=samples,
        controls={"one for all": samples_of_one},
        rule=above(EVERY),
        shown={
            f"counted correctly: {kind}": right.sel(kinds=kind).rename(draws="samples")
            for kind in right.kinds.to_numpy()
        },
        note=f"n: planted units. Unequal peaks: the others have {planted_facets.LESS:g} of the first one's gain. "
        "Shallow valleys: a blend of halves keeps a third of the gain. Not linear: two hidden units that share their "
        "pixels add up. Inhibited: only nearly all ink of one block activates the unit, and none of the given "
        "images.",
    )


def _layer(after: xr.Dataset, before: xr.Dataset, units: int) -> Claim:
    return _claim(
        name="layer",
        text="Training makes the hidden layer as a whole respond to more different things: facets per neuron",
        quantity="facets per neuron of the layer",
        measured=after.layer / units,
        controls={UNTRAINED: before.layer / units},
        rule=above(0.0),
        score=Difference(),
        shown={
            "facets": after.layer,
            f"facets, {UNTRAINED}": before.layer,
            "networks with two or more": _several(after.layer),
            f"networks with two or more, {UNTRAINED}": _several(before.layer),
            "participation ratio on the test images": after.participation,
            f"participation ratio, {UNTRAINED}": before.participation,
        },
        note=f"A facet of a layer: an image in [0, 1] whose activation vector has at least {facets.SHARE:.2g} of the "
        f"largest squared length, and a cosine of at most {facets.ORTHOGONAL:g} with those of the others; at most "
        f"{units}. Neurons that no test image activates can be active on synthetic images. Participation ratio: the "
        "number of directions that would hold as much of the activations' variance in equal parts.",
    )


def _several(values: xr.DataArray) -> xr.DataArray:
    return indicator(values >= 2, values)
