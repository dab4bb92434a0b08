"""Is a unit's damage to one class more than chance, among all units and classes that were searched?"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import metrics
from jaxinterp.analysis.similarity import features


def searched_p(
    key,
    drops: Float[Array, "units examples"],
    labels: Int[Array | np.ndarray, " examples"],
    *,
    classes: int,
    draws: int,
) -> Float[Array, "units classes"]:
    """Does a unit's damage depend on the class more than it would with permuted labels, relative to its own noise?

    The statistic of a unit and a class is the mean drop over the class's examples, less the mean over all examples, in
    standard deviations that the difference has over all permutations of the labels: S √((n − m)/(n m)), with S the
    standard deviation of the unit's n drops and m examples of the class. A unit that harms all classes alike is thus
    neither found nor hides one that harms a single class. Every (unit, class) is compared with the largest statistic
    over all units and classes under permuted labels: p = (b + 1)/(draws + 1), corrected for the search (single-step
    maxT of Westfall and Young 1993, studentised). Permutations leave m and S as they are, so p is exact. It is 1 for a
    unit whose drops are equal up to rounding and where there is only one class, and NaN for absent classes.

    drops: each example's drop in correctness, margin or loss without each unit.
    """
    labels, count = jnp.asarray(labels), len(labels)
    centred = features.centred(drops, axis=-1)
    members = jnp.sum(labels[:, None] == jnp.arange(classes), axis=0)
    error = jnp.std(centred, -1, ddof=1, keepdims=True) * jnp.sqrt((count - members) / jnp.maximum(members, 1) / count)

    def statistics(labels):
        difference = metrics.by_class(centred, labels, classes=classes)
        known = jnp.isnan(difference) | (error > 0)
        return jnp.where(known, difference / jnp.where(error > 0, error, 1.0), -jnp.inf)

    def largest(key):
        return jnp.nanmax(statistics(jax.random.permutation(key, labels)))

    observed, null = statistics(labels), jax.lax.map(largest, jax.random.split(key, draws))
    exceeded = jnp.sum(null >= observed[..., None] - 1e-4, axis=-1)  # ties round; one more loss counts far more
    return jnp.where(jnp.isnan(observed), jnp.nan, (exceeded + 1) / (draws + 1))
