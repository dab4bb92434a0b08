"""Units whose number of facets is known, for row 2.8: is a count of facets to be believed?

A facet is a block of pixels with a hidden unit of its own, which ink in the other blocks silences; the output adds the
hidden units up. Easy ones have peaks of one height, and valleys between them in which nothing fires. Harder ones have
unequal peaks, or valleys that leave a third of the gain, with two blocks lit at once as a lesser optimum; and a
unit may have one facet without being linear.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import facets
from jaxinterp.networks import MLP, Network

BIAS = -0.1
LESS = 0.7  # of the first peak's gain; a facet has more than .6
SHALLOW = 0.5  # of what lights one block, taken from the others; below .45 all of them together would be the best
LATE = -0.5  # bias of the second of two hidden units that share a block
DRAWS = 12  # units of each kind
PIXELS, HIDDEN = 64, 3


class Kind(NamedTuple):
    """A kind of planted unit.

    facets: how many it has; gains: of its hidden units' weights, the first's being 1; shallow: other blocks silence in
    proportion to their ink, and not altogether; together: all hidden units share one block.
    """

    facets: int
    gains: tuple[float, ...]
    shallow: bool = False
    together: bool = False


KINDS = {
    "1": Kind(1, (1,)),
    "2": Kind(2, (1, 1)),
    "3": Kind(3, (1, 1, 1)),
    "2, unequal peaks": Kind(2, (1, LESS)),
    "3, unequal peaks": Kind(3, (1, LESS, LESS)),
    "2, shallow valleys": Kind(2, (1, 1), shallow=True),
    "3, shallow valleys": Kind(3, (1, 1, 1), shallow=True),
    "1, not linear": Kind(1, (1, 1), together=True),
}


def networks(draws: int = DRAWS) -> Network:
    """Networks whose one output is a planted unit, as an ensemble: kind by kind, and draw by draw."""
    rng = np.random.default_rng(0)
    made = [_layers(kind, rng) for kind in KINDS.values() for _ in range(draws)]
    kernels, biases, gains = (jnp.asarray(np.stack(part), jnp.float32) for part in zip(*made, strict=True))
    params = {
        "hidden0": {"kernel": kernels, "bias": biases},
        "output": {"kernel": gains[..., None], "bias": jnp.zeros((len(made), 1))},
    }
    return Network(MLP((HIDDEN,), 1), {"params": params})


def _layers(kind: Kind, rng: np.random.Generator):
    """Kernel and bias of the hidden layer, and the gains."""
    used = len(kind.gains)
    kernel, bias, gains = np.zeros((PIXELS, HIDDEN)), np.full(HIDDEN, BIAS), np.zeros(HIDDEN)
    gains[:used] = kind.gains
    order = rng.permutation(PIXELS)
    if kind.together:
        block, rest = np.array_split(order, 2)
        kernel[rest, :used] = -1
        for unit in range(used):
            kernel[block, unit] = _ink(rng, block)
        bias[1:used] = LATE
    else:
        for unit, block in enumerate(np.array_split(order, used)):
            ink = _ink(rng, block)
            kernel[block, :used] = -SHALLOW * ink[:, None] if kind.shallow else -1
            kernel[block, unit] = ink
    return kernel, bias, gains


def _ink(rng: np.random.Generator, block: np.ndarray) -> np.ndarray:
    ink = rng.uniform(0.5, 1, len(block))
    return ink / ink.sum()


def count(network: Network, key, *, restarts: int, steps: int) -> Float[Array, ""]:
    """How many facets are found, with images in which now this block is lit, now that."""
    blocks = (network.variables["params"]["hidden0"]["kernel"] > 0).T.astype(jnp.float32)
    drawn, ink, search = jax.random.split(key, 3)
    lit = blocks[jax.random.randint(drawn, (100,), 0, len(blocks))]
    images = lit * jax.random.uniform(ink, lit.shape, minval=0.5)
    found = facets.by_maximisers(search, network, images, site="logits", restarts=restarts, steps=steps)
    return found.number[0].astype(float)
