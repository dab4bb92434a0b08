"""How many different things does a neuron answer to? Row 2.8, which the write-up wanted and did not do.

A facet is an image that lights a neuron through sources of its own, and that cannot be blended with another facet (see
`analysis.facets`). A neuron of the first layer is linear in the pixels, and has one; a count that is to be believed
finds as many as were planted. A layer as a whole has as many as it has large and orthogonal activation vectors.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import attribution, facets
from jaxinterp.networks import Network
from jaxinterp.stats import indicator, known_mean, over_seeds_estimate
from jaxinterp.studies.claims import Finding
from jaxinterp.studies.llm_labels import planted
from jaxinterp.studies.llm_labels.judging import calibrated_score, claimed, judged_beside, judged_shares
from jaxinterp.studies.llm_labels.record import (
    ARMS,
    CONDITIONS,
    EVERY,
    MOST,
    SITE,
    SIX,
    TRAINED,
    UNTRAINED,
    Asked,
    LlmLabels,
    ask_each,
    ask_each_both,
    key_of,
    laid_out,
    left_out,
    over_live,
)
from jaxinterp.studies.subjects import blanked

DIRECTIONS = 10
BEST = 40  # images of each unit that are looked at for clusters
STARTING = 1000  # images from which the search may start
RESTARTS, STEPS = 8, 64  # of the search: with half as many starts one planted unit in twenty is undercounted
TRAINED_ALONE = (
    "facet_images",
    "facet_shares",
    "facets_of_neurons",
    "facets_of_directions",
    "clusters_of_directions",
    "clusters_of_outputs",
)
OF_LAYER, OF_PIXELS = "random directions of the hidden layer", "random directions of the pixels"

Images = Float[Array | np.ndarray, "examples pixels"]


def measure(groups: Mapping[str, Asked], seeds: int, example: np.ndarray) -> dict[str, Any]:
    """The record's fields of row 2.8. example: the network of each arm whose facets are shown."""
    group = groups[SIX]
    units = max(groups[arm].networks.model.widths[0] for arm in ARMS)
    images = group.splits.test.images
    found = ask_each_both(of_network, group, key_of(group, 8), images)
    for name in TRAINED_ALONE:
        found[name] = found[name][:, CONDITIONS.index(TRAINED)]
    seed = int(example[ARMS.index(SIX)])
    shown = {name: found.pop(name)[seed] for name in ("facet_images", "facet_shares")}
    found = blanked(found, group.diverged)
    return {
        **{name: laid_out(name, [values], seeds=seeds, units=units) for name, values in found.items()},
        **shown,
        "planted": tuple(planted.KINDS),
        "planted_facets": np.array([kind.facets for kind in planted.KINDS.values()]),
        "facets_of_planted": counted(key_of(group, 10)),
    }


def of_network(network: Network, key, images: Images) -> dict[str, Array]:
    """Facets and clusters of every unit, and of random directions in their place, which are asked in one go with them.

    Compiling takes longer than asking, so there is one search for each site.
    """
    outputs, neurons, layer, clusters, of_outputs, hidden, pixels = jax.random.split(key, 7)
    classes, width = network.model.outputs, network.model.widths[0]
    made = _maximisers(outputs, network, images, "logits", _and_random(hidden, network, SITE, "logits"))
    real = _clusters(clusters, network, images, "hidden0/pre", _and_random(pixels, network, "input", "hidden0/pre"))
    whole = facets.of_layer(layer, network, images, site=SITE, k=width, restarts=RESTARTS, steps=STEPS)
    return {
        "facets_of_outputs": made.number[:classes].astype(float),
        "facets_of_directions": made.number[classes:].astype(float),
        "facet_images": made.images[:classes],
        "facet_shares": made.shares[:classes],
        "facets_of_neurons": _maximisers(neurons, network, images, "hidden0/pre").number.astype(float),
        "facets_of_layer": whole.number.astype(float),
        "participation": whole.participation,
        "clusters_of_neurons": real[:width],
        "clusters_of_directions": real[width:],
        "clusters_of_outputs": _clusters(of_outputs, network, images, "logits"),
    }


def _and_random(key, network: Network, source, site) -> Float[Array, "units sources"]:
    """The weights of a site's units, and random directions of the sources behind them."""
    own = attribution.virtual_weights(network, source=source, site=site)
    return jnp.concatenate([own, jax.random.normal(key, (DIRECTIONS, own.shape[1]))])


def counted(key) -> Float[np.ndarray, "planted draws"]:
    """Facets that are found of every planted unit."""
    networks = planted.networks()
    found = ask_each(_count, networks, key, chunk=len(planted.KINDS) * planted.DRAWS)
    return found.reshape(len(planted.KINDS), planted.DRAWS).astype(np.float64)


def _count(network: Network, key) -> Float[Array, ""]:
    return planted.count(network, key, restarts=RESTARTS, steps=STEPS)


def _maximisers(key, network: Network, images: Images, site, directions=None) -> facets.Facets:
    options = {"site": site, "directions": directions, "restarts": RESTARTS, "steps": STEPS}
    return facets.by_maximisers(key, network, images[:STARTING], **options)


def _clusters(key, network: Network, images: Images, site, directions=None) -> Float[Array, " units"]:
    top = min(BEST, len(images))
    return facets.by_exemplars(key, network, images, site=site, directions=directions, top=top).number.astype(float)


def findings(record: LlmLabels) -> list[Finding]:
    """Row 2.8 judged."""
    apart = left_out(record, SIX)
    return [
        _method(record),
        _neurons(record, apart),
        _outputs(record, apart),
        _layer(record, apart),
        _images(record, apart),
    ]


def _share(values: Float[np.ndarray, "seeds items"], least=2, most=np.inf) -> Float[np.ndarray, " seeds"]:
    """Of a network's units, those with so many facets or clusters."""
    return known_mean(indicator((values >= least) & (values <= most), values), 1)


def _method(record: LlmLabels) -> Finding:
    true, counts = record.planted_facets[:, None], record.facets_of_planted
    right = indicator(counts == true, counts)
    one = np.broadcast_to(true == 1, right.shape).astype(float)
    text = "The facets of a unit can be counted: those found are as many as were planted"
    claim = claimed("2.8 method", text, "share of planted units", EVERY)
    others = {f"counted rightly: {kind}": values for kind, values in zip(record.planted, right, strict=True)}
    note = (
        f"n: planted units. Unequal peaks: the others have {planted.LESS:g} of the first one's gain. Shallow valleys: "
        "a blend of halves keeps a third of the gain. Not linear: two hidden units that share their pixels add up."
    )
    return judged_shares(claim, right.ravel(), one.ravel(), "one for all", right.ravel(), others=others, note=note)


def _neurons(record: LlmLabels, apart: str) -> Finding:
    text = "A neuron of the first layer has one facet, as anything linear in the pixels has"
    claim = claimed("2.8 neurons", text, "share of neurons", EVERY)
    linear = _share(record.facets_of_neurons, 1, 1)
    outputs = _share(record.facets_of_outputs[:, record.conditions.index(TRAINED)], 1, 1)
    note = (
        "An exact check of the method, and nothing learnt of the networks: before its ReLU such a neuron is linear, "
        f"and a linear unit must yield one facet, trained or not.{apart}"
    )
    return judged_shares(claim, linear, outputs, "outputs", linear, note=note)


def _outputs(record: LlmLabels, apart: str) -> Finding:
    before, after = (record.facets_of_outputs[:, record.conditions.index(when)] for when in (UNTRAINED, TRAINED))
    others = {
        UNTRAINED: _share(before),
        "facets an output": over_seeds_estimate(known_mean(after, 1)),
        "facets a random direction": over_seeds_estimate(known_mean(record.facets_of_directions, 1)),
    }
    text = "An output answers to several things: it has two facets or more"
    claim = claimed("2.8 outputs", text, calibrated_score(OF_LAYER, "the share of outputs"), MOST)
    note = (
        f"A facet: an image in [0, 1] of at least {facets.SHARE:.2g} of the best gain over the blank image; no blend "
        "of two reaches as much, and the contributions of hidden neurons to them have a cosine of at most "
        f"{facets.ORTHOGONAL:g}.{apart}"
    )
    return judged_beside(
        claim, _share(after), {OF_LAYER: _share(record.facets_of_directions)}, others=others, note=note
    )


def _layer(record: LlmLabels, apart: str) -> Finding:
    width = record.widths[record.arms.index(SIX)]
    own, before = (record.facets_of_layer[:, record.conditions.index(when)] for when in (TRAINED, UNTRAINED))
    trained_ratio, ratio = (record.participation[:, record.conditions.index(when)] for when in (TRAINED, UNTRAINED))
    others = {
        "facets": over_seeds_estimate(own),
        f"facets, {UNTRAINED}": over_seeds_estimate(before),
        "networks with two or more": indicator(own >= 2, own),
        f"networks with two or more, {UNTRAINED}": indicator(before >= 2, before),
        "participation ratio on the test images": over_seeds_estimate(trained_ratio),
        f"participation ratio, {UNTRAINED}": over_seeds_estimate(ratio),
    }
    text = "Training makes the hidden layer as a whole answer to more different things: facets for each of its neurons"
    claim = claimed("2.8 layer", text, "difference from the same networks before training, seed by seed", 0.0)
    note = (
        f"A facet of a layer: an image in [0, 1] whose activation vector has at least {facets.SHARE:.2g} of the "
        f"largest squared length, and a cosine of at most {facets.ORTHOGONAL:g} with those of the others; at most "
        f"{width}. Neurons that no test image lights can fire on images that are made. Participation ratio: the number "
        f"of directions that would hold as much of the activations' variance in equal parts.{apart}"
    )
    shares = own / width, before / width
    return judged_shares(claim, *shares, UNTRAINED, shares[0] - shares[1], others=others, note=note)


def _images(record: LlmLabels, apart: str) -> Finding:
    def clusters(condition):
        values = record.clusters_of_neurons[:, record.conditions.index(condition)]
        return over_live(record, indicator(values >= 2, values), SIX, condition)

    controls = {UNTRAINED: clusters(UNTRAINED), OF_PIXELS: _share(record.clusters_of_directions)}
    others = {
        "outputs": _share(record.clusters_of_outputs),
        "clusters an output": over_seeds_estimate(known_mean(record.clusters_of_outputs, 1)),
    }
    text = "The images that a neuron answers to most are of several kinds: their contributions cluster"
    share = "the share of live neurons with two clusters or more"
    claim = claimed("2.8 images", text, calibrated_score(f"the higher of {UNTRAINED} and {OF_PIXELS}", share), MOST)
    note = (
        f"The best {BEST} test images; clusters by spherical k-means, counted where their mean silhouette is above "
        f"{facets.STRUCTURE:g} and that of Gaussian contributions of the same mean and covariance, at 5 %.{apart}"
    )
    return judged_beside(claim, clusters(TRAINED), controls, others=others, note=note)
