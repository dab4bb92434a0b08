"""How many different things does a neuron answer to? Row 2.8, which the write-up wanted and did not do.

A facet is an image that lights a neuron through sources of its own, and that cannot be blended with another facet (see
`analysis.facets`). A neuron of the first layer is linear in the pixels, and has one; a count that is to be believed
finds as many as were planted.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import facets
from jaxinterp.networks import MLP, Network
from jaxinterp.stats import indicator, known_mean
from jaxinterp.studies.claims import Finding, judged
from jaxinterp.studies.llm_labels.record import (
    ARMS,
    EVERY,
    MOST,
    SIX,
    TRAINED,
    UNTRAINED,
    Asked,
    LlmLabels,
    ask,
    ask_both,
    claimed,
    key_of,
    laid_out,
    left_out,
    over_live,
)
from jaxinterp.studies.subjects import blanked

PLANTED = (1, 2, 3)
DRAWS = 12  # planted units of each kind
DIRECTIONS = 10
BEST = 40  # images of each unit that are looked at for clusters
STARTING = 1000  # images from which the search may start
_RESTARTS, _STEPS = 4, 64  # of the search
_PIXELS = 64

Images = Float[Array | np.ndarray, "examples pixels"]


def measure(groups: Mapping[str, Asked], seeds: int, example: np.ndarray) -> dict[str, Any]:
    """The record's fields of row 2.8. example: the network of each arm whose facets are shown."""
    group = groups[SIX]
    units = max(groups[arm].networks.model.widths[0] for arm in ARMS)
    images, networks = group.splits.test.images, group.networks
    found = ask_both(outputs, group, images[:STARTING], key_of(group, 8), chunk=2)
    found |= ask(neurons_and_directions, networks, images[:STARTING], key_of(group, 9), chunk=2)
    found |= ask_both(clusters_of_neurons, group, images, key_of(group, 10), chunk=2)
    found |= ask(clusters_of_outputs, networks, images, key_of(group, 11), chunk=2)
    found = blanked(found, group.diverged)
    planted = ask(planted_count, planted_networks(DRAWS), key_of(group, 8), chunk=len(PLANTED) * DRAWS)
    return {
        **{name: laid_out(name, [values], seeds=seeds, units=units) for name, values in found.items()},
        **_shown(group, int(example[ARMS.index(SIX)])),
        "planted": np.array(PLANTED),
        "facets_of_planted": planted.reshape(len(PLANTED), DRAWS).astype(np.float64),
    }


def outputs(network: Network, images: Images, key) -> dict[str, Array]:
    """Facets of every output."""
    found = facets.by_maximisers(key, network, images, site="logits", restarts=_RESTARTS, steps=_STEPS)
    return {"facets_of_outputs": found.number.astype(float)}


def neurons_and_directions(network: Network, images: Images, key) -> dict[str, Array]:
    """Facets of every neuron, and of random directions of the hidden layer in the place of outputs."""
    of_neurons, of_directions, drawn = jax.random.split(key, 3)
    directions = jax.random.normal(drawn, (DIRECTIONS, network.model.widths[-1]))
    neurons = facets.by_maximisers(of_neurons, network, images, site="hidden0/pre", restarts=_RESTARTS, steps=_STEPS)
    random = facets.by_maximisers(
        of_directions, network, images, site="logits", directions=directions, restarts=_RESTARTS, steps=_STEPS
    )
    return {
        "facets_of_neurons": neurons.number.astype(float),
        "facets_of_directions": random.number.astype(float),
    }


def clusters_of_neurons(network: Network, images: Images, key) -> dict[str, Array]:
    """Clusters among the best images of every neuron."""
    found = facets.by_exemplars(key, network, images, site="hidden0/pre", top=min(BEST, len(images)))
    return {"clusters_of_neurons": found.number.astype(float)}


def clusters_of_outputs(network: Network, images: Images, key) -> dict[str, Array]:
    """Clusters among the best images of every output."""
    found = facets.by_exemplars(key, network, images, site="logits", top=min(BEST, len(images)))
    return {"clusters_of_outputs": found.number.astype(float)}


def planted_networks(draws: int) -> Network:
    """Networks whose one output has 1, 2 or 3 facets, as an ensemble: kind by kind, and draw by draw.

    Each facet is a block of pixels of its own with weights of its own, and a hidden unit that ink in another block
    silences, so that no blend of two will do.
    """
    rng = np.random.default_rng(0)
    most = max(PLANTED)
    kernels = np.zeros((len(PLANTED), draws, _PIXELS, most), np.float32)
    for kind, count in enumerate(PLANTED):
        for draw in range(draws):
            blocks = np.array_split(rng.permutation(_PIXELS), count)
            for unit, block in enumerate(blocks):
                ink = rng.uniform(0.5, 1, len(block))
                kernels[kind, draw, block, :count] = -1
                kernels[kind, draw, block, unit] = ink / ink.sum()
    flat = kernels.reshape(-1, _PIXELS, most)
    networks = len(flat)
    params = {
        "hidden0": {"kernel": jnp.asarray(flat), "bias": jnp.full((networks, most), -0.1)},
        "output": {"kernel": jnp.ones((networks, most, 1)), "bias": jnp.zeros((networks, 1))},
    }
    return Network(MLP((most,), 1), {"params": params})


def planted_count(network: Network, key) -> Float[Array, ""]:
    """How many facets are found, with images in which now this block is lit, now that."""
    blocks = (network.variables["params"]["hidden0"]["kernel"] > 0).T.astype(jnp.float32)
    drawn, ink = jax.random.split(key)
    lit = blocks[jax.random.randint(drawn, (100,), 0, len(blocks))]
    images = lit * jax.random.uniform(ink, lit.shape, minval=0.5)
    return (
        facets.by_maximisers(key, network, images, site="logits", restarts=_RESTARTS, steps=_STEPS)
        .number[0]
        .astype(float)
    )


def _shown(group: Asked, seed: int) -> dict[str, np.ndarray]:
    network = jax.tree.map(lambda leaf: jnp.asarray(leaf[seed]), group.networks)

    def look(key, network, images):
        return facets.by_maximisers(key, network, images, site="logits", restarts=_RESTARTS, steps=_STEPS)

    found = jax.jit(look)(key_of(group, 8), network, group.splits.test.images[:STARTING])
    return {"facet_images": np.asarray(found.images), "facet_shares": np.asarray(found.shares)}


def several(counts: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """1 where there are at least two."""
    return indicator(counts >= 2, counts)


def findings(record: LlmLabels) -> list[Finding]:
    """Row 2.8 judged."""
    apart = left_out(record, SIX)
    before, after = (record.conditions.index(condition) for condition in (UNTRAINED, TRAINED))

    right = indicator(record.facets_of_planted == record.planted[:, None], record.facets_of_planted)
    one = np.broadcast_to(record.planted[:, None] == 1, right.shape).astype(float)
    text = "The facets of a unit can be counted: those found are as many as were planted"
    claim = claimed("2.8 method", text, "share of planted units", EVERY)
    pairs = zip(record.planted, record.facets_of_planted, strict=True)
    others = {f"found of {true}": counts for true, counts in pairs}
    note = "n: planted units, with 1, 2 and 3 facets."
    found = [judged(claim, right.ravel(), one.ravel(), "one for all", right.ravel(), others=others, note=note)]

    def share(values, least=2, most=np.inf):
        return known_mean(indicator((values >= least) & (values <= most), values), 1)

    of_outputs, of_directions = record.facets_of_outputs[:, after], record.facets_of_directions
    text = "A neuron of the first layer has one facet, as anything linear in the pixels has"
    claim = claimed("2.8 neurons", text, "share of neurons", EVERY)
    linear = share(record.facets_of_neurons, 1, 1)
    found.append(judged(claim, linear, share(of_outputs, 1, 1), "outputs", linear, note=apart))

    others = {
        UNTRAINED: share(record.facets_of_outputs[:, before]),
        "facets an output": known_mean(of_outputs, 1),
        "facets a random direction": known_mean(of_directions, 1),
    }
    text = "An output answers to several things: it has two facets or more"
    claim = claimed("2.8 outputs", text, "share of outputs", MOST)
    note = (
        f"A facet: an image in [0, 1] of at least {facets.SHARE:.2g} of the best gain over the blank image; no blend "
        "of two reaches as much, and the contributions of hidden neurons to them have a cosine of at most "
        f"{facets.ORTHOGONAL:g}.{apart}"
    )
    own, name = share(of_outputs), "random directions of the hidden layer"
    found.append(judged(claim, own, share(of_directions), name, own, others=others, note=note))

    def clusters(condition):
        values = record.clusters_of_neurons[:, record.conditions.index(condition)]
        return over_live(record, indicator(values >= 2, values), SIX, condition)

    others = {
        "outputs": share(record.clusters_of_outputs),
        "clusters an output": known_mean(record.clusters_of_outputs, 1),
    }
    text = "The images that a neuron answers to most are of several kinds: their contributions cluster"
    claim = claimed("2.8 images", text, "share of live neurons with two clusters or more", MOST)
    note = (
        f"The best {BEST} test images; clusters by spherical k-means, counted where their mean silhouette is above "
        f"{facets.STRUCTURE:g} and that of Gaussian contributions of the same mean and covariance, at 5 %.{apart}"
    )
    own = clusters(TRAINED)
    found.append(judged(claim, own, clusters(UNTRAINED), UNTRAINED, own, others=others, note=note))
    return found
