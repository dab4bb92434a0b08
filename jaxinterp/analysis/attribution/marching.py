"""What is the mean gradient along a line, where a network is linear in pieces? Found by going from piece to piece.

For every network of linear pieces, with maximum pooling too. A piece ends where a unit's activation function bends or
where another position of a square takes over its maximum; both are roots of linear functions of the position.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxinterp.analysis.attribution.folding import linear_pieces
from jaxinterp.analysis.attribution.maps import by_state, value
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, has_maps, norm_over_units, sites
from jaxinterp.networks.steps import Pooling

# How far behind a break the next piece is looked at, as a share of the line. Shorter pieces are not seen: rounding
# already moves breaks by about as much.
_BEHIND = 1e-6
Image = Float[Array, " pixels"]


def mean_gradients(
    network: Network,
    starts: Float[Array, "examples pixels"],
    ends: Float[Array, "examples pixels"],
    units: Int[Array, " examples"],
    *,
    site: Site,
    chunk: int,
) -> Float[Array, "examples pixels"]:
    """The mean gradient of each example's unit by the pixels, over the straight line from its start to its end.

    chunk: examples at once; time grows with the number of pieces. Raises InputError for activation functions that are
    not linear in pieces, and for norms over units.
    """
    _check(network, "integrated_gradients")

    def of_line(line):
        start, end, unit = line

        def explained(image):
            return value(network, image[None], unit[None], site)[0]

        return _integral(network, start, end - start, site, jax.grad(explained))

    return jax.lax.map(of_line, (starts, ends, units), batch_size=chunk)


def conductances(
    network: Network,
    starts: Float[Array, "examples pixels"],
    ends: Float[Array, "examples pixels"],
    units: Int[Array, " examples"],
    *,
    through: Site,
    site: Site,
    chunk: int,
) -> Float[Array, "examples hidden"]:
    """The part of each example's gain along its line that passes through each unit of an earlier site.

    Summed over a channel's map, in units of the site. chunk and errors as for `mean_gradients`.
    """
    _check(network, "conductance")

    def of_line(line):
        start, end, unit = line
        shift = end - start

        def rate(image):
            passed, moved = jax.jvp(lambda image: network(image[None])[1][through], (image,), (shift,))
            found = (moved * by_state(network, image[None], unit[None], site, through)(passed))[0]
            return jnp.sum(found, axis=(0, 1)) if has_maps(network.model, through) else found

        return _integral(network, start, shift, site, rate)

    return jax.lax.map(of_line, (starts, ends, units), batch_size=chunk)


def break_count(network: Network, *, site: Site) -> int:
    """How many numbers of the network end a piece where they change sign; most lines have fewer pieces than that."""
    image = jax.ShapeDtypeStruct((network.pixels,), jnp.float32)
    return jax.eval_shape(lambda image: _margins(network, image, site), image).size


def _check(network: Network, instead: str) -> None:
    linear_pieces(network)
    if norm_over_units(network.model):
        raise InputError(f"a norm over units is not linear in pieces: use {instead}")


def _integral(network: Network, start: Image, shift: Image, site: Site, rate: Callable) -> Float[Array, " entries"]:
    """The integral along a line, of length 1, of a function of images that is constant on each piece up to the site."""

    def step(state):
        position, total = state
        here = position + _BEHIND
        margins, slopes = jax.jvp(lambda t: _margins(network, start + t * shift, site), (here,), (jnp.ones(()),))
        crosses = slopes != 0
        ahead = jnp.where(crosses, -margins / jnp.where(crosses, slopes, 1), jnp.inf)
        reached = jnp.minimum(here + jnp.min(jnp.where(ahead > 0, ahead, jnp.inf), initial=1.0), 1.0)
        reached = jnp.maximum(reached, here)  # rounding must not hold it up
        found = rate(start + jnp.minimum(here, 1.0) * shift)
        return reached, total + (jnp.minimum(reached, 1.0) - position) * found

    entries = jax.eval_shape(rate, start)
    start_state = jnp.zeros(()), jnp.zeros(entries.shape, entries.dtype)
    return jax.lax.while_loop(lambda state: state[0] < 1.0, step, start_state)[1]


def _margins(network: Network, image: Image, site: Site) -> Float[Array, " margins"]:
    """What is 0 at a break: every activation function's input, and how far a square's values are from its maximum.

    Of what the site depends on.
    """
    _, activations = network(image)
    every = sites(network.model)
    before = dict(zip(every[1:], every, strict=False))
    reached = every[: every.index(site)]
    found = [jnp.zeros(0), *(activations[layer.pre].ravel() for layer in network.model.layers if layer.pre in reached)]
    for step in network.model.steps[: every.index(site)]:
        pooling = step.operations[-1]
        if isinstance(pooling, Pooling) and pooling.kind == "max":
            maps = activations[before[step.site]]
            rows, columns = (side // pooling.size for side in maps.shape[:2])
            cut = maps[: rows * pooling.size, : columns * pooling.size]
            squares = cut.reshape(rows, pooling.size, columns, pooling.size, -1)
            found.append((jnp.max(squares, axis=(1, 3), keepdims=True) - squares).ravel())
    return jnp.concatenate(found)
