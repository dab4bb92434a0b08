"""How many distinct facets does a unit have? Synthetic and real images that activate it for different reasons.

A unit sums contributions: weight · (source on the image − source on the blank image), one per source, where a source is
a unit of the previous layer, a position of a previous channel's map or, for the first layer, a pixel. Their sum is the
image's gain over the blank one. Images are facets of a unit where they activate it through different sources.
`by_maximisers` makes images of high gain with orthogonal contributions; `by_exemplars` looks for clusters in the
contributions of the real images with the highest gain; `of_layer` counts the large orthogonal activation vectors of a
whole layer. Channels, which have a value at each position of a map, have no facets.

There are two controls. A unit that is linear in the pixels has one facet. The number of clusters depends on the images
as well as on the unit: random `directions` in place of the units' weights show how many a random unit would have.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp.analysis import decompositions, facet_starts, silhouettes, spectrum
from jaxinterp.analysis.facet_starts import EXACT, ORTHOGONAL, Images, cosines_of, lengths
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import INPUT, Network, check_pre_activation, check_site, sites, weights_on_input

SHARE = 0.6  # of the best image's gain: a facet has more, and some blend of two facets has at most this much
STRUCTURE = 0.5  # mean silhouette; "reasonable structure" in Kaufman and Rousseeuw 1990
LEAST = 0.05  # smallest share of the exemplars in a cluster
DRAWS = 19  # of the null: by chance the exemplars exceed all draws once in 20 times

_BLENDS = (0.25, 0.5, 0.75)
# With a penalty of 1, a gain along another image's contributions would be worth exactly 0, with no gradient away.
_PENALTY = 2.0
_STEP, _MEMORY = 0.3, 0.8  # of the ascent: first step size, in pixel intensity, and decay of the running mean
_STARTS, _ROUNDS = 4, 10  # of k-means

Cosines = Float[Array, "examples examples"]
Kept = Bool[Array, " examples"]
Directions = Float[Array | np.ndarray, "units sources"]


class Facets(NamedTuple):
    """Images that activate each unit through different sources, sorted by gain; NaN where no further one was found.

    - values: of the unit, in its own scale (gains, for `directions`);
    - shares: gain as a share of the first image's, which is the best found; 0 for a unit that no image activates;
    - overlaps: cosine between two images' contributions;
    - valleys: lowest gain on the straight line between two images, as a share of the best gain;
    - number: of facets, that is, of shares above .6.
    """

    images: Float[Array, "units facets pixels"]
    values: Float[Array, "units facets"]
    shares: Float[Array, "units facets"]
    overlaps: Float[Array, "units facets facets"]
    valleys: Float[Array, "units facets facets"]
    number: Int[Array, " units"]


class LayerFacets(NamedTuple):
    """Images with large and orthogonal activation vectors, largest first; NaN where no further one was found.

    - sizes: Euclidean lengths of the vectors; overlaps: their cosines;
    - number: of vectors whose squared length is more than .6 of the largest;
    - participation: (Σλ)²/Σλ² of the eigenvalues λ of the activations' covariance over the real images: the number of
      directions that would carry the same variance in equal parts; NaN for a constant layer;
    - rank: numerical rank of the same covariance.
    """

    images: Float[Array, "facets pixels"]
    sizes: Float[Array, " facets"]
    overlaps: Float[Array, "facets facets"]
    number: Int[Array, ""]
    participation: Float[Array, ""]
    rank: Int[Array, ""]


class Clusters(NamedTuple):
    """The clusters that each unit's exemplars form; the one with the best exemplar comes first.

    - number: of clusters; 0 for a unit that no image activates more than the blank one;
    - sizes: exemplars per cluster; exemplars: index of the image of highest gain in each, −1 where there is none;
    - silhouette: mean silhouette of the best clustering into 2 or more, whether it counts or not, from −1 to 1;
    - silhouette_null: its mean over draws from one Gaussian; p: share of draws, with the exemplars, that reach it.
    """

    number: Int[Array, " units"]
    sizes: Int[Array, "units facets"]
    exemplars: Int[Array, "units facets"]
    silhouette: Float[Array, " units"]
    silhouette_null: Float[Array, " units"]
    p: Float[Array, " units"]


def by_maximisers(
    key,
    network: Network,
    images: Images,
    *,
    site: Site,
    directions: Directions | None = None,
    k: int = 4,
    restarts: int = 8,
    steps: int = 64,
    chunk: int = 32,
) -> Facets:
    """Up to k images in [0, 1] that activate a unit through different sources.

    The first image is the best; each next one is the best of those distinct from all before it. Two images are distinct
    where the |cosine| of their contributions is at most .3 and some blend of them has a gain of at most .6 of the best.
    A blend activates a unit that is linear in the pixels at least as much as the weaker of the two, so such a unit has
    one facet. In the first layer, orthogonality alone has this effect: two images without a common pixel that raises
    the unit have gains that sum to at most the best, so at most one exceeds half of it.

    The search: in each restart, k images ascend together, and each loses twice its gain along the contributions of the
    images before it. All pixels take steps of equal size along the sign of a running mean of their gradients (signum,
    Bernstein et al. 2018, arXiv 1802.04434) inside [0, 1], and steps shrink. A linear unit reaches its exact optimum,
    others a local one. Images that the search misses are not counted.

    Half of the starts are real images, the others noise. As both may leave all of a unit's sources silent, one more
    restart takes the images of highest gain, with orthogonal contributions, among all real ones and those that would
    raise or lower a hidden unit most if no gate were closed (see `facet_starts.candidates`). A unit without a gain on
    any of them has 0 facets. With one hidden layer, such a unit is dead for certain where none of its sources ever
    changes; otherwise its facets may have been missed.

    images: real ones. directions: weights on the sources in place of the units' own. chunk: units at once; memory is
    about 8 × chunk × restarts × k × pixels and 2 × chunk × images × sources numbers. Raises InputError for a site that
    is not a pre-activation, for a layer norm at it, for channels, and for arguments that do not fit.
    """
    _check_positive(k=k, restarts=restarts, steps=steps)
    blank = _blank(network, images)
    source, weights, bias = _unit_weights(network, blank, site, directions)
    at_blank = _sources(network, blank, source)
    start = facet_starts.drawn(key, images, restarts + 1, k)

    def starts(weight):
        if source == INPUT:  # the unit is linear: every start leads to its optimum
            return start[:-1]
        pool = facet_starts.candidates(network, images, source)
        known = weight * (_sources(network, pool, source) - at_blank)
        return start.at[-1].set(facet_starts.best(pool, jnp.sum(known, axis=-1), known, start[-1]))

    def one(inputs):
        weight, value = inputs

        def measure(images):
            contributions = weight * (_sources(network, images, source) - at_blank)
            return jnp.sum(contributions, axis=-1), contributions

        ends = _ascend(measure, starts(weight), steps)
        chosen, gains, shares, overlaps, valleys = _choose(measure, ends, k, blended=True)
        return Facets(chosen, value + gains, shares, overlaps, valleys, jnp.sum(shares > SHARE))

    return jax.lax.map(one, (weights, bias), batch_size=chunk)


def of_layer(
    key, network: Network, images: Images, *, site: Site, k: int = 4, restarts: int = 8, steps: int = 64
) -> LayerFacets:
    """Up to k images in [0, 1] that make a layer's activation vector large, with orthogonal vectors.

    As `by_maximisers`, with the squared length instead of the gain and activations instead of contributions; blends are
    not tested. images: also those for participation and rank. Raises InputError for an unknown site and for images of
    another size than the network reads.
    """
    _check_positive(k=k, restarts=restarts, steps=steps)
    check_site(network.model, site)
    _blank(network, images)

    def measure(images):
        activations = network.units(images)[site]
        return jnp.sum(activations**2, axis=-1), activations

    start = facet_starts.drawn(key, images, restarts + 1, k)
    pool = facet_starts.candidates(network, images, site)
    best = facet_starts.best(pool, *measure(pool), start[-1])
    ends = _ascend(measure, start.at[-1].set(best), steps)
    chosen, squares, shares, overlaps, _ = _choose(measure, ends, k, blended=False)
    real = network.units(images)[site]
    scales = decompositions.singular_values(real - jnp.mean(real, axis=0))
    rank = jnp.sum(scales > scales[0] * max(real.shape) * jnp.finfo(real.dtype).eps)
    variances = (scales / jnp.where(scales[0] > 0, scales[0], jnp.nan)) ** 2
    participation = spectrum.participation_ratio(variances)
    return LayerFacets(chosen, jnp.sqrt(squares), overlaps, jnp.sum(shares > SHARE), participation, rank)


def by_exemplars(
    key,
    network: Network,
    images: Images,
    *,
    site: Site,
    directions: Directions | None = None,
    top: int = 100,
    k: int = 4,
    chunk: int = 16,
) -> Clusters:
    """Clusters of the `top` real images with the highest gain, by the directions of their contributions.

    Spherical k-means (Dhillon and Modha 2001) into 2 to k clusters. Among the clusterings in which each cluster has at
    least 5 % of the exemplars, the one with the highest mean silhouette by cosine distance (Rousseeuw 1987) is chosen.
    It counts where its silhouette is at least ½, that is, members of a cluster are half as far as those of the next
    one, and exceeds that of each of 19 samples of the same size from a Gaussian with the exemplars' mean and
    covariance, clustered in the same way (p = .05). Otherwise there is one cluster. Images that do not activate the
    unit more than the blank one are no exemplars.

    Contributions of few sources that are far from Gaussian, such as heavy tails along two or three axes, count as
    clusters. directions: weights on the sources in place of the units' own. chunk: units at once; memory is about chunk
    × top × (sources + 100 top) numbers. Raises InputError as `by_maximisers` does, and for k below 2.
    """
    if k < 2:
        raise InputError(f"k is {k}: use 2 or more clusters")
    if not 1 <= top <= len(images):
        raise InputError(f"top is {top}: use 1 to {len(images)}, the number of images")
    blank = _blank(network, images)
    source, weights, _ = _unit_weights(network, blank, site, directions)
    change = _sources(network, images, source) - _sources(network, blank, source)
    gains, chosen = jax.lax.top_k(jnp.matmul(weights, change.T, precision=EXACT), top)
    # All units share the random draws, as they share the starts of `by_maximisers`, so only the units differ.
    draw, start = jax.random.split(key)
    normal, noise = jax.random.normal(draw, (DRAWS, top, top)), jax.random.gumbel(start, (_STARTS, k, top))

    def one(inputs):
        weight, gains, chosen = inputs
        number, group, *scores = _clusters(weight * change[chosen], gains > 0, normal, noise)
        members = group == jnp.arange(k)[:, None]
        best = jnp.where(jnp.any(members, axis=1), jnp.argmax(members, axis=1), top)
        order = jnp.argsort(best)
        exemplars = jnp.append(chosen, -1)[best[order]]
        return Clusters(number, jnp.sum(members, axis=1)[order], exemplars, *scores)

    return jax.lax.map(one, (weights, gains, chosen), batch_size=chunk)


def _clusters(
    vectors: Float[Array, "examples sources"],
    kept: Kept,
    normal: Float[Array, "draws examples examples"],
    noise: Float[Array, "starts clusters examples"],
):
    """The number of clusters by the rule of `by_exemplars`, each vector's cluster (−1: not kept), and the scores."""
    n = jnp.sum(kept)
    vectors = jnp.where(kept[:, None], vectors, 0.0)
    largest = jnp.max(jnp.abs(vectors))
    vectors = vectors / jnp.where(largest > 0, largest, 1.0)
    # All computations use inner products, so that their cost does not depend on the number of sources.
    products = jnp.matmul(vectors, vectors.T, precision=EXACT)
    normal = normal * kept
    centred = normal - kept * jnp.sum(normal, axis=-1, keepdims=True) / jnp.maximum(n, 1)
    # Each row mixes the vectors into their mean plus a normal deviate with their covariance.
    mixing = kept[:, None] * (centred / jnp.sqrt(jnp.maximum(n - 1, 1)) + kept / jnp.maximum(n, 1))
    null = jnp.matmul(jnp.matmul(mixing, products, precision=EXACT), jnp.swapaxes(mixing, 1, 2), precision=EXACT)

    samples = jnp.concatenate([products[None], null])
    scores, counts, groups = jax.vmap(lambda sample: _best_clusters(noise, cosines_of(sample), kept))(samples)
    p = (1 + jnp.sum(scores[1:] >= scores[0])) / (DRAWS + 1)
    several = (scores[0] >= STRUCTURE) & jnp.all(scores[0] > scores[1:])
    group = jnp.where(kept, jnp.where(several, groups[0], 0), -1)
    return jnp.where(several, counts[0], jnp.minimum(n, 1)), group, scores[0], jnp.mean(scores[1:]), p


def _ascend(measure: Callable, start: Float[Array, "restarts facets pixels"], steps: int):
    """The images "pool pixels" at the end of the ascent, in which each avoids those before it, and the last starts."""
    _, k, pixels = start.shape
    before = jnp.tril(jnp.ones((k, k)), -1)

    def worth(images):
        gains, vectors = measure(images)
        # An image ignores those after it, so the first image of a restart seeks the best.
        fixed, length = jax.lax.stop_gradient((vectors, lengths(vectors)))
        along = jnp.abs(jnp.einsum("ris,rjs->rij", vectors, fixed / length, precision=EXACT))
        shared = along * jax.lax.stop_gradient(jnp.maximum(gains, 0) / length[..., 0])[:, None]
        return jnp.sum(gains) - _PENALTY * jnp.sum(before * shared)

    def step(state, time):
        images, slope = state
        slope = _MEMORY * slope + (1 - _MEMORY) * jax.grad(worth)(images)
        # Pixels without a slope move down: pixels that make no difference end at 0.
        moved = images + _STEP * (1 - time / steps) * jnp.where(slope > 0, 1, -1)
        return (jnp.clip(moved, 0, 1), slope), None

    (images, _), _ = jax.lax.scan(step, (start, jnp.zeros_like(start)), jnp.arange(steps))
    # Steps are too large for a narrow peak: the best images that were known before are kept.
    return jnp.concatenate([images, start[-1:]]).reshape(-1, pixels)


def _choose(measure: Callable, pool: Float[Array, "pool pixels"], k: int, *, blended: bool):
    """The best image of the pool and k − 1 that are distinct from it: images, gains, shares, overlaps and valleys."""
    gains, vectors = measure(pool)
    vectors = vectors / lengths(vectors)
    best = jnp.max(gains)
    best = jnp.where(best > 0, best, jnp.inf)
    share = gains / best
    part = jnp.array(_BLENDS)[:, None, None]

    def lowest(index):
        between = measure((1 - part) * pool[index] + part * pool)[0]
        return jnp.minimum(jnp.min(between, axis=0) / best, jnp.minimum(share, share[index]))

    def pick(allowed, _):
        index = jnp.argmax(jnp.where(allowed, gains, -jnp.inf))
        overlap = jnp.matmul(vectors, vectors[index], precision=EXACT)
        valley = lowest(index) if blended else jnp.zeros_like(share)
        distinct = (jnp.abs(overlap) <= ORTHOGONAL) & (valley <= SHARE)
        remaining = allowed & distinct & (jnp.arange(len(pool)) != index)
        return remaining, (index, jnp.any(allowed), overlap, valley)

    _, (indices, exists, overlaps, valleys) = jax.lax.scan(pick, jnp.ones(len(pool), bool), length=k)
    both = exists[:, None] & exists
    single = (jnp.where(exists, values[indices], jnp.nan) for values in (gains, share))
    paired = (jnp.where(both, values[:, indices], jnp.nan) for values in (overlaps, valleys))
    return jnp.where(exists[:, None], pool[indices], jnp.nan), *single, *paired


def _best_clusters(noise: Float[Array, "starts clusters examples"], cosines: Cosines, kept: Kept):
    """The clustering into 2 to k clusters with the highest silhouette: its silhouette, number and assignment."""
    starts, k, _ = noise.shape
    counts = jnp.arange(2, k + 1)
    # Counts and starts are one axis: XLA's products for CPUs of some kinds crash where tensors have many.
    tried = jnp.tile(noise, (k - 1, 1, 1)), jnp.repeat(counts, starts)
    groups, tightness = jax.vmap(lambda noise, count: _k_means(noise, cosines, kept, count))(*tried)
    groups, tightest = groups.reshape(k - 1, starts, -1), jnp.argmax(tightness.reshape(k - 1, starts), axis=1)

    def score(count, group):
        sizes = jnp.sum(jnp.where(kept[:, None], jax.nn.one_hot(group, k), 0.0), axis=0)
        smallest = jnp.min(jnp.where(jnp.arange(k) < count, sizes, jnp.inf))
        found = silhouettes.of_distances(1 - cosines, group, classes=k, kept=kept)
        score = jnp.sum(found) / jnp.maximum(jnp.sum(kept), 1)
        return jnp.where(smallest >= jnp.maximum(LEAST * jnp.sum(kept), 1), score, -1.0)

    groups = groups[jnp.arange(k - 1), tightest]
    scores = jax.vmap(score)(counts, groups)
    best = jnp.argmax(scores)
    return scores[best], 2 + best, groups[best]


def _k_means(noise: Float[Array, "clusters examples"], cosines: Cosines, kept: Kept, count: Int[Array, ""]):
    """The nearest centre of each vector, and the sum of cosines with it, from the initial centres of k-means++.

    Arthur and Vassilvitskii 2007: each next centre is drawn with a probability that grows with its distance from those
    before it, here as the highest of log probability + Gumbel noise.
    """
    k = len(noise)

    def draw(near, noise):
        centre = jnp.argmax(jnp.where(kept, jnp.log(jnp.maximum(1 - near, 1e-6)) + noise, -jnp.inf))
        return jnp.maximum(near, cosines[centre]), centre

    _, centres = jax.lax.scan(draw, jnp.full(len(cosines), -1.0), noise)
    active = jnp.arange(k) < count

    def move(near, _):
        members = jnp.where(kept[:, None], jax.nn.one_hot(jnp.argmax(near, axis=-1), k), 0.0)
        total = jnp.matmul(cosines, members, precision=EXACT)
        squares = jnp.sum(members * total, axis=0)
        known = active & (squares > 0)
        return jnp.where(known, total / jnp.sqrt(jnp.where(known, squares, 1.0)), -jnp.inf), None

    near, _ = jax.lax.scan(move, jnp.where(active, cosines[:, centres], -jnp.inf), length=_ROUNDS)
    return jnp.argmax(near, axis=-1), jnp.sum(jnp.where(kept, jnp.max(near, axis=-1), 0.0))


def _unit_weights(network: Network, blank: Float[Array, " pixels"], site: Site, directions: Directions | None):
    """The source site of the units, their weights "units sources" on it, and their values on the blank image."""
    check_pre_activation(network.model, site)
    names = sites(network.model)
    source = names[names.index(site) - 1]
    if directions is None:
        return source, weights_on_input(network, site=site), network(blank)[1][site]
    if (given := directions.shape[-1]) != (needed := _sources(network, blank, source).shape[-1]):
        raise InputError(f"directions of {given} sources do not fit {source}: use {needed} sources")
    return source, jnp.asarray(directions), jnp.zeros(len(directions))


def _sources(
    network: Network, images: Float[Array | np.ndarray, "*batch pixels"], source: Site
) -> Float[Array, "*batch sources"]:
    """The values of all sources on images; feature maps are flattened."""
    values = network(images)[1][source]
    return values.reshape(*images.shape[:-1], -1)


def _blank(network: Network, images: Images) -> Float[Array, " pixels"]:
    if images.shape[-1] != network.pixels:
        raise InputError(f"the network needs images of {network.pixels} pixels, got images of {images.shape[-1]}")
    return jnp.zeros(network.pixels)


def _check_positive(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"{name} is {count}: use 1 or more")
