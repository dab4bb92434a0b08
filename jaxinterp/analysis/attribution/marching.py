"""What is the mean gradient along a line, where a network is linear in pieces? Found by going from piece to piece.

For every network of linear pieces, with maximum pooling too. A piece ends where a unit's activation function bends or
where another position of a square takes over its maximum; both are roots of linear functions of the position.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxinterp.analysis.attribution.folding import linear_pieces
from jaxinterp.analysis.attribution.maps import value
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, norm_over_units, sites
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
    linear_pieces(network)
    if norm_over_units(network.model):
        raise InputError("a norm over units is not linear in pieces: use integrated_gradients")

    def of_line(line):
        return _of_line(network, line, site)

    return jax.lax.map(of_line, (starts, ends, units), batch_size=chunk)


def _of_line(network: Network, line: tuple[Image, Image, Int[Array, ""]], site: Site) -> Image:
    start, end, unit = line
    shift = end - start

    def explained(image):
        return value(network, image[None], unit[None], site)[0]

    def step(state):
        position, total = state
        here = position + _BEHIND
        margins, slopes = jax.jvp(lambda t: _margins(network, start + t * shift), (here,), (jnp.ones(()),))
        crosses = slopes != 0
        ahead = jnp.where(crosses, -margins / jnp.where(crosses, slopes, 1), jnp.inf)
        reached = jnp.minimum(here + jnp.min(jnp.where(ahead > 0, ahead, jnp.inf)), 1.0)
        reached = jnp.maximum(reached, here)  # rounding must not hold it up
        gradient = jax.grad(explained)(start + jnp.minimum(here, 1.0) * shift)
        return reached, total + (jnp.minimum(reached, 1.0) - position) * gradient

    start_state = jnp.zeros(()), jnp.zeros_like(start)
    return jax.lax.while_loop(lambda state: state[0] < 1.0, step, start_state)[1]


def _margins(network: Network, image: Image) -> Float[Array, " margins"]:
    """What is 0 at a break: every activation function's input, and how far a square's values are from its maximum."""
    _, activations = network(image)
    found = [activations[layer.pre].ravel() for layer in network.model.layers]
    before = dict(zip(sites(network.model)[1:], sites(network.model), strict=False))
    for step in network.model.steps:
        pooling = step.operations[-1]
        if isinstance(pooling, Pooling) and pooling.kind == "max":
            maps = activations[before[step.site]]
            rows, columns = (side // pooling.size for side in maps.shape[:2])
            cut = maps[: rows * pooling.size, : columns * pooling.size]
            squares = cut.reshape(rows, pooling.size, columns, pooling.size, -1)
            found.append((jnp.max(squares, axis=(1, 3), keepdims=True) - squares).ravel())
    return jnp.concatenate(found)
