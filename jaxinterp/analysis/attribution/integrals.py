"""How much of a unit's value is due to each pixel, or to each unit on the way, relative to a baseline image?

The gradient is averaged over the straight line from the baseline to the image (Sundararajan et al. 2017, arXiv
1703.01365), so that attributions add up to the unit's gain over the baseline. The input of the first layer changes
linearly on that line, so gradients are taken there only and multiplied by the first layer's weights once. `baseline` is
one intensity, one image, or one image per input. Raises InputError for a baseline of another shape, and for sites and
units as `gradient` does.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis.attribution import marching
from jaxinterp.analysis.attribution.folding import Pieces, is_piecewise_linear, linear_pieces
from jaxinterp.analysis.attribution.maps import Images, Units, by_state, entry, explained, to_pixels
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site, replace
from jaxinterp.networks import (
    EXACT,
    LOGITS,
    MLP,
    Affine,
    Network,
    check_site,
    convolves,
    depth,
    folded,
    has_maps,
    sites,
    unit_count,
)

_MOST_PIECES = 10**7  # numbers that are held of one image where its line is cut layer by layer
_MOST_BREAKS = 50_000  # that a line may have for the exact methods to be cheap: half a minute for one network
Baseline = float | int | Float[Array | np.ndarray, "..."]


def integrated_gradients(
    network: Network,
    images: Images,
    units: Units,
    *,
    site: Site = LOGITS,
    baseline: Baseline = 0.0,
    steps: int = 64,
) -> Float[Array, "examples pixels"]:
    """Integrated gradients, in units of the site, by Gauss–Legendre quadrature with `steps` nodes.

    For a smooth network they are complete up to rounding after a few dozen steps. The gradient of a ReLU network jumps
    on the line, so the error falls only as 1/steps: use `exact_integrated_gradients`, which is often faster too.
    """
    explained_units = explained(network, images, units, site)
    images, blank = ends(images, baseline)
    start = entry(network)
    state, shift = _line(network, images, blank, start)
    slope = by_state(network, images, explained_units, site, start)

    def add(total, node):
        position, weight = node
        return total + weight * slope(state + position * shift), None

    mean, _ = jax.lax.scan(add, jnp.zeros_like(shift), _nodes(steps, shift.dtype))
    return (images - blank) * to_pixels(network, mean, start)


def conductance(
    network: Network,
    images: Images,
    units: Units,
    *,
    through: Site,
    site: Site = LOGITS,
    baseline: Baseline = 0.0,
    steps: int = 64,
) -> Float[Array, "examples hidden"]:
    """The part of the explained unit's gain that passes through each unit of an earlier site.

    In units of the explained one: ∫ (∂value/∂unit)(d unit/dt) dt along the line, by the same quadrature. The sum over
    units is the gain (Dhamdhere et al. 2018, arXiv 1805.12233). Raises InputError also for a `through` that is not
    between the pixels and the site.
    """
    explained_units = explained(network, images, units, site)
    _check_through(network, through, site)
    images, blank = ends(images, baseline)
    start = entry(network)
    state, shift = _line(network, images, blank, start)
    slope = by_state(network, images, explained_units, site, through)

    def add(total, node):
        position, weight = node
        passed, moved = jax.jvp(
            lambda state: network(images, {start: replace(state)})[1][through], (state + position * shift,), (shift,)
        )
        found = moved * slope(passed)
        found = jnp.sum(found, axis=(1, 2)) if has_maps(network.model, through) else found
        return total + weight * found, None

    zeros = jnp.zeros((images.shape[0], unit_count(network.model, through, network.pixels)), shift.dtype)
    return jax.lax.scan(add, zeros, _nodes(steps, shift.dtype))[0]


def exact_integrated_gradients(
    network: Network,
    images: Images,
    units: Units,
    *,
    site: Site = LOGITS,
    baseline: Baseline = 0.0,
    chunk: int = 16,
) -> Float[Array, "examples pixels"]:
    """Integrated gradients of a piecewise linear network, exact up to rounding, in units of the site.

    For activation functions with `slopes` in `choices.ACTIVATIONS`, such as ReLU. They are integrated between break
    points. The line is cut where the input of a unit of the first layer changes sign, each piece where one of the next
    layer does, and so on up to the last hidden layer, whose gradients have a mean in closed form. chunk: images at
    once; memory and time grow as images × units of the last hidden layer but one × Π (1 + units) over the hidden layers
    but the last. With convolutions, or where that would be much for one image, the line is followed from piece to piece
    instead (`marching`): memory is that of a few passes, and time grows with the pieces. Raises InputError also for
    other activation functions, and for norms over units.
    """
    pieces = linear_pieces(network)
    explained_units = explained(network, images, units, site)
    images, blank = ends(images, baseline)
    if _is_marched(network.model, site):
        return (images - blank) * marching.mean_gradients(
            network, jnp.broadcast_to(blank, images.shape), images, explained_units, site=site, chunk=chunk
        )
    if pieces.below == pieces.above:
        return integrated_gradients(network, images, units, site=site, baseline=baseline, steps=1)
    (kernel, bias), *rest = folded(network, site=site)
    start, end = (jnp.matmul(x, kernel, precision=EXACT) + bias for x in (blank, images))

    def mean(ends):
        return _mean_gradient(pieces, rest, *ends)

    mean_gradients = jax.lax.map(mean, (explained_units, jnp.broadcast_to(start, end.shape), end), batch_size=chunk)
    return (images - blank) * jnp.matmul(mean_gradients, kernel.T, precision=EXACT)


def exact_conductance(
    network: Network,
    images: Images,
    units: Units,
    *,
    through: Site,
    site: Site = LOGITS,
    baseline: Baseline = 0.0,
    chunk: int = 16,
) -> Float[Array, "examples hidden"]:
    """`conductance` of a piecewise linear network, exact up to rounding, by `exact_integrated_gradients`' break points.

    It is the same through "/pre", "/post", "/norm" and "/pool" of a layer. Raises InputError as these two functions do.
    """
    pieces = linear_pieces(network)
    explained_units = explained(network, images, units, site)
    _check_through(network, through, site)
    images, blank = ends(images, baseline)
    if _is_marched(network.model, site):
        starts = jnp.broadcast_to(blank, images.shape)
        return marching.conductances(network, starts, images, explained_units, through=through, site=site, chunk=chunk)
    if pieces.below == pieces.above:
        return conductance(network, images, units, through=through, site=site, baseline=baseline, steps=1)
    (kernel, bias), *rest = folded(network, site=site)
    start, end = (jnp.matmul(x, kernel, precision=EXACT) + bias for x in (blank, images))

    def passed(ends):
        return _passed(pieces, rest, depth(network.model, through), *ends)

    return jax.lax.map(passed, (explained_units, jnp.broadcast_to(start, end.shape), end), batch_size=chunk)


def exact_is_cheap(network: Network, *, site: Site = LOGITS) -> bool:
    """Whether the exact methods can explain a unit of the site, in half a minute for one image and network or less."""
    if not is_piecewise_linear(network.model):
        return False
    return not _is_marched(network.model, site) or marching.break_count(network, site=site) <= _MOST_BREAKS


def _is_marched(model: MLP, site: Site) -> bool:
    counts = [layer.units for layer in model.layers[: depth(model, site)]]
    pieces = math.prod(1 + units for units in counts[:-1]) * max((*counts[-2:-1], 1))
    return convolves(model) or pieces >= _MOST_PIECES


def _mean_gradient(pieces: Pieces, layers: Sequence[Affine], unit, start, end):
    """The mean gradient with respect to an activation function's input, along lines "... units" from start to end."""
    if not layers:
        return jnp.broadcast_to(jax.nn.one_hot(unit, end.shape[-1], dtype=end.dtype), end.shape)
    (kernel, _), *rest = layers
    if not rest:
        return _slope(pieces, start, end) * kernel[:, unit]
    lengths, before, after = _cut(pieces, layers[0], start, end)
    upstream = _mean_gradient(pieces, rest, unit, after[..., :-1, :], after[..., 1:, :])
    gates = _slope(pieces, before[..., :-1, :], before[..., 1:, :])
    return jnp.sum(lengths * gates * jnp.matmul(upstream, kernel.T, precision=EXACT), axis=-2)


def _passed(pieces: Pieces, layers: Sequence[Affine], later: int, unit, start, end):
    """The part that passes through each unit of the hidden layer so many layers `later`, along the same lines."""
    (kernel, _), *rest = layers
    if not rest:
        return (pieces.function(end) - pieces.function(start)) * kernel[:, unit]
    _, before, after = _cut(pieces, layers[0], start, end)
    ends = after[..., :-1, :], after[..., 1:, :]
    if later:
        return jnp.sum(_passed(pieces, rest, later - 1, unit, *ends), axis=-2)
    upstream = _mean_gradient(pieces, rest, unit, *ends)
    gained = jnp.diff(pieces.function(before), axis=-2)
    return jnp.sum(gained * jnp.matmul(upstream, kernel.T, precision=EXACT), axis=-2)


def _cut(pieces: Pieces, layer: Affine, start, end):
    """Lines cut where units change sign: lengths of the pieces, and this and the next layer's inputs at their ends."""
    kernel, bias = layer
    crossing = (start > 0) != (end > 0)
    # Shapes cannot depend on the number of crossings: a unit without one cuts off a piece of length 0 at the end.
    cuts = jnp.sort(jnp.where(crossing, start / jnp.where(crossing, start - end, 1), 1), axis=-1)
    side = (*cuts.shape[:-1], 1)
    edges = jnp.concatenate([jnp.zeros(side, cuts.dtype), cuts, jnp.ones(side, cuts.dtype)], axis=-1)[..., None]
    before = (1 - edges) * start[..., None, :] + edges * end[..., None, :]
    return jnp.diff(edges, axis=-2), before, jnp.matmul(pieces.function(before), kernel, precision=EXACT) + bias


def _slope(pieces: Pieces, start, end):
    """The activation function's mean derivative between two points: rise over run."""
    flat = start == end
    rise = pieces.function(end) - pieces.function(start)
    return jnp.where(flat, pieces.slope(end), rise / jnp.where(flat, 1, end - start))


def ends(images: Images, baseline: Baseline):
    """The images, and the baseline as "1 pixels" or one image per input."""
    images, blank = jnp.asarray(images), jnp.asarray(baseline, jnp.asarray(images).dtype)
    if blank.shape not in ((), images.shape[1:], images.shape):
        raise InputError(
            f"baseline must be a scalar, one image, or one image per input of shape {images.shape}; "
            f"got shape {blank.shape}"
        )
    return images, jnp.broadcast_to(blank, (len(images) if blank.ndim == 2 else 1, images.shape[1]))


def _line(network: Network, images, blank, start: Site):
    """The activations of a site at the start of the line, and their change along it."""
    begin, end = (network(x)[1][start] for x in (blank, images))
    return begin, end - begin


def _nodes(steps: int, dtype):
    """Positions on the line from 0 to 1, and weights that sum to 1."""
    if steps < 1:
        raise InputError(f"steps is {steps}: use 1 or more")
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return jnp.asarray((nodes + 1) / 2, dtype), jnp.asarray(weights / 2, dtype)


def _check_through(network: Network, through: Site, site: Site) -> None:
    check_site(network.model, through)
    every = sites(network.model)
    if not 0 < every.index(through) < every.index(site):
        raise InputError(f"through must be a hidden site before {site}, got {through}")
