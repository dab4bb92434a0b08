"""Does accuracy on a class rise steadily as a unit is scaled up? From accuracies by strength (`ablation.doses`)."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def rises(
    accuracy: Float[Array | np.ndarray, "units strengths classes"], count: Array | np.ndarray
) -> Float[Array, "units classes"]:
    """1 where an accuracy never falls by more than one image from step to step, and rises by more than one in all.

    count: images of each class. NaN for a class without any.
    """
    image = 1.001 / jnp.maximum(count, 1)
    steady = (jnp.diff(accuracy, axis=1) >= -image).all(axis=1)
    higher = accuracy[:, -1] - accuracy[:, 0] > image
    return jnp.where(jnp.isnan(accuracy[:, 0]), jnp.nan, steady & higher)
