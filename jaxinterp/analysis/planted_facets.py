"""Can a count of facets be trusted? Units whose number of facets is known.

Each planted unit is the output of a small network. Each of its facets is a block of pixels with its own hidden unit,
which ink in the other blocks inhibits; the output adds up the hidden units. Easy units have facets with equal highest
gains, and are inactive on blends of them. Harder ones have unequal gains, or stay active on blends, with a third of the
gain and a lesser optimum where two blocks are inked at once. Inhibited ones are inactive unless a whole block is inked,
so that none of the given images activates them. One kind has a single facet although it is not linear.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import ensemble, networks
from jaxinterp.analysis import facets
from jaxinterp.networks import Network

BIAS = -0.1
LESS = 0.7  # share of the first peak's gain; a facet has more than .6
INHIBITED = -0.95  # bias of hidden units that are active only on a block with more than .95 of all ink
SHALLOW = 0.5  # inhibition by other blocks, per unit of excitation; below .45 all blocks at once would be the optimum
LATE = -0.5  # bias of the second of two hidden units that share a block
DRAWS = 12  # units per kind
PIXELS, HIDDEN = 64, 3


class Kind(NamedTuple):
    """A kind of planted unit.

    facets: their number. gains: output weights of the hidden units, 1 for the first. shallow: other blocks inhibit in
    proportion to their ink, not completely. together: all hidden units share one block. bias: of the hidden units.
    """

    facets: int
    gains: tuple[float, ...]
    shallow: bool = False
    together: bool = False
    bias: float = BIAS


KINDS = {
    "1": Kind(1, (1,)),
    "2": Kind(2, (1, 1)),
    "3": Kind(3, (1, 1, 1)),
    "2, unequal peaks": Kind(2, (1, LESS)),
    "3, unequal peaks": Kind(3, (1, LESS, LESS)),
    "2, shallow valleys": Kind(2, (1, 1), shallow=True),
    "3, shallow valleys": Kind(3, (1, 1, 1), shallow=True),
    "1, not linear": Kind(1, (1, 1), together=True),
    "2, inhibited": Kind(2, (1, 1), bias=INHIBITED),
    "3, inhibited": Kind(3, (1, 1, 1), bias=INHIBITED),
}


class Counts(NamedTuple):
    """Facets found of planted units, and how many they have."""

    found: Float[np.ndarray, "kinds draws"]
    true: Float[np.ndarray, "kinds draws"]


def planted(draws: int = DRAWS) -> Network:
    """An ensemble of networks whose only output is a planted unit: all draws of the first kind first, and so on."""
    rng = np.random.default_rng(0)
    made = [_layers(kind, rng) for kind in KINDS.values() for _ in range(draws)]
    kernels, biases, gains = (jnp.asarray(np.stack(part), jnp.float32) for part in zip(*made, strict=True))
    return networks.from_layers([(kernels, biases), (gains[..., None], jnp.zeros((len(made), 1)))])


def _layers(kind: Kind, rng: np.random.Generator):
    """Kernel and bias of the hidden layer, and the gains."""
    used = len(kind.gains)
    kernel, bias, gains = np.zeros((PIXELS, HIDDEN)), np.full(HIDDEN, kind.bias), np.zeros(HIDDEN)
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
    """The number of facets that `facets.by_maximisers` finds, given images in which one block each is inked."""
    (kernel, _), *_ = networks.folded(network)
    blocks = (kernel > 0).T.astype(jnp.float32)
    drawn, ink, search = jax.random.split(key, 3)
    inked = blocks[jax.random.randint(drawn, (100,), 0, len(blocks))]
    images = inked * jax.random.uniform(ink, inked.shape, minval=0.5)
    found = facets.by_maximisers(search, network, images, site="logits", restarts=restarts, steps=steps)
    return found.number[0].astype(float)


def count_all(key, *, restarts: int, steps: int) -> Counts:
    """`count` of every planted unit."""
    units = planted()
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(ensemble.size(units)))
    lifted = ensemble.over_seeds(partial(count, restarts=restarts, steps=steps), chunk=len(KINDS) * DRAWS, keyed=True)
    true = np.array([[float(kind.facets)] * DRAWS for kind in KINDS.values()])
    return Counts(np.asarray(jax.jit(lifted)(units, keys)).reshape(true.shape), true)
