"""How are pictures of the same examples turned so that they can be compared? Onto their consensus."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import decompositions
from jaxinterp.networks import EXACT

_ROUNDS = 20  # far more than pictures that agree need; others have no consensus worth more


class Aligned(NamedTuple):
    """Pictures with the same centre, size and orientation.

    pictures: centred at 0, of size 1 (root of the sum of squares), turned or mirrored. consensus: their mean.
    rotations: what each centred picture is multiplied by, besides its size. fit: the squared cosine between each
    picture and the consensus: 1 if it is the consensus up to rotation, reflection and size.
    """

    pictures: Float[Array, "pictures examples axes"]
    consensus: Float[Array, "examples axes"]
    rotations: Float[Array, "pictures axes axes"]
    fit: Float[Array, " pictures"]


def align(pictures: Float[Array | np.ndarray, "pictures examples axes"]) -> Aligned:
    """Generalised Procrustes analysis (Gower 1975, Generalized Procrustes analysis).

    Every picture is rotated or mirrored onto the consensus, which is then the mean of the rotated ones, and again. The
    first consensus is the first picture. A picture of one point stays where it is, and fits nothing.
    """
    centred = jnp.asarray(pictures) - jnp.mean(pictures, axis=1, keepdims=True)
    scaled = _scaled(centred)

    def turn(consensus):
        return jax.vmap(lambda picture: _rotation(picture, consensus))(scaled)

    def step(consensus, _):
        turned = jnp.matmul(scaled, turn(consensus), precision=EXACT)
        return _scaled(jnp.mean(turned, axis=0)), None

    consensus, _ = jax.lax.scan(step, scaled[0], length=_ROUNDS)
    rotations = turn(consensus)
    turned = jnp.matmul(scaled, rotations, precision=EXACT)
    return Aligned(turned, consensus, rotations, jnp.sum(turned * consensus, axis=(1, 2)) ** 2)


def _rotation(picture: Float[Array, "examples axes"], onto: Float[Array, "examples axes"]) -> Float[Array, "axes axes"]:
    """The orthogonal matrix by which the picture comes closest (Schönemann 1966)."""
    left, _, right = decompositions.svd(jnp.matmul(picture.T, onto, precision=EXACT))
    return jnp.matmul(left, right, precision=EXACT)


def _scaled(picture: Float[Array, "*pictures examples axes"]) -> Float[Array, "*pictures examples axes"]:
    size = jnp.sqrt(jnp.sum(picture**2, axis=(-2, -1), keepdims=True))
    return picture / jnp.where(size > 0, size, 1.0)
