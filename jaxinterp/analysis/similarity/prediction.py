"""How well does one layer predict the other? Linear regression, fitted on half of the images, scored on the rest."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinterp.analysis.similarity.features import EXACT, centred, cross, finite, principal, rounding, scaled
from jaxinterp.analysis.similarity.measure import ROTATED, Measure, Prepared


def halves(examples: int) -> tuple[np.ndarray, np.ndarray]:
    """The examples to fit on and those to score on: always the same random halves.

    Taking every second example would not do, because data sets often list their classes in turn.
    """
    order = np.random.default_rng(0).permutation(examples)
    middle = (examples + 1) // 2
    return np.sort(order[:middle]), np.sort(order[middle:])


class _Halves(NamedTuple):
    """basis: the fitted half's rows of an orthonormal basis, and the scored half's rows in the same coordinates."""

    basis: jax.Array
    values: jax.Array


def _prepare_prediction(x) -> Prepared:
    """A layer as predictor, by its principal components on the fitted half, and as the target of a prediction."""
    x, known = finite(x)
    values = scaled(centred(x))
    fit, score = halves(len(x))
    fitted, scored = values[fit], values[score]
    centre = jnp.mean(fitted, axis=0)
    u, s, vt, kept = principal(centred(fitted), rounding(x.dtype))
    onto = vt.T * jnp.where(kept, 1 / jnp.where(kept, s, 1.0), 0.0)
    scored = jnp.matmul(scored - centre, onto, precision=EXACT)
    basis = jnp.zeros((len(x), len(s)), u.dtype).at[fit].set(u * kept).at[score].set(scored)
    return Prepared(_Halves(basis, values), jnp.matmul(scored.T, scored, precision=EXACT), known)


def _compare_prediction(x: Prepared, y: Prepared):
    """R² of Y's units from X's: 1 − (squared errors)/(squared deviations from the mean), each summed over all units."""
    fit, score = halves(y.rows.values.shape[1])
    fitted, scored = y.rows.values[:, fit], y.rows.values[:, score]
    centre = jnp.mean(fitted, axis=1, keepdims=True)
    errors = scored - centre
    weights, overlaps = cross(x.rows.basis[:, fit], fitted - centre), cross(x.rows.basis[:, score], errors)
    predicted = jnp.sum(weights * jnp.einsum("sac,stcb->stab", x.about, weights, precision=EXACT), (-1, -2))
    left = jnp.sum(errors**2, (-1, -2)) - 2 * jnp.sum(weights * overlaps, (-1, -2)) + predicted
    total = jnp.sum(centred(scored) ** 2, (-1, -2))
    return jnp.where(total > 0, 1 - left / jnp.where(total > 0, total, 1.0), jnp.nan)


MEASURES = (
    Measure("predictivity", _prepare_prediction, _compare_prediction, "higher", (-math.inf, 1.0), False, ROTATED, 4),
)
