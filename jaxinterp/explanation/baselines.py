"""What must a label beat? Predictions of a unit's activation that need no words: by class, by pixels, by likeness."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp.analysis import decompositions
from jaxinterp.networks import EXACT

BASELINES = ("best class", "class means", "linear in pixels", "nearest exemplar")
PENALTIES = np.logspace(-5, 1, 13)  # of ridge regression, as shares of the pixels' largest variance

Images = Float[Array | np.ndarray, "examples pixels"]


class Decomposed(NamedTuple):
    """Images from which activations are regressed: their mean, deviations from it, and the axes of these.

    sizes: sum of squares along each axis, in columns of axes.
    """

    mean: Float[Array, " pixels"]
    deviations: Float[Array, "examples pixels"]
    axes: Float[Array, "pixels pixels"]
    sizes: Float[Array, " pixels"]


def decomposed(images: Images) -> Decomposed:
    """Decompose images once for all units of all networks."""
    images = jnp.asarray(images)
    mean = jnp.mean(images, axis=0)
    deviations = images - mean
    sizes, axes = decompositions.eigh(jnp.matmul(deviations.T, deviations, precision=EXACT))
    return Decomposed(mean, deviations, axes, jnp.maximum(sizes, 0))


def predictions(
    class_mean: Float[Array | np.ndarray, "units classes"],
    exemplars: Float[Array | np.ndarray, "units exemplars pixels"],
    regressed: Decomposed,
    activations: Float[Array, "fitted units"],
    images: Images,
    labels: Int[Array | np.ndarray, " examples"],
) -> Float[Array, "baselines units examples"]:
    """What each of BASELINES predicts for each image.

    - best class: 1 on images of the class with the highest mean activation;
    - class means: the mean activation on the image's class;
    - linear in pixels: ridge regression of the activations on the fitted images, see `ridge`;
    - nearest exemplar: the largest cosine similarity of the image with one of the unit's exemplars.

    regressed, activations: the images that the facts were measured on, and the units' activations on these. labels: the
    true classes.
    """
    known = jnp.nan_to_num(jnp.asarray(class_mean), nan=-jnp.inf)
    by_class = jnp.nan_to_num(jnp.asarray(class_mean))[:, labels]
    best = jnp.argmax(known, axis=1)
    weights, bias = ridge(regressed, activations)
    linear = jnp.matmul(weights, jnp.asarray(images).T, precision=EXACT) + bias[:, None]
    is_best = jnp.equal(best[:, None], jnp.asarray(labels))
    return jnp.stack([1.0 * is_best, by_class, linear, _likeness(jnp.asarray(exemplars), jnp.asarray(images))])


def ridge(
    regressed: Decomposed, activations: Float[Array, "fitted units"]
) -> tuple[Float[Array, "units pixels"], Float[Array, " units"]]:
    """Weights and bias of each unit's ridge regression, with the penalty that generalised cross-validation chooses.

    Of PENALTIES × the largest size, the one with the least RSS/(n − d)², where d is the trace of the hat matrix (Golub,
    Heath and Wahba 1979). The bias is not penalised.
    """
    mean = jnp.mean(activations, axis=0)
    targets = activations - mean
    along = jnp.matmul(
        regressed.axes.T, jnp.matmul(regressed.deviations.T, targets, precision=EXACT), precision=EXACT
    )  # axes × units
    sizes, count = regressed.sizes, activations.shape[0]
    penalties = jnp.asarray(PENALTIES, sizes.dtype) * jnp.max(sizes)
    shrunk = 1 / (sizes + penalties[:, None])  # penalties × axes
    explained = jnp.matmul(2 * shrunk - sizes * shrunk**2, along**2, precision=EXACT)
    freedom = 1 + jnp.sum(sizes * shrunk, axis=1)
    residual = jnp.maximum(jnp.sum(targets**2, axis=0) - explained, 0)
    chosen = jnp.argmin(residual / jnp.maximum(count - freedom, 1e-3)[:, None] ** 2, axis=0)
    weights = jnp.matmul(regressed.axes, along * shrunk[chosen].T, precision=EXACT).T
    return weights, mean - jnp.matmul(weights, regressed.mean, precision=EXACT)


def _likeness(
    exemplars: Float[Array, "units exemplars pixels"], images: Float[Array, "examples pixels"]
) -> Float[Array, "units examples"]:
    def unit_length(values: Array) -> Array:
        length = jnp.linalg.norm(values, axis=-1, keepdims=True)
        return values / jnp.where(length > 0, length, 1.0)

    units, number, pixels = exemplars.shape
    products = jnp.matmul(unit_length(exemplars).reshape(-1, pixels), unit_length(images).T)
    return jnp.max(products.reshape(units, number, -1), axis=1)
