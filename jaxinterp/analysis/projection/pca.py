"""Along which directions do a layer's activations vary most? Principal components, with a sign convention."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import decompositions
from jaxinterp.errors import InputError
from jaxinterp.networks import EXACT

Activations = Float[Array | np.ndarray, "examples units"]


class Components(NamedTuple):
    """Principal components, that of the largest variance first.

    directions: of length 1; the largest of each one's loadings in size is positive. variance: along each (ddof 1).
    share: of the total variance; 0 where all examples are alike. scores: of the examples, less their mean.
    """

    mean: Float[Array, " units"]
    directions: Float[Array, "components units"]
    variance: Float[Array, " components"]
    share: Float[Array, " components"]
    scores: Float[Array, "examples components"]


def pca(activations: Activations, *, components: int) -> Components:
    """The first principal components of a layer's activations on some images.

    Eigenvectors of the covariance matrix (Pearson 1901, On lines and planes of closest fit). One network's: lift it
    with `ensemble.over_seeds`. Raises InputError for fewer than two examples, and for more components than units.
    """
    examples, units = activations.shape
    if examples < 2:
        raise InputError(f"principal components need 2 or more examples, got {examples}")
    if not 1 <= components <= units:
        raise InputError(f"components is {components} for {units} units: use 1 to {units}")
    mean = jnp.mean(activations, axis=0)
    centred = jnp.asarray(activations) - mean
    covariance = jnp.matmul(centred.T, centred, precision=EXACT) / (examples - 1)
    values, vectors = decompositions.eigh(covariance)
    variance, directions = jnp.maximum(values[::-1], 0.0), _signed(vectors.T[::-1])
    total = jnp.sum(variance)
    return Components(
        mean=mean,
        directions=directions[:components],
        variance=variance[:components],
        share=variance[:components] / jnp.where(total > 0, total, 1.0),
        scores=jnp.matmul(centred, directions[:components].T, precision=EXACT),
    )


def plane(activations: Activations) -> Components:
    """The first two principal components. A layer of one unit has a second one without variance."""
    missing = max(0, 2 - activations.shape[1])
    return pca(jnp.pad(jnp.asarray(activations), ((0, 0), (0, missing))), components=2)


def _signed(directions: Float[Array, "components units"]) -> Float[Array, "components units"]:
    largest = jnp.argmax(jnp.abs(directions), axis=1)
    signs = jnp.sign(jnp.take_along_axis(directions, largest[:, None], axis=1))
    return directions * jnp.where(signs == 0, 1.0, signs)
