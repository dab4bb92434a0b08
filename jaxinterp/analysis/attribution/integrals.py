"""How much of a unit's value does each pixel, or each unit on the way, account for, against a baseline image?

The gradient is averaged over the straight line from the baseline to the image (Sundararajan et al. 2017, arXiv
1703.01365), so that attributions add up to what the unit gains on the way. On the line what enters the first layer
moves linearly: gradients are taken there alone, and pushed to the pixels once. `baseline` is one intensity, one image,
or one for every image. Raises InputError for a baseline of another shape, and for sites and units as `gradient` does.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis.attribution.folding import EXACT, Affine, Pieces, folded, layer_of, linear_pieces
from jaxinterp.analysis.attribution.maps import Images, Units, by_state, entry, explained, to_pixels
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site, replace
from jaxinterp.networks import Network, check_site, sites

Baseline = float | int | Float[Array | np.ndarray, "..."]


def integrated_gradients(
    network: Network,
    images: Images,
    units: Units,
    *,
    site: Site = "logits",
    baseline: Baseline = 0.0,
    steps: int = 64,
) -> Float[Array, "examples pixels"]:
    """Integrated gradients, in units of the site, by Gauss and Legendre's quadrature with `steps` nodes.

    A smooth network's are complete to rounding after a few dozen steps; a ReLU network's gradient jumps on the way, so
    that the error falls only as 1/steps: there `exact_integrated_gradients` is better, and often faster.
    """
    asked = explained(network, images, units, site)
    images, blank = ends(images, baseline)
    start = entry(network)
    state, shift = _line(network, images, blank, start)
    slope = by_state(network, images, asked, site, start)

    def add(total, node):
        place, weight = node
        return total + weight * slope(state + place * shift), None

    mean, _ = jax.lax.scan(add, jnp.zeros_like(shift), _nodes(steps, shift.dtype))
    return (images - blank) * to_pixels(network, mean, start)


def conductance(
    network: Network,
    images: Images,
    units: Units,
    *,
    through: Site,
    site: Site = "logits",
    baseline: Baseline = 0.0,
    steps: int = 64,
) -> Float[Array, "examples hidden"]:
    """What of the explained unit's gain passes through each unit of an earlier site, in units of the explained one.

    ∫ (∂value/∂unit)(d unit/dt) dt along the line, by the same quadrature; Σ over units is the gain (Dhamdhere et al.
    2018, arXiv 1805.12233). Raises InputError also for a `through` that is not between the pixels and the site.
    """
    asked = explained(network, images, units, site)
    _check_through(network, through, site)
    images, blank = ends(images, baseline)
    start = entry(network)
    state, shift = _line(network, images, blank, start)
    slope = by_state(network, images, asked, site, through)

    def add(total, node):
        place, weight = node
        passed, moved = jax.jvp(
            lambda state: network(images, {start: replace(state)})[1][through], (state + place * shift,), (shift,)
        )
        return total + weight * moved * slope(passed), None

    width = network.model.widths[layer_of(network, through)]
    zeros = jnp.zeros((images.shape[0], width), shift.dtype)
    return jax.lax.scan(add, zeros, _nodes(steps, shift.dtype))[0]


def exact_integrated_gradients(
    network: Network,
    images: Images,
    units: Units,
    *,
    site: Site = "logits",
    baseline: Baseline = 0.0,
    chunk: int = 16,
) -> Float[Array, "examples pixels"]:
    """Integrated gradients of a piecewise linear network to rounding, in units of the site: between break points.

    For activation functions with `slopes` in `choices.ACTIVATIONS`, such as ReLU. The line is cut where the input of a
    unit of the first layer changes sign, each piece where one of the next does, and so on up to the last hidden layer,
    whose gradients have a mean in closed form. chunk: images at once; memory and time grow as images × units of the
    last hidden layer but one × Π (1 + units) over the hidden layers but the last. Raises InputError also for other
    activation functions, and for norms over units.
    """
    pieces = linear_pieces(network)
    if pieces.below == pieces.above:
        return integrated_gradients(network, images, units, site=site, baseline=baseline, steps=1)
    asked = explained(network, images, units, site)
    images, blank = ends(images, baseline)
    (kernel, bias), *rest = folded(network, site=site)
    start, end = (jnp.matmul(x, kernel, precision=EXACT) + bias for x in (blank, images))

    def mean(ends):
        return _mean_gradient(pieces, rest, *ends)

    mean_gradients = jax.lax.map(mean, (asked, jnp.broadcast_to(start, end.shape), end), batch_size=chunk)
    return (images - blank) * jnp.matmul(mean_gradients, kernel.T, precision=EXACT)


def exact_conductance(
    network: Network,
    images: Images,
    units: Units,
    *,
    through: Site,
    site: Site = "logits",
    baseline: Baseline = 0.0,
    chunk: int = 16,
) -> Float[Array, "examples hidden"]:
    """`conductance` of a piecewise linear network to rounding, between `exact_integrated_gradients`' break points.

    It is the same through "/pre", "/post" and "/norm" of a layer. Raises InputError as both of these do.
    """
    pieces = linear_pieces(network)
    if pieces.below == pieces.above:
        return conductance(network, images, units, through=through, site=site, baseline=baseline, steps=1)
    asked = explained(network, images, units, site)
    _check_through(network, through, site)
    images, blank = ends(images, baseline)
    (kernel, bias), *rest = folded(network, site=site)
    start, end = (jnp.matmul(x, kernel, precision=EXACT) + bias for x in (blank, images))

    def passed(ends):
        return _passed(pieces, rest, layer_of(network, through), *ends)

    return jax.lax.map(passed, (asked, jnp.broadcast_to(start, end.shape), end), batch_size=chunk)


def _mean_gradient(pieces: Pieces, layers: Sequence[Affine], unit, start, end):
    """The mean gradient, by what enters an activation function, along straight lines "... units" from start to end."""
    if not layers:
        return jnp.broadcast_to(jax.nn.one_hot(unit, end.shape[-1], dtype=end.dtype), end.shape)
    (kernel, _), *rest = layers
    if not rest:
        return _slope(pieces, start, end) * kernel[:, unit]
    lengths, before, after = _cut(pieces, layers[0], start, end)
    upstream = _mean_gradient(pieces, rest, unit, after[..., :-1, :], after[..., 1:, :])
    gates = _slope(pieces, before[..., :-1, :], before[..., 1:, :])
    return jnp.sum(lengths * gates * jnp.matmul(upstream, kernel.T, precision=EXACT), axis=-2)


def _passed(pieces: Pieces, layers: Sequence[Affine], depth: int, unit, start, end):
    """What passes through each unit of the hidden layer `depth` layers on, along the same lines."""
    (kernel, _), *rest = layers
    if not rest:
        return (pieces.function(end) - pieces.function(start)) * kernel[:, unit]
    _, before, after = _cut(pieces, layers[0], start, end)
    ends = after[..., :-1, :], after[..., 1:, :]
    if depth:
        return jnp.sum(_passed(pieces, rest, depth - 1, unit, *ends), axis=-2)
    upstream = _mean_gradient(pieces, rest, unit, *ends)
    gained = jnp.diff(pieces.function(before), axis=-2)
    return jnp.sum(gained * jnp.matmul(upstream, kernel.T, precision=EXACT), axis=-2)


def _cut(pieces: Pieces, layer: Affine, start, end):
    """Lines cut where units change sign: pieces' lengths, and what enters this layer and the next at their ends."""
    kernel, bias = layer
    crossing = (start > 0) != (end > 0)
    # Shapes cannot depend on how many units change sign: one that does not cuts off a piece of no length, at the end.
    cuts = jnp.sort(jnp.where(crossing, start / jnp.where(crossing, start - end, 1), 1), axis=-1)
    side = (*cuts.shape[:-1], 1)
    edges = jnp.concatenate([jnp.zeros(side, cuts.dtype), cuts, jnp.ones(side, cuts.dtype)], axis=-1)[..., None]
    before = (1 - edges) * start[..., None, :] + edges * end[..., None, :]
    return jnp.diff(edges, axis=-2), before, jnp.matmul(pieces.function(before), kernel, precision=EXACT) + bias


def _slope(pieces: Pieces, start, end):
    """The activation function's mean derivative between two points: its rise over the run."""
    flat = start == end
    rise = pieces.function(end) - pieces.function(start)
    return jnp.where(flat, pieces.slope(end), rise / jnp.where(flat, 1, end - start))


def ends(images: Images, baseline: Baseline):
    """Images, and the baseline as "1 pixels" or an image each."""
    images, blank = jnp.asarray(images), jnp.asarray(baseline, jnp.asarray(images).dtype)
    if blank.shape not in ((), images.shape[1:], images.shape):
        raise InputError(f"a baseline is one intensity, one image or one an image {images.shape}, got {blank.shape}")
    return images, jnp.broadcast_to(blank, (len(images) if blank.ndim == 2 else 1, images.shape[1]))


def _line(network: Network, images, blank, start: Site):
    """Activations at a site where the line begins, and how far they are from where it ends."""
    begin, end = (network(x)[1][start] for x in (blank, images))
    return begin, end - begin


def _nodes(steps: int, dtype):
    """Places on the line from 0 to 1, and weights that add up to 1."""
    if steps < 1:
        raise InputError(f"an integral takes 1 step or more, got {steps}")
    places, weights = np.polynomial.legendre.leggauss(steps)
    return jnp.asarray((places + 1) / 2, dtype), jnp.asarray(weights / 2, dtype)


def _check_through(network: Network, through: Site, site: Site) -> None:
    check_site(network.model, through)
    every = sites(network.model)
    if not 0 < every.index(through) < every.index(site):
        raise InputError(f"choose a hidden site before {site} to pass through, not {through}")
